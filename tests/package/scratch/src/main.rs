//! A program of a user, who has nothing but the published packages: `tests/package.sh`.

use websocket_close::{CloseFrame, ClosingHandshake, Role, TransportEnd, codec::CloseCodec, stream, wire};
use wsclose::Observer;

fn main() {
    let mut frame = *b"\x88\x05\x03\xe9bye";
    let Ok(wire::Peek::Close(close)) = wire::peek(Role::Client, &mut frame) else { panic!("a Close") };
    let mut closing = ClosingHandshake::new(Role::Client);
    let answer = closing.receive(close.decode().unwrap());
    assert_eq!(answer, Some(CloseFrame::from_static(1001, "")));
    closing.mark_written();
    println!("{}", closing.into_ending(TransportEnd::InOrder));
    assert!(CloseCodec::server().closing().is_open());
    let _: Option<stream::Parts<'_>> = None;

    let mut observer = Observer::new();
    observer.bytes(Role::Server, b"\x88\x02\x03\xe9");
    assert_eq!(observer.first(), Some(Role::Server));
}
