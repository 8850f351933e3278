//! No path of the crate allocates, for good input or bad. A counting allocator watches each path.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::{self, Write};
use std::hint::black_box;
use std::time::Duration;

use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{
    Awaited, CloseCode, CloseEvent, CloseEventInit, CloseFrame, ClosingHandshake, ClosingState, Loss, Named, Role,
    TransportEnd, registry, script,
};

#[path = "common/alloc.rs"]
mod alloc;

use alloc::allocations;

/// Where the paths print to.
struct Sink;

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

fn print(value: &(impl fmt::Display + fmt::Debug)) {
    write!(Sink, "{value} {value:?}").unwrap();
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A payload with a reason of `len` bytes: all ASCII, or characters of three bytes and then ASCII.
fn payload(len: usize, ascii: bool) -> Vec<u8> {
    let reason = if ascii { "a".repeat(len) } else { "€".repeat(len / 3) + &"a".repeat(len % 3) };
    [b"\x03\xe8", reason.as_bytes()].concat()
}

type Path = (&'static str, Box<dyn FnMut()>);

fn path(name: &'static str, run: impl FnMut() + 'static) -> Path {
    (name, Box::new(run))
}

fn payloads() -> Vec<Path> {
    let inputs: Vec<Vec<u8>> = (0..=123).flat_map(|len| [payload(len, true), payload(len, false)]).collect();
    let bad = [&b"\x03"[..], b"\x03\xed", b"\xff\xff", b"\x03\xe8\xff", b"\x03\xe8\xe2\x82", &[0x61; 126]];
    vec![
        path("decode, copy and encode a payload", move || {
            for input in &inputs {
                let frame = CloseFrame::from_payload(black_box(input)).unwrap();
                let owned = frame.into_owned();
                assert_eq!(owned.as_frame().write_payload(&mut [0; 125]), input);
                assert_eq!(CloseFrame::unjudged(black_box(input)), Ok(Some((1000, frame.reason()))));
            }
        }),
        path("an empty payload", || assert_eq!(CloseFrame::from_payload(black_box(&[])), Ok(CloseFrame::EMPTY))),
        path("refuse a payload", move || {
            for input in bad {
                let error = CloseFrame::from_payload(black_box(input)).unwrap_err();
                black_box((error.reply(), CloseFrame::unjudged(black_box(input)).is_ok()));
                print(&error);
            }
        }),
        path("every code", || {
            for code in 0..=u16::MAX {
                black_box((registry::name(code), registry::description(code)));
                match CloseCode::new(code) {
                    Ok(code) => print(&code),
                    Err(error) => print(&error),
                }
            }
        }),
        path("build, cut and print a frame", {
            let long = "é".repeat(100);
            move || {
                print(&CloseFrame::new(CloseCode::NORMAL_CLOSURE, &long).unwrap_err());
                print(&CloseFrame::truncated(CloseCode::NORMAL_CLOSURE, &long));
                print(&CloseFrame::from_parts(1006, "").unwrap_err());
                print(&CloseFrame::from_parts(1000, &long).unwrap_err());
                let frame = CloseFrame::from_static(4000, "a \u{202e}reason\n").into_owned();
                print(&frame);
                print(&Named(&frame, |_| Some("a name")));
            }
        }),
    ]
}

fn frames() -> Vec<Path> {
    let mut bad = [
        &b"\x08\x80"[..],
        b"\xc8\x80",
        b"\x88\x00",
        b"\x88\xfe",
        b"\x88\xff",
        b"\x88\x81",
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ]
    .map(<[u8]>::to_vec);
    let mixed = [&b"\x89\x02hi\x01\x03abc\x82\x7e\x01\x00"[..], &[0x61; 256], b"\x88\x02\x03\xe8"].concat();
    vec![
        path("encode, peek and decode a frame", || {
            let frame = CloseFrame::from_static(4001, "of some length, but not more");
            for (mask, local) in [(None, Role::Client), (Some(KEY), Role::Server)] {
                let mut buffer = [0; 131];
                let len = wire::encode(black_box(frame), mask, &mut buffer).len();
                for cut in 0..len {
                    assert!(matches!(wire::peek(local, &mut buffer[..cut]), Ok(Peek::Incomplete { .. })));
                }
                let Ok(Peek::Close(close)) = wire::peek(local, &mut buffer) else { panic!("a whole frame") };
                assert_eq!(close.decode(), Ok(frame));
            }
        }),
        path("refuse a frame", move || {
            for input in &mut bad {
                let error = wire::peek(Role::Server, black_box(input)).unwrap_err();
                black_box(error.reply());
                print(&error);
            }
        }),
        path("refuse a masked payload", || {
            let mut frame = *b"\x88\x83\0\0\0\0\x03\xe8\xff";
            let Ok(Peek::Close(close)) = wire::peek(Role::Server, &mut frame) else { panic!("a whole frame") };
            print(&close.decode().unwrap_err());
        }),
        path("look at the header of another frame", || {
            for mut frame in [*b"\x82\x7e\0\x05", *b"\x89\x80\0\0", *b"\x01\x7f\0\0"] {
                let Ok(Peek::NotClose(header)) = wire::peek(Role::Client, black_box(&mut frame)) else { panic!() };
                black_box(header.is_minimal());
            }
        }),
        path("step over other frames, whole and byte by byte", move || {
            assert_eq!(Scanner::new().skip(black_box(&mixed)), Ok(mixed.len() - 4));
            let mut scanner = Scanner::new();
            let skipped: usize = mixed.iter().map(|byte| scanner.skip(&[*byte]).unwrap()).take(mixed.len() - 3).sum();
            assert_eq!(skipped, mixed.len() - 4);
            Scanner::new().skip(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff").unwrap_err();
        }),
    ]
}

/// Every question that a closing handshake can be asked.
fn questions(closing: ClosingState) {
    black_box((closing.local(), closing.is_open(), closing.may_send_data(), closing.is_receiving()));
    black_box((closing.close_pending(), closing.is_written(), closing.is_clean(), closing.is_failed()));
    black_box((closing.ours(), closing.theirs(), closing.failure(), closing.closed_first(), closing.transport()));
}

fn endings() -> Vec<Path> {
    let long = "a".repeat(124);
    vec![
        path("observe, build, pass on and print an event", move || {
            for observed in [&b""[..], b"\x00", b"\x00\x07", b"\x03\xed", b"\x03\xe8done", b"\x03\xe8\xff"] {
                let event = CloseEvent::observed(black_box(observed));
                black_box((event.to_frame(), event.close_code()));
                black_box((event.forward(Role::Client), event.forward(Role::Server)));
                print(&event);
            }
            CloseEvent::new(CloseEventInit { reason: &long, ..Default::default() }).unwrap_err();
        }),
        path("the arguments of a script", || {
            for (code, reason) in [(None, None), (None, Some("why")), (Some(4000), Some("why"))] {
                script::close(black_box(code), reason).unwrap();
            }
            print(&script::close(black_box(Some(1001)), None).unwrap_err());
        }),
        path("closing handshakes", || {
            let (ours, theirs) = (CloseFrame::from_static(1000, "ours"), CloseFrame::from_static(3000, "theirs"));
            let too_big = CloseFrame::from_code(CloseCode::MESSAGE_TOO_BIG);
            let cut = |discarded| TransportEnd::Cut { awaited: Awaited::End, after: Duration::from_secs(2), discarded };
            let ends = [TransportEnd::InOrder, TransportEnd::Lost(Loss::Reset), cut(None), cut(Some(9))];
            for local in [Role::Client, Role::Server] {
                // Every order of three calls, with and without the write.
                for script in 0..6_u32.pow(3) {
                    let (mut closing, mut state) = (ClosingHandshake::new(local), ClosingState::new(local));
                    for step in [script % 6, script / 6 % 6, script / 36] {
                        let _frames = match step {
                            0 => (closing.start(black_box(ours)), state.start(ours)),
                            1 => (closing.receive(black_box(theirs)), state.receive(theirs)),
                            2 => (closing.fail(too_big), state.fail(too_big)),
                            3 => (closing.reject(wire::Error::Fragmented), state.fail(too_big)),
                            4 => (closing.answer_with(ours), state.answer_with(ours)),
                            _ => {
                                closing.mark_written();
                                state.mark_written();
                                (None, None)
                            }
                        };
                        questions(*closing);
                        questions(state);
                        black_box((closing.theirs(), closing.fault(), closing.event()));
                        print(&closing);
                        print(&state);
                    }
                    for end in ends {
                        let ending = closing.clone().into_ending(end);
                        black_box((ending.closing(), ending.transport_end()));
                        print(&ending.event());
                        print(&ending);
                    }
                }
            }
        }),
    ]
}

#[test]
fn nothing_allocates() {
    for (name, mut run) in [payloads(), frames(), endings()].into_iter().flatten() {
        assert_eq!(allocations(&mut run), 0, "{name}");
    }
}

/// If the counter did not count, the test above could not fail.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(allocations(|| drop(black_box(vec![0_u8; 10]))), 1);
    let mut growing = Vec::with_capacity(1);
    growing.push(0_u8);
    assert_eq!(allocations(|| growing.resize(100, 0)), 1);
}
