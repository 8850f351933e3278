//! Feeds the codec a stream in pieces, alone and around inner codecs of three kinds. It yields what the stream
//! contains, reserves no memory in advance, and writes at most one Close, whatever it is asked to write.
//!
//! [`check`] takes the same input as the target `wire`. The cuts are also the script of what is written.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};
use websocket_close::codec::{CloseCodec, Error, Message};
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseFrame, OwnedCloseFrame, Role};

use crate::payload::{Verdict, judge, verdict};
use crate::wire::{close_at, other_at, payload_of, pieces};

/// The contents of a stream up to the first Close: the other whole frames, and how it ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) others: Vec<Vec<u8>>,
    pub(crate) end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A good Close with this payload.
    Close(Vec<u8>),
    BadClose(Vec<u8>),
    Fault(wire::Error),
    /// The end of the stream. Tells whether it is the end of a frame.
    Eof(bool),
}

/// Checks the property.
pub fn check(input: &[u8]) {
    let Some((&head, rest)) = input.split_first() else { return };
    let local = if head & 1 == 0 { Role::Client } else { Role::Server };
    let (cuts, stream) = rest.split_at(usize::from(head >> 1).min(rest.len()));
    let contents = look(local, stream);
    for pieces in [vec![stream], stream.chunks(1).collect(), pieces(stream, cuts)] {
        let alone = read(codec(local), &pieces, &contents.end, |never: Infallible| match never {});
        assert!(alone.is_empty());
        for habit in HABITS {
            let inner = Frames::new(habit);
            let others = read(codec(local).wrap(inner), &pieces, &contents.end, |frame: Vec<u8>| frame);
            assert_eq!(others, contents.others, "{habit:?}");
        }
    }
    check_writing(local, cuts);
}

fn codec(local: Role) -> CloseCodec {
    match local {
        Role::Client => CloseCodec::client(|| [0x0f, 0xf0, 0x00, 0xaa]),
        Role::Server => CloseCodec::server(),
    }
}

/// Reads the whole stream frame by frame.
pub(crate) fn look(local: Role, stream: &[u8]) -> Contents {
    let mut others = Vec::new();
    let mut rest = stream;
    let end = loop {
        let Some(first) = rest.first() else { break End::Eof(true) };
        let is_close = first % 16 == 8;
        match if is_close { close_at(local, rest) } else { other_at(rest) } {
            Ok(Some(len)) if is_close => {
                let payload = payload_of(&rest[..len]);
                let good = matches!(judge(&payload), Verdict::Empty | Verdict::Accepted(..));
                break if good { End::Close(payload) } else { End::BadClose(payload) };
            }
            Ok(Some(len)) => {
                others.push(rest[..len].to_vec());
                rest = &rest[len..];
            }
            Ok(None) => break End::Eof(false),
            Err(fault) => break End::Fault(fault),
        }
    };
    Contents { others, end }
}

/// Feeds the pieces to the codec, checks that it ends as expected, and returns the items that it yielded.
fn read<C: Decoder<Error = io::Error>, T>(
    mut codec: CloseCodec<C>,
    pieces: &[&[u8]],
    end: &End,
    frame: impl Fn(C::Item) -> T,
) -> Vec<T> {
    let mut others = Vec::new();
    let mut ended = false;
    let mut buffer = BytesMut::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let capacity = buffer.capacity();
        loop {
            let decoded = codec.decode(&mut buffer);
            assert!(buffer.capacity() <= capacity, "no memory is reserved for an announced length");
            if ended {
                assert!(buffer.is_empty(), "everything after the end is discarded");
                match (decoded, end) {
                    (Err(Error::Closed), End::Close(_)) | (Err(Error::Poisoned), End::BadClose(_) | End::Fault(_)) => {
                        break;
                    }
                    (decoded, _) => panic!("{:?} after the end", decoded.map(|_| "something or nothing")),
                }
            }
            match decoded {
                Ok(None) => break,
                Ok(Some(Message::Other(item))) => others.push(frame(item)),
                Ok(Some(Message::Close(close))) => {
                    let End::Close(payload) = end else { panic!("{close} instead of {end:?}") };
                    assert_eq!(close.as_frame().write_payload(&mut [0; 125]), payload);
                    ended = true;
                }
                Err(Error::Wire(fault)) => {
                    match (fault, end) {
                        (wire::Error::Payload(error), End::BadClose(payload)) => {
                            assert_eq!(verdict(&Err(error)), judge(payload));
                        }
                        (fault, end) => assert_eq!(End::Fault(fault), *end),
                    }
                    ended = true;
                }
                Err(error) => panic!("{error} instead of {end:?}"),
            }
        }
    }
    assert_eq!(ended, !matches!(end, End::Eof(_)));
    match (codec.decode_eof(&mut buffer), end) {
        (Ok(None), End::Close(_) | End::Eof(true))
        | (Err(Error::UnexpectedEof), End::Eof(false))
        | (Err(Error::Poisoned), End::BadClose(_) | End::Fault(_)) => {}
        (decoded, _) => {
            panic!("{:?} at the end of the transport, not {end:?}", decoded.map(|_| "something or nothing"))
        }
    }
    others
}

/// An inner codec that yields frames unchanged.
pub(crate) struct Frames {
    habit: Habit,
    /// The start of a frame, of one that takes a byte a call.
    partial: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
}

impl Frames {
    pub(crate) fn new(habit: Habit) -> Self {
        Self { habit, partial: Vec::new(), ready: VecDeque::new() }
    }
}

/// How an inner codec takes frames out of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// One frame a call.
    OneACall,
    /// All frames that are there, into its own queue.
    AllAtOnce,
    /// One frame a call, without yielding it. A later call that finds no other frame yields it.
    TakesThenYields,
    /// A byte a call, into a buffer of its own, and nothing until a frame is whole.
    ByteByByte,
}

pub(crate) const HABITS: [Habit; 4] = [Habit::OneACall, Habit::AllAtOnce, Habit::TakesThenYields, Habit::ByteByByte];

impl Decoder for Frames {
    type Item = Vec<u8>;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Vec<u8>>> {
        if self.habit == Habit::ByteByByte {
            self.partial.extend_from_slice(&src.split_to(src.len().min(1)));
            assert_ne!(self.partial.first().map(|first| first % 16), Some(8), "the inner codec sees no Close");
            let whole = !self.partial.is_empty() && other_at(&self.partial) == Ok(Some(self.partial.len()));
            return Ok(whole.then(|| std::mem::take(&mut self.partial)));
        }
        while !src.is_empty() && (self.habit != Habit::OneACall || self.ready.is_empty()) {
            assert_ne!(src[0] % 16, 8, "the inner codec must not see a Close");
            let Ok(Some(len)) = other_at(src) else { break };
            self.ready.push_back(src.split_to(len).to_vec());
            if self.habit == Habit::TakesThenYields {
                return Ok(None);
            }
        }
        Ok(self.ready.pop_front())
    }
}

/// Writes the bytes of an item, right or wrong.
impl Encoder<Bytes> for Frames {
    type Error = io::Error;

    fn encode(&mut self, item: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(&item);
        Ok(())
    }
}

/// What the inner codec has to write: whole frames, two frames in one call (once with a bit of an extension), parts of
/// a frame, a Close, an illegal length, and nothing.
const ITEMS: [&[u8]; 9] = [
    b"\x89\x00",
    b"\x81\x02hi",
    b"\x8a\x01p\x82\x00",
    b"\x92\x00\x8a\x01p",
    b"\x82\x05a",
    b"bcde",
    b"\x88\x02\x03\xe8",
    b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    b"",
];

fn check_writing(local: Role, script: &[u8]) {
    let mut codec = codec(local).wrap(Frames::new(Habit::OneACall));
    let mut out = BytesMut::new();
    let (mut chosen, mut close_at, mut failed) = (None::<OwnedCloseFrame>, None, false);
    for step in script {
        let before = out.clone();
        let frame = [CloseFrame::EMPTY, CloseFrame::from_static(1001, "gone")][usize::from(step >> 7)];
        match step % 12 {
            9 => {
                let encoded = codec.encode(frame.into(), &mut out);
                if close_at.is_some() || !is_whole(&before) {
                    encoded.unwrap_err();
                    assert_eq!(out, before);
                    continue;
                }
                encoded.unwrap();
                let chosen = chosen.get_or_insert_with(|| frame.into_owned());
                let mut written = out[before.len()..].to_vec();
                let peer = if local == Role::Client { Role::Server } else { Role::Client };
                let len = written.len();
                let Ok(Peek::Close(close)) = wire::peek(peer, &mut written) else {
                    panic!("{written:?} is not a Close")
                };
                assert_eq!(close.frame_len(), len);
                assert_eq!(close.decode(), Ok(chosen.as_frame()));
                close_at = Some(before.len());
            }
            10 => {
                codec.fail(frame);
                chosen.get_or_insert_with(|| frame.into_owned());
                failed = true;
            }
            11 => codec.mark_written(),
            item => {
                let item = ITEMS[usize::from(item)];
                let allowed = !failed && may_be_written(&[&before, item].concat(), close_at);
                let encoded = codec.encode(Message::Other(Bytes::from_static(item)), &mut out);
                assert_eq!(encoded.is_ok(), allowed, "{item:x?} after {before:x?}");
                assert_eq!(out[before.len()..], *if allowed { item } else { b"" });
            }
        }
    }
}

/// Whether the bytes end at the end of a frame.
pub(crate) fn is_whole(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Ok(Some(len)) = other_at(bytes) else { return false };
        bytes = &bytes[len..];
    }
    true
}

/// Whether the bytes have no Close except the one at that place, no data frame behind it, and only legal lengths.
pub(crate) fn may_be_written(bytes: &[u8], close: Option<usize>) -> bool {
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        let is_ours = close == Some(at);
        if (first % 16 == 8 && !is_ours) || (first % 16 < 8 && close.is_some_and(|close| close < at)) {
            return false;
        }
        match other_at(&bytes[at..]) {
            Ok(Some(len)) => at += len,
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
    true
}
