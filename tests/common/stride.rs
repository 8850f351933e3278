//! How much of a space a test takes: all of it, and under Miri, which is a thousand times slower, a part.

/// Each so many-th case.
pub(crate) const STRIDE: usize = if cfg!(miri) { 97 } else { 1 };
