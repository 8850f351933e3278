//! How large the types are that a connection keeps.

use std::mem::size_of;

use tokio::net::TcpStream;
use tokio_util::codec::Framed;
use websocket_close::codec::{Bare, CloseCodec, Finished, Message};
use websocket_close::{CloseEvent, CloseFrame, ClosingHandshake, ClosingState, Ending, OwnedCloseFrame};

type Item = [u8; 32];

pub fn print() {
    for (name, size) in [
        ("CloseFrame", size_of::<CloseFrame<'_>>()),
        ("OwnedCloseFrame", size_of::<OwnedCloseFrame>()),
        ("CloseEvent", size_of::<CloseEvent>()),
        ("ClosingState", size_of::<ClosingState>()),
        ("ClosingHandshake", size_of::<ClosingHandshake>()),
        ("Ending", size_of::<Ending>()),
        ("Finished", size_of::<Finished>()),
        ("CloseCodec", size_of::<CloseCodec>()),
        ("Message<T>, without T's 32", size_of::<Message<Item>>() - size_of::<Item>()),
        ("Bare<TcpStream>, without the TcpStream", size_of::<Bare<TcpStream>>() - size_of::<TcpStream>()),
        ("Framed<TcpStream, CloseCodec>", size_of::<Framed<TcpStream, CloseCodec>>()),
        ("tokio_websockets::WebSocketStream<TcpStream>", size_of::<tokio_websockets::WebSocketStream<TcpStream>>()),
        ("tungstenite::WebSocket<TcpStream>", size_of::<tungstenite::WebSocket<TcpStream>>()),
        ("tungstenite::protocol::WebSocketContext", size_of::<tungstenite::protocol::WebSocketContext>()),
        ("yawc::WebSocket<TcpStream>", size_of::<yawc::WebSocket<TcpStream>>()),
    ] {
        println!("{name:<46} {size:>6}");
    }
}
