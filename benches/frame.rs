//! Masked Close frames in a `BytesMut` that is refilled each time: decoded in place, taken out, and by `CloseCodec`.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;

use bytes::{Buf, BytesMut};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tokio_util::codec::{BytesCodec, Decoder};
use websocket_close::codec::{CloseCodec, Message};
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseCode, CloseFrame, Role};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn frames(criterion: &mut Criterion) {
    let (ascii_16, ascii_123, cyrillic) = ("a".repeat(16), "a".repeat(123), "ж".repeat(61));
    let inputs = [("code", ""), ("ascii-16", &ascii_16), ("ascii-123", &ascii_123), ("cyrillic-122", &cyrillic)];
    let mut group = criterion.benchmark_group("frame");
    for (name, reason) in inputs {
        let mut encoded = [0; 131];
        let frame = CloseFrame::new(CloseCode::NORMAL_CLOSURE, reason).unwrap();
        let frame = wire::encode(frame, Some(KEY), &mut encoded);
        let mut buffer = BytesMut::with_capacity(4096);
        let refill = |buffer: &mut BytesMut| {
            buffer.clear();
            buffer.extend_from_slice(black_box(frame));
        };
        let decode = |buffer: &mut BytesMut| {
            let Ok(Peek::Close(close)) = wire::peek(Role::Server, buffer) else { return 0 };
            let len = close.frame_len();
            black_box(&close.decode());
            len
        };
        group.bench_function(BenchmarkId::new("in-place", name), |bencher| {
            bencher.iter(|| {
                refill(&mut buffer);
                decode(&mut buffer)
            });
        });
        group.bench_function(BenchmarkId::new("taken", name), |bencher| {
            bencher.iter(|| {
                refill(&mut buffer);
                let Ok(Peek::Close(close)) = wire::peek(Role::Server, &mut buffer) else { return };
                let len = close.frame_len();
                black_box(&close.decode().map(CloseFrame::into_owned));
                buffer.advance(len);
            });
        });
        group.bench_function(BenchmarkId::new("codec", name), |bencher| {
            bencher.iter(|| {
                refill(&mut buffer);
                black_box(&CloseCodec::server().decode(&mut buffer));
            });
        });
        let mut copied = [0; 131];
        group.bench_function(BenchmarkId::new("floor-refill-memcpy", name), |bencher| {
            bencher.iter(|| {
                refill(&mut buffer);
                copied[..buffer.len()].copy_from_slice(&buffer);
                black_box(&copied);
            });
        });
        group.bench_function(BenchmarkId::new("floor-refill-split-freeze", name), |bencher| {
            bencher.iter(|| {
                refill(&mut buffer);
                let len = buffer.len();
                buffer.split_to(len).freeze()
            });
        });
    }
    group.finish();

    let mut stream = [0x82, 0x84, 0, 0, 0, 0, 1, 2, 3, 4].repeat(1_000_000);
    stream.extend(b"\x88\x82\0\0\0\0\x03\xe8");
    let mut group = criterion.benchmark_group("stream");
    group.sample_size(10);
    group.bench_function("codec/1M-data-frames-then-close", |bencher| {
        bencher.iter_with_setup(
            || BytesMut::from(&stream[..]),
            |mut buffer| CloseCodec::server().decode(&mut buffer).is_ok(),
        );
    });
    group.bench_function("wrapped/1M-data-frames-then-close", |bencher| {
        bencher.iter_with_setup(
            || BytesMut::from(&stream[..]),
            |mut buffer| {
                let mut codec = CloseCodec::server().wrap(BytesCodec::new());
                while let Ok(Some(Message::Other(frames))) = codec.decode(&mut buffer) {
                    black_box(frames);
                }
            },
        );
    });
    let mut copied = stream.clone();
    group.bench_function("floor-memcpy", |bencher| {
        bencher.iter(|| {
            copied.copy_from_slice(black_box(&stream));
            black_box(&copied);
        });
    });
}

criterion_group!(benches, frames);
criterion_main!(benches);
