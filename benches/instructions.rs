//! Instructions per call, counted by callgrind and held against `benches/instructions.txt`: a gate that no noise
//! upsets.
//!
//! `cargo bench --features codec,stream --bench instructions` fails if a count grew by more than 3 %. With `-- --renew`
//! it writes the file anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::pin::Pin;
use std::process::{Command, ExitCode};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{env, fs, future, io, str};

use bytes::BytesMut;
use futures_util::{FutureExt, Sink, Stream, StreamExt};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{Bare, CloseCodec, Message, Timeouts, finish};
use websocket_close::stream::{self, Glue};
use websocket_close::wire::{self, Peek, Scanner};
use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, ClosingState, Role, script};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What grows by more than this fails.
const TOLERANCE: f64 = 0.03;

/// Validators look at the alignment of what they are given, so it is the same for all, and odd, as behind a code.
#[repr(align(64))]
struct Aligned([u8; 192]);

/// A row, and its work.
type Case = (String, Box<dyn FnMut()>);

/// Callgrind counts while this function runs, and writes the count down when it returns.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// Runs all cases, each once ahead for what is done at a first call only.
fn run(cases: Vec<Case>) {
    for (_, mut work) in cases {
        work();
        measured(&mut *work);
    }
}

fn cases() -> Vec<Case> {
    let ascii = |len| {
        "going away: the service restarts, please come back in a minute or two; "
            .chars()
            .cycle()
            .take(len)
            .collect::<String>()
    };
    let mut inputs: Vec<(String, String)> =
        [0, 3, 7, 16, 40, 63, 64, 123].map(|len| (format!("ASCII {len}"), ascii(len))).into();
    inputs.push(("Cyrillic 40".to_owned(), "ж".repeat(20)));
    inputs.push(("Cyrillic 122".to_owned(), "ж".repeat(61)));
    inputs.push(("ASCII 121, é".to_owned(), ascii(121) + "é"));

    let mut cases: Vec<Case> = vec![("nothing".to_owned(), Box::new(|| ()))];
    for (name, reason) in &inputs {
        let (payload, len) = aligned(&[b"\x03\xe8", reason.as_bytes()]);
        let decode = move || {
            black_box(&CloseFrame::from_payload(black_box(&payload.0[..len])));
        };
        cases.push((format!("payload, {name}"), Box::new(decode)));
    }
    for (name, reason) in &inputs {
        let mut payload = [b"\x03\xe8", reason.as_bytes()].concat();
        payload.iter_mut().zip(KEY.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        let header = [0x88, 0x80 | u8::try_from(payload.len()).unwrap()];
        let (frame, len) = aligned(&[&header, &KEY, &payload]);
        let mut buffer = aligned(&[]).0;
        let decode = move || {
            buffer.0.copy_from_slice(&frame.0);
            let bytes = black_box(&mut buffer.0[..len]);
            let Ok(Peek::Close(close)) = wire::peek(Role::Server, bytes) else { unreachable!() };
            black_box(&close.decode());
        };
        cases.push((format!("frame, {name}"), Box::new(decode)));
    }
    for (name, reason) in &inputs {
        for mask in [None, Some(KEY)] {
            let (reason, mut buffer) = (reason.clone(), [0; 131]);
            let encode = move || {
                let frame = CloseFrame::new(black_box(CloseCode::NORMAL_CLOSURE), black_box(&reason)).unwrap();
                black_box(wire::encode(frame, black_box(mask), &mut buffer));
            };
            let how = if mask.is_some() { "masked" } else { "unmasked" };
            cases.push((format!("encode {how}, {name}"), Box::new(encode)));
        }
    }
    for (name, bytes) in
        [("forbidden code", &b"\x03\xedbye"[..]), ("one byte", b"\x03"), ("bad UTF-8", b"\x03\xe8\xff")]
    {
        let (payload, len) = aligned(&[bytes]);
        let decode = move || {
            black_box(&CloseFrame::from_payload(black_box(&payload.0[..len])));
        };
        cases.push((format!("payload, {name}"), Box::new(decode)));
    }
    cases.push(("owned, ASCII 123".to_owned(), {
        let reason = ascii(123);
        Box::new(move || {
            black_box(&CloseFrame::new(CloseCode::NORMAL_CLOSURE, black_box(&reason)).unwrap().into_owned());
        })
    }));
    cases.push(("handshake, answered".to_owned(), {
        let reason = ascii(16);
        Box::new(move || {
            let mut closing = ClosingHandshake::new(Role::Server);
            let theirs = CloseFrame::new(CloseCode::NORMAL_CLOSURE, black_box(&reason)).unwrap();
            black_box(&closing.receive(theirs));
            closing.mark_written();
            black_box(&closing.event());
        })
    }));
    let stream: Vec<u8> = [0x82, 0x84, 1, 2, 3, 4, 5, 6, 7, 8].into_iter().cycle().take(10 * 1000).collect();
    cases.push(("scanner, 1000 frames".to_owned(), {
        let stream = stream.clone();
        Box::new(move || {
            black_box(&Scanner::new().skip(black_box(&stream)));
        })
    }));
    cases.push(("codec, 1000 frames and a Close".to_owned(), {
        let mut bytes = stream.clone();
        bytes.extend(b"\x88\x82\0\0\0\0\x03\xe8");
        let mut buffer = BytesMut::with_capacity(2 * bytes.len());
        Box::new(move || {
            buffer.clear();
            buffer.extend_from_slice(&bytes);
            black_box(&CloseCodec::server().decode(&mut buffer));
        })
    }));
    cases.extend(inner_codec(&stream));
    cases.extend(small_ones());
    cases.extend(finishes());
    cases.extend([bare_finish(), stream_finish()]);
    cases
}

/// What a stack calls that has a frame, a payload or a state of its own.
fn small_ones() -> Vec<Case> {
    fn case(name: &str, work: impl FnMut() + 'static) -> Case {
        (name.to_owned(), Box::new(work))
    }
    const PAYLOAD: &[u8] = b"\x03\xe9the tab was closed";
    let frame = CloseFrame::from_static(1001, "the tab was closed");
    let (mut payload, mut data) = ([0; 125], *b"\x82\x84\x01\x02\x03\x04\x05\x06\x07\x08");
    let [mut put, mut read, mut written] = [(); 3].map(|()| BytesMut::with_capacity(256));
    vec![
        case("unjudged payload, ASCII 18", || {
            black_box(&CloseFrame::unjudged(black_box(PAYLOAD)));
        }),
        case("observed, ASCII 18", || {
            black_box(&CloseEvent::observed(black_box(PAYLOAD)));
        }),
        case("write_payload, ASCII 18", move || {
            black_box(black_box(frame).write_payload(&mut payload));
        }),
        case("put, ASCII 18", move || {
            put.clear();
            black_box(frame).put(&mut put);
        }),
        case("peek at a data frame", move || {
            black_box(&wire::peek(Role::Server, black_box(&mut data)));
        }),
        case("script::close, ASCII 18", || {
            black_box(&script::close(black_box(Some(4001)), black_box(Some("the tab was closed"))));
        }),
        case("state, answered", move || {
            let mut closing = ClosingState::new(Role::Server);
            black_box(&closing.receive(black_box(frame)));
            closing.mark_written();
            black_box(closing.is_clean());
        }),
        case("codec, a Close read", move || {
            read.clear();
            read.extend_from_slice(b"\x88\x82\0\0\0\0\x03\xe8");
            black_box(&CloseCodec::server().decode(&mut read));
        }),
        case("codec, a Close written", move || {
            written.clear();
            let _ = black_box(CloseCodec::server().encode(Message::from(black_box(frame)), &mut written));
        }),
    ]
}

/// An inner codec that does as little as one can: it yields frames of ten bytes as they are, and writes what it is
/// given.
struct Frames;

impl Decoder for Frames {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        Ok((src.len() >= 10).then(|| src.split_to(10)))
    }
}

impl Encoder<&[u8]> for Frames {
    type Error = io::Error;

    fn encode(&mut self, item: &[u8], dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(item);
        Ok(())
    }
}

/// Data frames through the inner codec alone and through a wrapped one: the difference is what each frame costs.
fn inner_codec(stream: &[u8]) -> [Case; 4] {
    fn read<D: Decoder>(mut codec: D, buffer: &mut BytesMut, stream: &[u8]) {
        buffer.clear();
        buffer.extend_from_slice(stream);
        while let Ok(Some(item)) = codec.decode(buffer) {
            black_box(&item);
        }
    }
    fn write<'a, T, E: Encoder<T>>(mut codec: E, buffer: &mut BytesMut, stream: &'a [u8], item: fn(&'a [u8]) -> T) {
        buffer.clear();
        for frame in black_box(stream).chunks_exact(10) {
            let _ = black_box(codec.encode(item(frame), buffer));
        }
    }
    let case = |name: &str, work: fn(&mut BytesMut, &[u8])| -> Case {
        let (stream, mut buffer) = (stream.to_owned(), BytesMut::with_capacity(2 * stream.len()));
        (name.to_owned(), Box::new(move || work(&mut buffer, &stream)))
    };
    [
        case("inner codec alone, 1000 read", |buffer, stream| read(Frames, buffer, stream)),
        case("wrapped, 1000 read", |buffer, stream| read(CloseCodec::server().wrap(Frames), buffer, stream)),
        case("inner codec alone, 1000 written", |buffer, stream| write(Frames, buffer, stream, |frame| frame)),
        case("wrapped, 1000 written", |buffer, stream| {
            write(CloseCodec::server().wrap(Frames), buffer, stream, Message::Other);
        }),
    ]
}

/// A server whose peer has closed and ended the transport, so that `finish` has nothing to wait for.
fn finishes() -> [Case; 2] {
    let case = |name: &str, yielded: bool| -> Case {
        // One for the call ahead, one for the call that counts.
        let mut connections = [(); 2].map(|()| {
            let close = &b"\x88\x82\0\0\0\0\x03\xe8"[..];
            let mut framed = Framed::new(tokio::io::join(close, tokio::io::sink()), CloseCodec::server());
            if yielded {
                let close = framed.next().now_or_never();
                assert!(matches!(close, Some(Some(Ok(Message::Close(_))))));
            }
            framed
        });
        let mut calls = 0;
        let work = move || {
            let frame = CloseFrame::from_code(CloseCode::GOING_AWAY);
            let finished = finish(&mut connections[calls], frame, Timeouts::DEFAULT).now_or_never();
            assert!(black_box(&finished).as_ref().is_some_and(|finished| finished.ending.event().was_clean()));
            calls += 1;
        };
        (name.to_owned(), Box::new(work))
    };
    [case("finish, the Close was yielded", true), case("finish, the Close is to be read", false)]
}

/// The same on a bare transport.
fn bare_finish() -> Case {
    let mut connections = [(); 2].map(|()| {
        let close = &b"\x88\x82\0\0\0\0\x03\xe8"[..];
        Bare::new(tokio::io::join(close, tokio::io::sink()), CloseCodec::server())
    });
    let mut calls = 0;
    let work = move || {
        let frame = CloseFrame::from_code(CloseCode::GOING_AWAY);
        let finished = connections[calls].finish(frame, Timeouts::DEFAULT).now_or_never();
        assert!(black_box(&finished).as_ref().is_some_and(|finished| finished.ending.event().was_clean()));
        calls += 1;
    };
    ("finish, a bare transport".to_owned(), Box::new(work))
}

/// The messages of a stack: one Close, then the end. It takes all that is sent.
struct Stack(Option<(u16, String)>);

impl Stream for Stack {
    type Item = Result<(u16, String), ()>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

impl Sink<(u16, String)> for Stack {
    type Error = ();

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: (u16, String)) -> Result<(), ()> {
        black_box(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }
}

/// The same on a stream of messages.
fn stream_finish() -> Case {
    let glue = Glue {
        close: |frame| (frame.code().map_or(0, CloseCode::get), frame.reason().to_owned()),
        read: |(code, reason): &(u16, String)| Some(Some((*code, reason.as_str()))),
        answers: false,
    };
    let mut stacks = [(); 2].map(|()| Stack(Some((1000, "done".to_owned()))));
    let mut calls = 0;
    let work = move || {
        let frame = CloseFrame::from_code(CloseCode::GOING_AWAY);
        let sleep = |_| future::pending::<()>();
        let finished =
            stream::finish(&mut stacks[calls], &glue, Role::Server, None, frame, Duration::MAX, sleep).now_or_never();
        assert!(black_box(&finished).as_ref().is_some_and(|finished| finished.ending.event().was_clean()));
        calls += 1;
    };
    ("stream::finish".to_owned(), Box::new(work))
}

fn aligned(parts: &[&[u8]]) -> (Aligned, usize) {
    let (bytes, mut all) = (parts.concat(), Aligned([0; 192]));
    all.0[..bytes.len()].copy_from_slice(&bytes);
    (all, bytes.len())
}

/// Runs this program under callgrind, which writes a file whenever `measured` returns.
fn count() -> Result<Vec<u64>, Box<dyn Error>> {
    let directory = env::temp_dir().join(format!("instructions-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=instructions::measured", "--dump-after=instructions::measured"])
        .arg(format!("--callgrind-out-file={}/out", directory.display()))
        .args([env::current_exe()?.as_os_str(), "--count".as_ref()])
        .output()
        .map_err(|error| format!("valgrind is needed, but cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let counts = (1..)
        .map_while(|part| fs::read_to_string(directory.join(format!("out.{part}"))).ok())
        .map(|part| {
            let summary =
                part.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
            Ok(summary.ok_or("a file of callgrind's without a summary")?.trim().parse()?)
        })
        .collect();
    fs::remove_dir_all(directory)?;
    counts
}

/// The compiler and the C library, whose `memcpy` is counted with the rest.
fn toolchain() -> Result<String, Box<dyn Error>> {
    let first_line = |program: &str| -> Result<String, Box<dyn Error>> {
        let output = Command::new(program).arg("--version").output()?;
        Ok(str::from_utf8(&output.stdout)?.lines().next().unwrap_or_default().to_owned())
    };
    Ok(format!("{}; {}", first_line("rustc")?, first_line("ldd")?))
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut renew = false;
    for arg in env::args().skip(1) {
        match arg.as_str() {
            "--count" => {
                run(cases());
                return Ok(ExitCode::SUCCESS);
            }
            "--renew" => renew = true,
            "--bench" => {}
            other => return Err(format!("unknown argument {other}; there is only --renew").into()),
        }
    }
    let names: Vec<String> = cases().into_iter().map(|(name, _)| name).collect();
    let counts = count()?;
    if counts.len() < names.len() {
        return Err("callgrind has not counted every case".into());
    }
    let counts: Vec<(&String, u64)> = names.iter().zip(counts.iter().map(|count| count - counts[0])).skip(1).collect();
    let toolchain = toolchain()?;
    if renew {
        let mut file = format!("# {toolchain}\n");
        for (name, count) in counts {
            writeln!(file, "{count}\t{name}")?;
        }
        fs::write(BASELINE, file)?;
        return Ok(ExitCode::SUCCESS);
    }

    let file = fs::read_to_string(BASELINE)?;
    let baseline: BTreeMap<&str, u64> = file
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(count, name)| Some((name, count.parse().ok()?)))
        .collect();
    let mut good = true;
    println!("{:<34} {:>12} {:>12} {:>8}", "instructions", "baseline", "now", "change");
    for (name, now) in counts {
        let Some(&before) = baseline.get(name.as_str()) else {
            println!("{name:<34} {:>12} {now:>12}  missing", "");
            good = false;
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let change = now as f64 / before as f64 - 1.0;
        let verdict = if change > TOLERANCE { "  FAILED" } else { "" };
        good &= change <= TOLERANCE;
        println!("{name:<34} {before:>12} {now:>12} {:>+7.1}%{verdict}", change * 100.0);
    }
    if good {
        return Ok(ExitCode::SUCCESS);
    }
    let recorded = file.lines().next().unwrap_or_default().trim_start_matches("# ");
    if recorded == toolchain {
        println!(
            "\nSlower by more than 3 %. If that is the price of something, say so in the commit and renew the baseline."
        );
    } else {
        println!(
            "\nThe baseline is of   {recorded}\nand this is          {toolchain}\n\
             which is why the counts differ if the code did not change."
        );
    }
    println!(
        "To renew it: cargo bench --features codec,stream --bench instructions -- --renew, and commit {BASELINE}."
    );
    Ok(ExitCode::FAILURE)
}
