//! `wsclose pcap`: every WebSocket in a capture.

mod capture;
mod packet;
mod reassembly;
mod table;

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use capture::Error;
use packet::{Segment, Skip};
use table::Table;

use super::output::Output;
use super::time::Time;
use super::{Result, Terminal};

/// What was read, for the last line on the standard error.
#[derive(Default)]
struct Counts {
    packets: u64,
    not_tcp: u64,
    headers_cut: u64,
    fragments: u64,
    cut: u64,
    links: Vec<i32>,
}

/// Reads a capture to its end, or as far as it can be read, and writes what it holds. Returns the exit status.
pub(crate) fn run(
    input: impl Read,
    name: &str,
    output: &mut Output<impl Write>,
    err: &mut dyn Write,
    terminal: Terminal,
) -> Result<u8> {
    let (mut counts, mut table, mut progress) = (Counts::default(), Table::new(), Progress::new(terminal));
    let mut last = Time::default();
    let result = capture::read(input, |packet| {
        last = packet.time.unwrap_or(last);
        counts.packets += 1;
        counts.cut += u64::from(packet.is_cut);
        match Segment::read(packet, last) {
            Ok(segment) => table.take(&segment, output)?,
            Err(skip) => counts.skip(skip),
        }
        progress.show(counts.packets, err)
    });
    progress.clear(err)?;
    table.finish(output)?;
    counts.warn(err)?;
    if output.shown() == 0 && result.is_ok() {
        writeln!(err, "wsclose: no WebSocket in {} packets", counts.packets)?;
    }
    match result {
        Ok(()) => Ok(output.status()),
        // Perhaps the reader of the output has seen enough.
        Err(Error::Output(error)) => Err(error.into()),
        Err(error) => Err(format!("{name}: {error}").into()),
    }
}

impl Counts {
    fn skip(&mut self, skip: Skip) {
        match skip {
            Skip::NotTcp => self.not_tcp += 1,
            Skip::HeadersCut => self.headers_cut += 1,
            Skip::Fragment => self.fragments += 1,
            Skip::Link(link) if self.links.contains(&link) => {}
            Skip::Link(link) => self.links.push(link),
        }
    }

    /// Says what was left out, if that may hide something.
    fn warn(&self, err: &mut dyn Write) -> Result<()> {
        if self.cut > 0 {
            writeln!(
                err,
                "wsclose: the capture cut {} of {} packets short: capture with -s 0",
                self.cut, self.packets
            )?;
        }
        if self.headers_cut > 0 {
            writeln!(err, "wsclose: {} packets end inside their headers and were left out", self.headers_cut)?;
        }
        if self.fragments > 0 {
            writeln!(err, "wsclose: {} fragments of IP packets were left out", self.fragments)?;
        }
        for link in &self.links {
            writeln!(err, "wsclose: packets of the link type {link} were left out")?;
        }
        Ok(())
    }
}

/// The number of packets on the standard error, on a terminal only, and only from the first second on.
struct Progress {
    terminal: Terminal,
    next: Instant,
    is_shown: bool,
}

impl Progress {
    /// How many packets pass between two looks at the clock.
    const STEP: u64 = 1 << 14;

    fn new(terminal: Terminal) -> Self {
        Self { terminal, next: Instant::now() + Duration::from_secs(1), is_shown: false }
    }

    fn show(&mut self, packets: u64, err: &mut dyn Write) -> io::Result<()> {
        if self.terminal.progress && packets % Self::STEP == 0 && Instant::now() >= self.next {
            write!(err, "\r{packets} packets")?;
            err.flush()?;
            self.is_shown = true;
            self.next = Instant::now() + Duration::from_millis(200);
        }
        Ok(())
    }

    fn clear(&self, err: &mut dyn Write) -> Result<()> {
        if self.is_shown {
            write!(err, "\r\x1b[K")?;
        }
        Ok(())
    }
}
