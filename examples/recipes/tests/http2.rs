//! The HTTP/2 recipe as a program, with two clients: raw frames on a stream of the h2 crate, and hyper's client with
//! this crate's `finish`.

mod process;

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use h2::client::SendRequest;
use h2::{Reason, RecvStream, SendStream};
use http_body_util::Empty;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use process::{Process, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;
use websocket_close::codec::{CloseCodec, Timeouts, finish};
use websocket_close::{Awaited, CloseFrame, ClosingHandshake, Loss, Role, TransportEnd};

/// Never reached by a server that behaves.
const LEISURE: Duration = Duration::from_secs(30);

/// A connection of HTTP/2 on which the server allows an extended CONNECT. `window` is the client's window for each
/// stream.
async fn connection(process: &Process, window: u32) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(&process.address).await.unwrap();
    let (client, connection) = h2::client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    while !client.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        client = client.ready().await.unwrap();
    }
    client
}

fn request(version: &str) -> Request<()> {
    let mut request = Request::connect("http://localhost/").version(hyper::Version::HTTP_2).body(()).unwrap();
    request.headers_mut().insert("sec-websocket-version", version.parse().unwrap());
    request
}

/// A WebSocket: what the client sends, and what it reads.
async fn open(client: &mut SendRequest<Bytes>) -> (SendStream<Bytes>, RecvStream) {
    let mut request = request("13");
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let (response, to_server) = client.send_request(request, false).unwrap();
    let response = timeout(LEISURE, response).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    (to_server, response.into_body())
}

/// Reads to `END_STREAM`.
async fn read_to_end(from_server: &mut RecvStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = timeout(LEISURE, from_server.data()).await.unwrap() {
        let chunk = chunk.unwrap();
        from_server.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend(chunk);
    }
    bytes
}

/// The tests have several threads, so that their clients go on meanwhile.
fn line(process: &Process) -> String {
    process.line(LEISURE).expect("no line")
}

/// The line of an ending on which nobody has closed.
fn nobody_closed(end: TransportEnd) -> String {
    ClosingHandshake::new(Role::Server).into_ending(end).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_frames() {
    let process = Process::start(&["http2", "127.0.0.1:0"]);
    let mut client = connection(&process, 65535).await;

    // What is no WebSocket of version 13.
    let (response, _) = client.send_request(request("13"), true).unwrap();
    assert_eq!(response.await.unwrap().status(), StatusCode::NOT_FOUND);
    let mut old = request("8");
    old.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let (response, _stream) = client.send_request(old, false).unwrap();
    assert_eq!(response.await.unwrap().status(), StatusCode::BAD_REQUEST);

    // All of these share one connection.
    let cases: [(&[u8], &[u8], &str); 4] = [
        (&frame(0x88, b"\x0f\xa1bye"), b"\x88\x02\x0f\xa1", "4001 (private use) \"bye\", clean; "),
        (&frame(0x88, b""), b"\x88\x00", "1005 (no status received), clean; "),
        (&frame(0x88, b"\x03\xed"), b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean; "),
        (&frame(0x81, b"\xff"), b"\x88\x02\x03\xef", "1006 (abnormal closure), not clean; "),
    ];
    for (sent, close, event) in cases {
        let (mut to_server, mut from_server) = open(&mut client).await;
        to_server.send_data(Bytes::copy_from_slice(&[&frame(0x81, b"hi"), sent].concat()), false).unwrap();
        let received = read_to_end(&mut from_server).await;
        assert_eq!(received, [b"\x81\x02hi", close].concat());
        to_server.send_data(Bytes::new(), true).unwrap();
        let line = line(&process);
        assert!(line.starts_with(event), "{line}");
    }

    // The ends without a Close. Resets with CANCEL and NO_ERROR read as an end in order; others do not.
    let (mut to_server, _from_server) = open(&mut client).await;
    to_server.send_data(Bytes::new(), true).unwrap();
    assert_eq!(line(&process), nobody_closed(TransportEnd::InOrder));
    let resets = [
        (Reason::CANCEL, TransportEnd::InOrder),
        (Reason::NO_ERROR, TransportEnd::InOrder),
        (Reason::PROTOCOL_ERROR, TransportEnd::Lost(Loss::Other)),
    ];
    for (reason, end) in resets {
        let (mut to_server, _from_server) = open(&mut client).await;
        to_server.send_reset(reason);
        assert_eq!(line(&process), nobody_closed(end), "{reason:?}");
    }
}

/// hyper has taken our Close, and so it counts as written. The client, whose window is shut, has not got it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shut_window() {
    let process = Process::start(&["http2", "127.0.0.1:0"]);
    let mut client = connection(&process, 0).await;
    let (mut to_server, _from_server) = open(&mut client).await;
    to_server.send_data(frame(0x88, b"\x03\xe8").into(), false).unwrap();
    let mut closing = ClosingHandshake::new(Role::Server);
    let _answer = closing.receive(CloseFrame::from_static(1000, ""));
    closing.mark_written();
    let cut = TransportEnd::Cut { awaited: Awaited::End, after: Duration::from_secs(2), discarded: Some(0) };
    assert_eq!(line(&process), closing.into_ending(cut).to_string());
}

/// Clients that do not even begin, or begin and ask for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request() {
    let process = Process::start(&["http2", "127.0.0.1:0"]);
    let mute = TcpStream::connect(&process.address).await.unwrap();
    let mut begins = TcpStream::connect(&process.address).await.unwrap();
    begins.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    for mut client in [mute, begins] {
        let ended = timeout(LEISURE, client.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hyper_and_finish() {
    let process = Process::start(&["http2", "127.0.0.1:0"]);
    let stream = TokioIo::new(TcpStream::connect(&process.address).await.unwrap());
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    for (goodbye, told) in [
        (CloseFrame::from_static(4001, "bye"), "4001 (private use), clean"),
        (CloseFrame::EMPTY, "1005 (no status received), clean"),
    ] {
        let mut request = request("13").map(|()| Empty::<Bytes>::new());
        request.extensions_mut().insert(hyper::ext::Protocol::from_static("websocket"));
        client.ready().await.unwrap();
        let response = timeout(LEISURE, client.send_request(request)).await.unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        let mut socket = Framed::new(upgraded, CloseCodec::client(|| [0; 4]));
        let finished = finish(&mut socket, goodbye, Timeouts::DEFAULT.close(LEISURE).end(LEISURE)).await;
        assert_eq!(finished.ending.event().to_string(), told);
        assert_eq!(finished.ending.transport_end(), TransportEnd::InOrder);
        assert!(finished.io_error.is_none(), "{:?}", finished.io_error);
        assert!(socket.next().await.is_none());
        drop(socket);
        let line = line(&process);
        assert!(line.starts_with(&told[..4]), "{line}");
    }
}
