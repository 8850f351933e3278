//! The connections of a capture, by their two addresses.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;

use super::packet::Segment;
use super::reassembly::{Budget, Tcp};
use crate::cli::connection::{Connection, Side};
use crate::cli::output::Output;
use crate::cli::summary::Summary;
use crate::cli::time::Time;

/// Connections that are still followed, and those that are over.
pub(crate) struct Table {
    live: HashMap<(SocketAddr, SocketAddr), Entry>,
    done: Vec<Summary>,
    budget: Budget,
}

struct Entry {
    a: SocketAddr,
    b: SocketAddr,
    last: Time,
    tcp: Tcp,
    connection: Connection,
}

/// With more connections than this, those that have been silent for longest are let go.
const MAX_CONNECTIONS: usize = 1 << 16;

impl Table {
    pub(crate) fn new() -> Self {
        Self { live: HashMap::new(), done: Vec::new(), budget: Budget::default() }
    }

    pub(crate) fn take(&mut self, segment: &Segment<'_>, output: &mut Output<impl Write>) -> io::Result<()> {
        let key = (segment.from.min(segment.to), segment.from.max(segment.to));
        if let Some(entry) = self.live.get(&key) {
            let side = if segment.from == entry.a { Side::A } else { Side::B };
            if entry.tcp.is_another(side, segment) {
                if let Some(entry) = self.live.remove(&key) {
                    self.done.extend(entry.finish(&mut self.budget));
                }
            }
        } else if self.live.len() + self.done.len() >= MAX_CONNECTIONS {
            self.make_room(output)?;
        }
        let entry = self.live.entry(key).or_insert_with(|| Entry::new(segment));
        entry.last = segment.time;
        let side = if segment.from == entry.a { Side::A } else { Side::B };
        entry.tcp.take(side, segment, &mut entry.connection, &mut self.budget);
        Ok(())
    }

    /// Ends what is live, and shows everything in the order in which it was opened.
    pub(crate) fn finish(mut self, output: &mut Output<impl Write>) -> io::Result<()> {
        for entry in self.live.into_values() {
            self.done.extend(entry.finish(&mut self.budget));
        }
        show(&mut self.done, output)
    }

    /// Lets go of the quarter of the connections that have been silent for longest.
    fn make_room(&mut self, output: &mut Output<impl Write>) -> io::Result<()> {
        let mut by_age: Vec<_> = self.live.iter().map(|(key, entry)| (entry.last, *key)).collect();
        by_age.sort_unstable_by_key(|(last, _)| *last);
        for (_, key) in by_age.iter().take(by_age.len() / 4) {
            if let Some(entry) = self.live.remove(key) {
                self.done.extend(entry.finish(&mut self.budget));
            }
        }
        show(&mut self.done, output)
    }
}

/// Shows connections that are over.
fn show(done: &mut Vec<Summary>, output: &mut Output<impl Write>) -> io::Result<()> {
    done.sort_by(|a, b| (a.opened, &a.client).cmp(&(b.opened, &b.client)));
    done.drain(..).try_for_each(|summary| output.show(&summary))
}

impl Entry {
    fn new(segment: &Segment<'_>) -> Self {
        // Who opens sends a SYN alone; who is opened to answers with SYN and ACK.
        let is_answer = segment.syn && segment.ack.is_some();
        let (a, b) = if is_answer { (segment.to, segment.from) } else { (segment.from, segment.to) };
        let connection = Connection::new(segment.syn, Some(segment.time));
        Self { a, b, last: segment.time, tcp: Tcp::default(), connection }
    }

    fn finish(mut self, budget: &mut Budget) -> Option<Summary> {
        self.tcp.finish(&mut self.connection, budget);
        let (a, b) = (self.a, self.b);
        self.connection.finish(None, |side| if side == Side::A { a } else { b }.to_string())
    }
}
