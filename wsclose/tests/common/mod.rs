//! What the tests of the command line share.
#![allow(dead_code, reason = "no test uses all of it")]

use serde_json::Value;
use wsclose::cli::{self, Terminal};

/// Exit status, standard output and standard error of a command line.
pub(crate) fn run(args: &[&str], input: &[u8]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let status = cli::run(args, input, &mut out, &mut err, Terminal::default());
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// The objects of an output with one a line.
pub(crate) fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
