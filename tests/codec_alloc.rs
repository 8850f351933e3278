//! `CloseCodec` allocates only the box of a Close, even over a million control frames or for an announced length of
//! 2^63-1 bytes. Its state is small.
#![cfg(feature = "codec")]
#![allow(clippy::unwrap_used)]

use std::io;

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};
use websocket_close::codec::{CloseCodec, Message};
use websocket_close::{CloseFrame, ClosingHandshake, ClosingState, Role};

#[path = "common/alloc.rs"]
mod alloc;

use alloc::allocations;

/// A codec for control frames that yields byte 0 of each.
struct Controls {
    header: usize,
}

impl Decoder for Controls {
    type Item = u8;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<u8>> {
        let (Some(&byte0), Some(&byte1)) = (src.first(), src.get(1)) else { return Ok(None) };
        let len = self.header + usize::from(byte1 & 0x7f);
        if src.len() < len {
            return Ok(None);
        }
        src.advance(len);
        Ok(Some(byte0))
    }
}

impl Encoder<&[u8]> for Controls {
    type Error = io::Error;

    fn encode(&mut self, item: &[u8], dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(item);
        Ok(())
    }
}

/// A ping with four bytes and a Close, as an endpoint in the role `local` receives them, and the length of their
/// headers.
fn ping_and_close(local: Role) -> (&'static [u8], &'static [u8], usize) {
    match local {
        Role::Server => (b"\x89\x84\x01\x02\x03\x04ping", b"\x88\x82\x00\x00\x00\x00\x03\xe8", 6),
        Role::Client => (b"\x89\x04ping", b"\x88\x02\x03\xe8", 2),
    }
}

fn codec(local: Role) -> CloseCodec {
    match local {
        Role::Server => CloseCodec::server(),
        Role::Client => CloseCodec::client(|| [1, 2, 3, 4]),
    }
}

/// Feeds a million pings in pieces of `piece` bytes and then a Close. Counts the allocations before the Close and at
/// it.
fn a_million_pings<C: Decoder<Error = io::Error>>(
    mut codec: CloseCodec<C>,
    local: Role,
    piece: usize,
) -> (usize, usize) {
    let (ping, close, _) = ping_and_close(local);
    let pings = ping.repeat(100);
    let mut buffer = BytesMut::with_capacity(4096);
    let before_the_close = allocations(|| {
        for _ in 0..10_000 {
            for piece in pings.chunks(piece) {
                buffer.extend_from_slice(piece);
                while codec.decode(&mut buffer).unwrap().is_some() {}
            }
        }
    });
    assert!(buffer.capacity() <= 4096);
    let at_the_close = allocations(|| {
        buffer.extend_from_slice(ping);
        buffer.extend_from_slice(close);
        while !matches!(codec.decode(&mut buffer).unwrap(), Some(Message::Close(_))) {}
    });
    (before_the_close, at_the_close)
}

#[test]
fn a_million_control_frames_allocate_nothing() {
    for local in [Role::Server, Role::Client] {
        let header = ping_and_close(local).2;
        // Whole frames, and pieces that cut them everywhere.
        for piece in [1000, 7] {
            let (pings, at_the_close) = a_million_pings(codec(local), local, piece);
            assert_eq!(pings, 0, "alone, {local:?}, pieces of {piece}");
            assert!(at_the_close <= 2, "{at_the_close}: the buffer is split, and the message has a box");
            let (pings, at_the_close) = a_million_pings(codec(local).wrap(Controls { header }), local, piece);
            assert_eq!(pings, 0, "wrapped, {local:?}, pieces of {piece}");
            assert!(at_the_close <= 2, "{at_the_close}: the buffer is split, and the message has a box");
        }
    }
}

#[test]
fn a_close_without_other_frames_allocates_only_its_box() {
    for local in [Role::Server, Role::Client] {
        let (_, close, header) = ping_and_close(local);
        let mut buffer = BytesMut::with_capacity(4096);
        let mut codec = codec(local).wrap(Controls { header });
        let count = allocations(|| {
            for byte in close {
                assert!(codec.decode(&mut buffer).unwrap().is_none());
                buffer.extend_from_slice(&[*byte]);
            }
            assert!(matches!(codec.decode(&mut buffer).unwrap(), Some(Message::Close(_))));
        });
        assert_eq!(count, 1, "the box of the message");
    }
}

#[test]
fn errors_allocate_nothing() {
    let wrong: [&[u8]; 4] = [b"\x88\x80", b"\x88\x02\x03\xed", b"\x88\x03\x03\xe8\xff", b"\x82\x7f\x80\0\0\0\0\0\0\0"];
    for bytes in wrong {
        let (mut codec, mut buffer) = (codec(Role::Client), BytesMut::from(bytes));
        let count = allocations(|| {
            assert!(codec.decode(&mut buffer).is_err());
            assert!(codec.decode_eof(&mut buffer).is_err());
        });
        assert_eq!(count, 0, "{bytes:02x?}");
    }
}

#[test]
fn an_announced_length_allocates_nothing() {
    for local in [Role::Server, Role::Client] {
        let byte1 = if local == Role::Server { 0xff } else { 0x7f };
        let announcement = [0x82, byte1, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let (mut codec, mut buffer) = (codec(local), BytesMut::with_capacity(4096));
        let count = allocations(|| {
            buffer.extend_from_slice(&announcement);
            for _ in 0..100_000 {
                assert!(codec.decode(&mut buffer).unwrap().is_none());
                buffer.extend_from_slice(&[0x88; 1024]);
            }
        });
        assert_eq!(count, 0);
        assert!(buffer.capacity() <= 4096);
    }
}

#[test]
fn writing_allocates_nothing() {
    // The sender of a message has allocated its box.
    let goodbye = CloseFrame::from_static(1000, "done").into();
    let mut codec = codec(Role::Server).wrap(Controls { header: 6 });
    let mut buffer = BytesMut::with_capacity(4096);
    let count = allocations(|| {
        codec.encode(goodbye, &mut buffer).unwrap();
        for _ in 0..1_000_000 {
            buffer.clear();
            codec.encode(Message::Other(&b"\x8a\x02hi"[..]), &mut buffer).unwrap();
            assert!(codec.encode(Message::Other(&b"\x8a\x00\x82\x00"[..]), &mut buffer).is_err());
            assert_eq!(buffer, &b"\x8a\x02hi"[..]);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn the_codec_and_its_messages_are_small() {
    assert!(size_of::<ClosingState>() <= 16);
    assert!(size_of::<ClosingHandshake>() <= 160);
    assert!(size_of::<CloseCodec>() <= 304);
    // The variant for a Close must not make data messages larger.
    assert!(size_of::<Message<u64>>() <= size_of::<u64>() + 8);
    assert!(size_of::<Message<BytesMut>>() <= size_of::<BytesMut>() + 8);
    assert!(size_of::<Message<[u64; 16]>>() <= size_of::<[u64; 16]>() + 8);
}
