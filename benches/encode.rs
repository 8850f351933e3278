//! Close frames encoded into a buffer that is used again, beside a `memcpy` of the ready frame.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use websocket_close::{CloseCode, CloseFrame, wire};

static CONST: [u8; 20] = wire::to_array(CloseFrame::from_static(1012, "back in a minute"));

fn encode(criterion: &mut Criterion) {
    let (ascii_16, ascii_40, ascii_123) = ("a".repeat(16), "a".repeat(40), "a".repeat(123));
    let inputs = [("code", ""), ("ascii-16", &ascii_16), ("ascii-40", &ascii_40), ("ascii-123", &ascii_123)];
    let mut group = criterion.benchmark_group("encode");
    for (name, reason) in inputs {
        for (how, mask) in [("unmasked", None), ("masked", Some([0x37, 0xfa, 0x21, 0x3d]))] {
            let mut buffer = [0; 131];
            group.bench_function(BenchmarkId::new(how, name), |bencher| {
                bencher.iter(|| {
                    let frame = CloseFrame::new(CloseCode::NORMAL_CLOSURE, black_box(reason)).unwrap();
                    black_box(wire::encode(frame, mask, &mut buffer));
                });
            });
            let frame = CloseFrame::new(CloseCode::NORMAL_CLOSURE, reason).unwrap();
            let (mut ready, mut copied) = ([0; 131], [0; 131]);
            let ready = wire::encode(frame, mask, &mut ready);
            group.bench_function(BenchmarkId::new(format!("floor-memcpy-{how}"), name), |bencher| {
                bencher.iter(|| {
                    let ready = black_box(ready);
                    copied[..ready.len()].copy_from_slice(ready);
                    black_box(&copied);
                });
            });
        }
    }
    let mut buffer = [0; 20];
    group.bench_function("const/ascii-16", |bencher| {
        bencher.iter(|| {
            buffer.copy_from_slice(black_box(&CONST));
            black_box(&buffer);
        });
    });
}

criterion_group!(benches, encode);
criterion_main!(benches);
