//! A blocking echo server on `std::net`, one thread for each connection, with framing of its own.
//! A connection ends within 14 seconds of the last frame in either direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use tokio_tungstenite::tungstenite;
use websocket_close::{CloseFrame, ClosingHandshake, Loss, Role, TransportEnd};

use crate::deadline::{Socket, clients};
use crate::fragments::Fragments;

/// How long the opening handshake may take, and then each frame to come and to be answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end may take: our Close, and then the client's end of the transport.
const END: Duration = Duration::from_secs(4);

/// Byte 0 of the control frames: FIN and the opcode.
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Why no Close has come.
enum Fault {
    /// The client is at fault. We fail the connection with this code.
    Theirs(u16),
    Lost(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => Self::Theirs(1001),
            _ => Self::Lost(error),
        }
    }
}

pub fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    for socket in clients(&listener, PATIENCE) {
        let connection = thread::Builder::new().spawn(move || {
            // The opening handshake. After that the framing is our own.
            if let Ok(socket) = tungstenite::accept(socket) {
                serve(socket.into_inner());
            }
        });
        // There are no threads left, perhaps.
        if let Err(error) = connection {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn serve(mut socket: Socket) {
    let mut closing = ClosingHandshake::new(Role::Server);
    let mut end = TransportEnd::NotKnown;
    let close = match echo(&mut socket) {
        Ok(payload) => closing.receive_or_reject(CloseFrame::from_payload(&payload)),
        Err(Fault::Theirs(code)) => closing.fail(CloseFrame::from_static(code, "")),
        Err(Fault::Lost(error)) => {
            eprintln!("{error}");
            if error.kind() == ErrorKind::ConnectionReset {
                end = TransportEnd::Lost(Loss::Reset);
            }
            None
        }
    };
    socket.wait(END);
    if close.is_some_and(|close| write_frame(&mut socket, CLOSE, close.write_payload(&mut [0; 125])).is_ok()) {
        closing.mark_written();
    }
    socket.end();
    println!("{}", closing.into_ending(end));
}

/// Echoes what comes before the Close, and returns the payload of the Close.
fn echo(socket: &mut Socket) -> Result<Vec<u8>, Fault> {
    let mut fragments = Fragments::default();
    loop {
        socket.wait(PATIENCE);
        let (first, payload) = read_frame(socket)?;
        let written = match first {
            CLOSE => return Ok(payload),
            PING => write_frame(socket, PONG, &payload),
            PONG => Ok(()),
            // Text, binary, or a fragment. `read_frame` has refused everything else.
            _ => {
                fragments.judge(first & 0x0f, first & 0x80 != 0, &payload).map_err(Fault::Theirs)?;
                write_frame(socket, first, &payload)
            }
        };
        // Half a frame may be out now, and no Close can follow that.
        written.map_err(Fault::Lost)?;
    }
}

/// Byte 0 of a frame, and its unmasked payload.
fn read_frame(socket: &mut Socket) -> Result<(u8, Vec<u8>), Fault> {
    let mut head = [0; 2];
    socket.read_exact(&mut head)?;
    let [first, second] = head;
    let (opcode, len) = (first & 0x0f, second & 0x7f);
    let is_control = opcode >= 0x8;
    // RSV bits without an extension, no mask, a reserved opcode; a control frame in fragments, or with more than 125
    // bytes.
    if first & 0x70 != 0
        || second & 0x80 == 0
        || matches!(opcode, 0x3..=0x7 | 0xb..)
        || is_control && (first & 0x80 == 0 || len > 125)
    {
        return Err(Fault::Theirs(1002));
    }
    let len = match len {
        126 => {
            let mut len = [0; 2];
            socket.read_exact(&mut len)?;
            u16::from_be_bytes(len).into()
        }
        127 => return Err(Fault::Theirs(1009)),
        len => len.into(),
    };
    let mut key = [0; 4];
    socket.read_exact(&mut key)?;
    let mut payload = vec![0; len];
    socket.read_exact(&mut payload)?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok((first, payload))
}

fn write_frame(socket: &mut Socket, first: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![first];
    if let Ok(len @ ..126) = u8::try_from(payload.len()) {
        frame.push(len);
    } else {
        let len = u16::try_from(payload.len()).map_err(io::Error::other)?;
        frame.push(126);
        frame.extend(len.to_be_bytes());
    }
    frame.extend(payload);
    socket.write_all(&frame)
}
