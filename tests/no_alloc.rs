//! No path of the crate allocates: a counting allocator around each of them, on good and on bad input.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::{self, Write};
use std::hint::black_box;

use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{CloseCode, CloseEvent, CloseEventInit, CloseFrame, ClosingHandshake, Role, registry, script};

#[path = "common/alloc.rs"]
mod alloc;

use alloc::allocations;

/// A path that prints goes here.
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

/// A payload with a reason of `len` bytes: ASCII, or of three-byte characters and ASCII behind.
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
            }
        }),
        path("an empty payload", || assert_eq!(CloseFrame::from_payload(black_box(&[])), Ok(CloseFrame::EMPTY))),
        path("refuse a payload", move || {
            for input in bad {
                let error = CloseFrame::from_payload(black_box(input)).unwrap_err();
                black_box(error.reply());
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
                print(&CloseFrame::from_static(1000, "a \u{202e}reason\n").into_owned());
            }
        }),
    ]
}

fn frames() -> Vec<Path> {
    let bad = [
        &b"\x08\x80"[..],
        b"\xc8\x80",
        b"\x88\x00",
        b"\x88\xfe",
        b"\x88\xff",
        b"\x88\x81",
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    let mixed = [&b"\x89\x02hi\x01\x03abc\x82\x7e\x01\x00"[..], &[0x61; 256], b"\x88\x02\x03\xe8"].concat();
    vec![
        path("encode, peek and decode a frame", || {
            let frame = CloseFrame::from_static(4001, "of some length, but not more");
            for (mask, local) in [(None, Role::Client), (Some(KEY), Role::Server)] {
                let mut buffer = [0; 131];
                let len = wire::encode(black_box(frame), mask, &mut buffer).len();
                for cut in 0..len {
                    assert!(matches!(wire::peek(local, &buffer[..cut]), Ok(Peek::Incomplete { .. })));
                }
                let Ok(Peek::Close(header)) = wire::peek(local, &buffer) else { panic!("a whole frame") };
                assert_eq!(header.decode(&mut buffer), Ok(frame));
            }
        }),
        path("refuse a frame", move || {
            for input in bad {
                let error = wire::peek(Role::Server, black_box(input)).unwrap_err();
                black_box(error.reply());
                print(&error);
            }
        }),
        path("refuse a masked payload", || {
            let mut frame = *b"\x88\x83\0\0\0\0\x03\xe8\xff";
            let Ok(Peek::Close(header)) = wire::peek(Role::Server, &frame) else { panic!("a whole frame") };
            print(&header.decode(&mut frame).unwrap_err());
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

fn endings() -> Vec<Path> {
    let long = "a".repeat(124);
    vec![
        path("observe, build, pass on and print an event", move || {
            for observed in [&b""[..], b"\x00", b"\x00\x07", b"\x03\xed", b"\x03\xe8done", b"\x03\xe8\xff"] {
                let event = CloseEvent::observed(black_box(observed));
                black_box(event.to_frame());
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
            for local in [Role::Client, Role::Server] {
                // Every order of three calls, with and without the write.
                for script in 0..4_u32.pow(3) {
                    let mut closing = ClosingHandshake::new(local);
                    for step in [script % 4, script / 4 % 4, script / 16] {
                        let _frame = match step {
                            0 => closing.start(black_box(ours)),
                            1 => closing.receive(black_box(theirs)),
                            2 => closing.fail(CloseFrame::from_code(CloseCode::MESSAGE_TOO_BIG)),
                            _ => {
                                closing.written();
                                None
                            }
                        };
                        black_box((
                            closing.transport(),
                            closing.answer_owed(),
                            closing.pongs_due(),
                            closing.may_send_data(),
                        ));
                        black_box((closing.sent(), closing.received(), closing.initiator(), closing.failure()));
                        print(&closing);
                    }
                    print(&closing.finish());
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

/// The counter counts, or the test above could not fail.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(allocations(|| drop(black_box(vec![0_u8; 10]))), 1);
    let mut growing = Vec::with_capacity(1);
    growing.push(0_u8);
    assert_eq!(allocations(|| growing.resize(100, 0)), 1);
}
