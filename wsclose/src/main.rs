//! The program `wsclose`: see `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wsclose::cli::main()
}
