//! The package of the proofs about the crate. `tests/README.md` lists them with their commands.
#![forbid(unsafe_code)]
