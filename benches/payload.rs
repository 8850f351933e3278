//! Payloads of a Close decoded, beside a `memcpy` of the same bytes. The peers are in `benches/peers`.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use websocket_close::CloseFrame;

fn payloads(criterion: &mut Criterion) {
    let ascii = "a".repeat(123);
    let inputs = [
        ("empty", vec![]),
        ("code", b"\x03\xe8".to_vec()),
        ("ascii-16", [b"\x03\xe8", &ascii.as_bytes()[..16]].concat()),
        ("ascii-40", [b"\x03\xe8", &ascii.as_bytes()[..40]].concat()),
        ("ascii-63", [b"\x03\xe8", &ascii.as_bytes()[..63]].concat()),
        ("ascii-64", [b"\x03\xe8", &ascii.as_bytes()[..64]].concat()),
        ("ascii-123", [b"\x03\xe8", ascii.as_bytes()].concat()),
        ("cyrillic-40", [b"\x03\xe8", "ж".repeat(20).as_bytes()].concat()),
        ("cyrillic-122", [b"\x03\xe8", "ж".repeat(61).as_bytes()].concat()),
        ("cjk-123", [b"\x03\xe8", "界".repeat(41).as_bytes()].concat()),
        ("emoji-120", [b"\x03\xe8", "🦀".repeat(30).as_bytes()].concat()),
        ("reject-utf8-first", [b"\x03\xe8\xff", &ascii.as_bytes()[..122]].concat()),
        ("reject-utf8-last", [b"\x03\xe8", &ascii.as_bytes()[..122], b"\xff"].concat()),
        ("reject-code", b"\x03\xed".to_vec()),
    ];
    let mut group = criterion.benchmark_group("payload");
    for (name, payload) in &inputs {
        group.bench_with_input(BenchmarkId::new("borrowed", name), payload.as_slice(), |bencher, payload| {
            bencher.iter(|| CloseFrame::from_payload(black_box(payload)).is_ok_and(|frame| frame.code().is_some()));
        });
        group.bench_with_input(BenchmarkId::new("owned", name), payload.as_slice(), |bencher, payload| {
            bencher.iter(|| CloseFrame::from_payload(black_box(payload)).map(CloseFrame::into_owned));
        });
        let mut copied = [0; 125];
        group.bench_with_input(BenchmarkId::new("floor-memcpy", name), payload.as_slice(), |bencher, payload| {
            bencher.iter(|| {
                let payload = black_box(payload);
                copied[..payload.len()].copy_from_slice(payload);
                black_box(&copied);
            });
        });
    }
}

criterion_group!(benches, payloads);
criterion_main!(benches);
