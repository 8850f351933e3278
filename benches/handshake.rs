//! A closing handshake from the peer's Close to the event, with the bytes of both Closes and without.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use websocket_close::wire::{self, Peek};
use websocket_close::{CloseCode, CloseEvent, CloseFrame, ClosingHandshake, Role};

const FRAME: CloseFrame<'static> = CloseFrame::from_static(1001, "the tab was closed");

fn handshake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    group.bench_function("machine", |bencher| {
        bencher.iter(|| {
            let mut closing = ClosingHandshake::new(Role::Server);
            black_box(&closing.receive(black_box(FRAME)));
            closing.mark_written();
            closing.event()
        });
    });
    let (mut encoded, mut buffer, mut answer) = ([0; 131], [0; 131], [0; 131]);
    let len = wire::encode(FRAME, Some([0x37, 0xfa, 0x21, 0x3d]), &mut encoded).len();
    group.bench_function("bytes", |bencher| {
        bencher.iter(|| -> Option<CloseEvent> {
            buffer = black_box(encoded);
            let bytes = &mut buffer[..len];
            let Ok(Peek::Close(close)) = wire::peek(Role::Server, bytes) else { return None };
            let mut closing = ClosingHandshake::new(Role::Server);
            let reply = closing.receive(close.decode().ok()?)?;
            black_box(wire::encode(reply, None, &mut answer));
            closing.mark_written();
            Some(closing.event())
        });
    });
    let mut copied = [0; 131];
    group.bench_function("floor-memcpy-in-and-out", |bencher| {
        bencher.iter(|| {
            copied[..len].copy_from_slice(&black_box(encoded)[..len]);
            black_box(&copied);
            copied[..4].copy_from_slice(black_box(&wire::to_array::<4>(CloseFrame::from_code(CloseCode::GOING_AWAY))));
            black_box(&copied);
        });
    });
}

criterion_group!(benches, handshake);
criterion_main!(benches);
