//! What `streams`, `pcap` and `tap` share: their options, the form of their output, and their exit status.

use std::io::{self, Write};

use super::summary::Summary;
use super::{json, words};

/// The options that all three take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) form: Form,
    pub(crate) no_reason: bool,
    pub(crate) query: bool,
    pub(crate) color: bool,
}

/// What is written of each connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    #[default]
    Evidence,
    /// The headline alone.
    Brief,
    Json,
}

impl Options {
    /// Takes an option, or leaves it to the caller.
    pub(crate) fn take(&mut self, arg: &lexopt::Arg<'_>) -> bool {
        let lexopt::Arg::Long(name) = arg else { return false };
        match *name {
            "json" => self.form = Form::Json,
            "brief" => self.form = Form::Brief,
            "no-reason" => self.no_reason = true,
            "query" => self.query = true,
            _ => return false,
        }
        true
    }

    /// A path as it is shown. A query may hold a token.
    pub(crate) fn path(self, path: &str) -> &str {
        if self.query { path } else { path.split(['?', '#']).next().unwrap_or_default() }
    }
}

/// Writes connections, and keeps what the exit status depends on.
pub(crate) struct Output<W> {
    pub(crate) out: W,
    options: Options,
    shown: u64,
    all_clean: bool,
}

impl<W: Write> Output<W> {
    pub(crate) const fn new(out: W, options: Options) -> Self {
        Self { out, options, shown: 0, all_clean: true }
    }

    pub(crate) fn show(&mut self, summary: &Summary) -> io::Result<()> {
        self.shown += 1;
        self.all_clean &= summary.is_clean();
        if self.options.form == Form::Json {
            writeln!(self.out, "{}", json::line(&json::Connection::new(summary, self.options))?)
        } else {
            words::write(summary, self.options, &mut self.out)
        }
    }

    /// Something ended badly that is not shown.
    pub(crate) const fn not_clean(&mut self) {
        self.all_clean = false;
    }

    pub(crate) const fn shown(&self) -> u64 {
        self.shown
    }

    /// 0 if every connection was clean, 1 if one was not or there was none.
    pub(crate) const fn status(&self) -> u8 {
        if self.all_clean && self.shown > 0 { 0 } else { 1 }
    }
}
