//! The program `wsclose`: see `cli`.
#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::process::ExitCode;

fn main() -> ExitCode {
    wsclose::cli::main()
}
