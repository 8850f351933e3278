//! Proofs about the crate. `tests/README.md` lists them with their commands.
