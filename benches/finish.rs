//! `finish` where the peer has closed, and data frames through a wrapped codec beside the inner codec alone.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use tokio_util::codec::{Decoder, Framed, LengthDelimitedCodec};
use websocket_close::CloseFrame;
use websocket_close::codec::{Bare, CloseCodec, Timeouts, finish};

const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";
const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1001, "");

fn finishes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("finish");
    let transport = || tokio::io::join(CLOSE, tokio::io::sink());
    group.bench_function("framed", |bencher| {
        bencher.iter_batched_ref(
            || Framed::new(transport(), CloseCodec::server()),
            |framed| finish(framed, GOODBYE, Timeouts::DEFAULT).now_or_never().unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("bare", |bencher| {
        bencher.iter_batched_ref(
            || Bare::new(transport(), CloseCodec::server()),
            |bare| bare.finish(GOODBYE, Timeouts::DEFAULT).now_or_never().unwrap(),
            BatchSize::SmallInput,
        );
    });
}

/// Unmasked frames of 16 bytes. The inner codec knows only their length.
fn wrapped(criterion: &mut Criterion) {
    fn read(mut codec: impl Decoder, mut buffer: BytesMut) {
        while let Ok(Some(item)) = codec.decode(&mut buffer) {
            black_box(&item);
        }
    }
    let inner = || LengthDelimitedCodec::builder().length_field_offset(1).length_field_length(1).new_codec();
    let stream = [&[0x82, 16], &[7; 16][..]].concat().repeat(1000);
    let mut group = criterion.benchmark_group("1000-data-frames");
    group.bench_function("inner-alone", |bencher| {
        bencher.iter_batched(|| BytesMut::from(&stream[..]), |buffer| read(inner(), buffer), BatchSize::SmallInput);
    });
    group.bench_function("wrapped", |bencher| {
        bencher.iter_batched(
            || BytesMut::from(&stream[..]),
            |buffer| read(CloseCodec::client(|| [1, 2, 3, 4]).wrap(inner()), buffer),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, finishes, wrapped);
criterion_main!(benches);
