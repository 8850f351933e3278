//! An echo server for conformance suites: `CloseCodec` around websocket-codec, or with `--bare` only websocket-codec.

use std::error::Error;
use std::str::Utf8Error;

use close_interop::inner::Inner as _;
use close_interop::{echo, open};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use websocket_close::codec::{self, CloseCodec, Timeouts, finish};
use websocket_close::{CloseCode, CloseFrame};
use websocket_codec::{MessageCodec, Opcode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut address, mut bare) = ("127.0.0.1:9001".to_owned(), false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--bare" => bare = true,
            option if option.starts_with('-') => return Err("usage: echo [--bare] [address:port]".into()),
            _ => address = argument,
        }
    }
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move { if bare { serve_bare(stream).await } else { serve_wrapped(stream).await } });
    }
}

async fn serve_wrapped(stream: TcpStream) {
    let Ok(mut framed) = open::server(stream, CloseCodec::server().wrap(MessageCodec::server())).await else { return };
    // The code to fail with if the inner codec has found the fault. Its errors do not know their code.
    let code = match echo(&mut framed).await {
        Err(codec::Error::Inner(error)) if error.is::<Utf8Error>() => CloseCode::INVALID_PAYLOAD,
        Err(_) => CloseCode::PROTOCOL_ERROR,
        Ok(()) => CloseCode::NORMAL_CLOSURE,
    };
    finish(&mut framed, CloseFrame::from_code(code), Timeouts::DEFAULT).await;
}

/// Uses the codec without this crate: answers a Close with the same frame, and drops the connection on an error.
async fn serve_bare(stream: TcpStream) {
    let Ok(mut framed) = open::server(stream, MessageCodec::server()).await else { return };
    while let Some(Ok(message)) = framed.next().await {
        let last = message.opcode() == Opcode::Close;
        let answer = if last { Some(message) } else { MessageCodec::echo(message) };
        if let Some(answer) = answer
            && framed.send(answer).await.is_err()
        {
            return;
        }
        if last {
            return;
        }
    }
}
