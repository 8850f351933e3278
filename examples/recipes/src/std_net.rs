//! A blocking echo server on `std::net`, one thread for each connection, with framing of its own.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tokio_tungstenite::tungstenite;
use websocket_close::{CloseFrame, ClosingHandshake, Role, TransportAction, TransportEnd};

const PATIENCE: Duration = Duration::from_secs(10);
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

pub fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_read_timeout(Some(PATIENCE))?;
        thread::spawn(move || {
            // The opening handshake. After that the framing is our own.
            if let Ok(socket) = tungstenite::accept(stream) {
                serve(socket.into_inner());
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) {
    let mut closing = ClosingHandshake::new(Role::Server);
    if let Err(error) = echo(&mut stream, &mut closing) {
        eprintln!("{error}");
    }
    // Closing with unread bytes could destroy our own Close on its way.
    let _ = stream.shutdown(Shutdown::Write);
    let _ = io::copy(&mut stream.take(1 << 20), &mut io::sink());
    println!("{}", closing.into_ending(TransportEnd::NotKnown));
}

fn echo(stream: &mut TcpStream, closing: &mut ClosingHandshake) -> io::Result<()> {
    while closing.transport() == TransportAction::Keep {
        let (first, payload) = read_frame(stream)?;
        match first & 0x0f {
            CLOSE => {
                let answer = closing.receive_or_reject(CloseFrame::from_payload(&payload));
                let answer = answer.unwrap_or(CloseFrame::EMPTY);
                write_frame(stream, first, answer.write_payload(&mut [0; 125]))?;
                closing.mark_written();
            }
            PING => write_frame(stream, 0x80 | PONG, &payload)?,
            PONG => {}
            _ => write_frame(stream, first, &payload)?,
        }
    }
    Ok(())
}

/// Byte 0 of a frame, and its unmasked payload.
fn read_frame(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let [first, second] = head;
    if second & 0x80 == 0 {
        return Err(io::Error::other("an unmasked frame"));
    }
    let len = match second & 0x7f {
        126 => {
            let mut len = [0; 2];
            stream.read_exact(&mut len)?;
            u16::from_be_bytes(len).into()
        }
        127 => return Err(io::Error::other("a frame of 64 KiB or more")),
        len => len.into(),
    };
    let mut key = [0; 4];
    stream.read_exact(&mut key)?;
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload)?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok((first, payload))
}

fn write_frame(stream: &mut TcpStream, first: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![first];
    if let Ok(len @ ..126) = u8::try_from(payload.len()) {
        frame.push(len);
    } else {
        let len = u16::try_from(payload.len()).map_err(io::Error::other)?;
        frame.push(126);
        frame.extend(len.to_be_bytes());
    }
    frame.extend(payload);
    stream.write_all(&frame)
}
