//! The opening handshake, with the help of websocket-codec and httparse. Bytes right behind it are not lost.

use std::io;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;
use websocket_codec::{ClientRequest, UpgradeCodec};

/// The key of the examples in RFC 6455, 1.3. The key need not be random here, because there are no caches.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The longest request that the server reads.
const MAX_REQUEST: usize = 8192;

/// Opens a WebSocket as the client.
pub async fn client<C>(mut stream: TcpStream, codec: C) -> io::Result<Framed<TcpStream, C>> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut framed = Framed::new(stream, UpgradeCodec::new(KEY));
    let answer = framed.next().await.ok_or(io::ErrorKind::UnexpectedEof)?;
    answer.map_err(io::Error::other)?;
    Ok(framed.map_codec(|_| codec))
}

/// Opens a WebSocket as the server.
pub async fn server<C>(mut stream: TcpStream, codec: C) -> io::Result<Framed<TcpStream, C>> {
    // The client sends nothing more until it has the answer (RFC 6455, 4.1).
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(stream.read_u8().await?);
    }
    let accept = accept(&head).map_err(io::Error::other)?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(Framed::new(stream, codec))
}

/// The value of `Sec-WebSocket-Accept` for a request.
fn accept(head: &[u8]) -> websocket_codec::Result<String> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(head)?;
    let headers = &*request.headers;
    let value = |name: &str| {
        let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(header.value).ok()
    };
    Ok(ClientRequest::parse(value)?.ws_accept())
}
