//! One end of a WebSocket with tungstenite. Prints what it reports: a JSON line for each connection.
//!
//! ```text
//! real-rust-end serve PORT
//! real-rust-end connect URL
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// What a server puts on the wire itself.
fn raw(case: &str) -> Option<Vec<u8>> {
    Some(match case {
        "bad-code" => b"\x88\x02\x03\xed".to_vec(),
        "bad-utf8" => b"\x88\x05\x03\xe8\xc3\x28\xff".to_vec(),
        "bad-text" => b"\x81\x02\xc3\x28".to_vec(),
        "bad-opcode" => b"\x83\x02hi".to_vec(),
        "more-after-close" => b"\x88\x02\x03\xe8\x81\x02hi\x89\x00".to_vec(),
        "cut-frame" => [b"\x82\x7e\x10\x00", &[b'x'; 100][..]].concat(),
        _ => return None,
    })
}

fn close(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame { code: code.into(), reason: reason.into() }
}

/// Reads to the end, and prints what this end learnt: the Close that came, and whether the closing handshake was
/// completed.
fn report(end: Role, path: &str, ws: &mut WebSocket<TcpStream>, on_message: impl Fn(&mut WebSocket<TcpStream>)) {
    let mut theirs = None;
    let was_clean = loop {
        match ws.read() {
            Ok(Message::Close(frame)) => theirs = Some(frame),
            Ok(_) => on_message(ws),
            Err(Error::ConnectionClosed) => break true,
            Err(error) => {
                // What is queued, such as the answer to a wrong frame, goes out as in its examples.
                let _ = ws.flush();
                eprintln!("{path}: {error}");
                break false;
            }
        }
    };
    let (code, reason) = match &theirs {
        None => (1006, String::new()),
        Some(None) => (1005, String::new()),
        Some(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
    };
    let line = serde_json::json!({
        "program": "rust",
        "end": if end == Role::Server { "server" } else { "client" },
        "path": path,
        "code": code,
        "reason": reason,
        "wasClean": was_clean && theirs.is_some(),
    });
    println!("{line}");
}

#[expect(clippy::result_large_err, reason = "tungstenite asks for this type")]
fn serve(stream: TcpStream) {
    let mut path = String::new();
    let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    let config = WebSocketConfig::default().max_message_size(Some(1000)).max_frame_size(Some(1000));
    let Ok(mut ws) = tungstenite::accept_hdr_with_config(stream, note, Some(config)) else { return };
    let case = path.split('/').nth(1).unwrap_or_default().to_owned();
    match case.as_str() {
        "server-closes" => {
            ws.send(Message::text("hello")).unwrap();
            ws.close(Some(close(1001, "see you"))).unwrap();
        }
        "client-has-its-own-code" => {
            ws.send(Message::text("go")).unwrap();
            ws.close(Some(close(1000, "server done"))).unwrap();
        }
        _ => {}
    }
    report(Role::Server, &path, &mut ws, |ws| {
        if let Some(bytes) = raw(&case) {
            ws.get_mut().write_all(&bytes).unwrap();
        }
        match case.as_str() {
            "cut-frame" => {
                thread::sleep(Duration::from_millis(50));
                let _ = ws.get_ref().shutdown(std::net::Shutdown::Both);
            }
            "server-drops" => drop(ws.get_ref().shutdown(std::net::Shutdown::Both)),
            "server-resets" => reset(ws),
            _ => {}
        }
    });
}

/// Closes the socket below, with a reset.
fn reset(ws: &mut WebSocket<TcpStream>) {
    SockRef::from(ws.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    // Another socket takes its place, so that the first one is closed now.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    *ws.get_mut() = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
}

fn connect(url: &str) {
    let path = format!("/{}", url.splitn(4, '/').nth(3).unwrap());
    let case = path.split('/').nth(1).unwrap_or_default().to_owned();
    let address = url.split('/').nth(2).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    let Ok((mut ws, _)) = tungstenite::client(url, stream) else {
        println!(
            "{}",
            serde_json::json!({"program": "rust", "end": "client", "path": path, "code": 1006, "reason": "", "wasClean": false})
        );
        return;
    };
    ws.send(Message::text("hi")).unwrap();
    match case.as_str() {
        "client-closes" => ws.close(Some(close(4001, "done"))).unwrap(),
        "no-code" => ws.close(None).unwrap(),
        "too-big" => ws.send(Message::text("x".repeat(5000))).unwrap(),
        "client-drops" => drop(ws.get_ref().shutdown(std::net::Shutdown::Both)),
        "client-resets" => {
            thread::sleep(Duration::from_millis(100));
            reset(&mut ws);
        }
        _ => {}
    }
    report(Role::Client, &path, &mut ws, |ws| {
        if case == "client-has-its-own-code" {
            let _ = ws.close(Some(close(4002, "client done")));
        }
    });
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "connect" {
        return connect(&args[2]);
    }
    let listener = TcpListener::bind(("127.0.0.1", args[2].parse().unwrap())).unwrap();
    println!("ready");
    for stream in listener.incoming() {
        thread::spawn(move || serve(stream.unwrap()));
    }
}
