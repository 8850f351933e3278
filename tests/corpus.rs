//! Replays the committed corpus of the fuzz targets in `fuzz/`, without a fuzzer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, missing_docs)]

use std::fs;
use std::path::Path;

#[cfg(feature = "arbitrary")]
#[path = "../fuzz/src/case.rs"]
mod case;
#[cfg(feature = "codec")]
#[path = "../fuzz/src/codec.rs"]
mod codec;
#[path = "../fuzz/src/handshake.rs"]
mod handshake;
#[path = "../fuzz/src/payload.rs"]
mod payload;
#[path = "../fuzz/src/wire.rs"]
mod wire;

/// Checks the property for each file of the target's corpus.
fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    for file in files {
        println!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}

#[test]
fn the_corpus_of_payload_passes() {
    replay("payload", payload::check);
}

#[test]
fn the_corpus_of_wire_passes() {
    replay("wire", wire::check);
}

#[test]
fn the_corpus_of_handshake_passes() {
    replay("handshake", handshake::check);
}

#[cfg(feature = "codec")]
#[test]
fn the_corpus_of_codec_passes() {
    replay("codec", codec::check);
    // The inputs of `wire` have the same form.
    replay("wire", codec::check);
}

#[cfg(feature = "arbitrary")]
#[test]
fn the_corpus_of_case_passes() {
    replay("case", case::check);
}
