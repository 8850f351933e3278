//! Our crate beside its peers: the same work, the same validation, the same ownership of the result, in interleaved
//! rounds. What is not a race of nanoseconds is in `mass` (10,000 connections), `flood` and `sizes`.
#![allow(
    clippy::cast_lossless,
    clippy::cast_precision_loss,
    clippy::duration_suboptimal_units,
    clippy::must_use_candidate
)]
#![allow(clippy::ignored_unit_patterns, clippy::needless_for_each, clippy::too_many_lines, clippy::type_complexity)]
#![allow(clippy::unit_arg, clippy::unnecessary_wraps)]

mod codec;
mod connection;
mod decode;
mod encode;
mod flood;
mod inputs;
mod mass;
mod measure;
mod sizes;

use std::collections::BTreeSet;
use std::process::ExitCode;

use lexopt::prelude::{Long, ValueExt};

use inputs::{Answer, Input};
use measure::{Figures, Run};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// Who a contender is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This crate.
    Ours,
    /// A public function of a peer that does the whole work.
    Peer,
    /// The public parts of a peer, in the order its own code uses them; what is not public is written by hand.
    Pieces,
    /// What a user writes without any crate. It is a peer like any other.
    Hand,
    /// The same bytes moved, nothing understood.
    Floor,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Peer => "peer",
            Self::Pieces => "pieces",
            Self::Hand => "by hand",
            Self::Floor => "floor",
        }
    }
}

/// What a contender hands out. All of a table hand out the same.
#[derive(Clone, Copy)]
pub enum Delivers {
    /// A code and a reason that borrows from the buffer.
    Borrowed,
    /// A code and a reason that keeps the buffer alive.
    Shared,
    /// A code and a reason that keeps nothing else alive, or whose buffer ends with the connection.
    Copied,
    /// Every message.
    Items,
    /// Bytes in a buffer of the caller's.
    Bytes,
    /// Nothing but the Close at the end.
    Nothing,
}

impl Delivers {
    fn name(self) -> &'static str {
        match self {
            Self::Borrowed => "borrowed",
            Self::Shared => "shared",
            Self::Copied => "owned",
            Self::Items => "items",
            Self::Bytes => "bytes",
            Self::Nothing => "nothing",
        }
    }
}

/// One who does the work of a [`Case`], and the answer it gives; a floor gives none.
pub struct Contender {
    pub name: &'static str,
    pub kind: Kind,
    pub run: Run,
    pub answer: Option<Result<(u16, String), ()>>,
}

impl Contender {
    pub fn new(name: &'static str, kind: Kind, answer: Answer<'_>, run: Run) -> Self {
        Self { name, kind, run, answer: Some(answer.map(|(code, reason)| (code, reason.to_owned()))) }
    }

    pub fn floor(name: &'static str, run: Run) -> Self {
        Self { name, kind: Kind::Floor, run, answer: None }
    }
}

/// One piece of work, and all who do it.
pub struct Case {
    pub group: &'static str,
    pub delivers: Delivers,
    pub input: String,
    pub answer: Answer<'static>,
    pub contenders: Vec<Contender>,
}

impl Case {
    pub fn new(group: &'static str, delivers: Delivers, input: &Input, mut contenders: Vec<Contender>) -> Self {
        // A `memcpy` of a few bytes is no floor: its time depends on where the code happens to lie.
        contenders.retain(|contender| contender.kind != Kind::Floor || input.payload.len() >= 16);
        Self { group, delivers, input: input.name.clone(), answer: input.answer, contenders }
    }

    /// Takes out those that do not give the answer of RFC 6455, since theirs is not the same work, and says so.
    fn compare(&mut self, differing: &mut BTreeSet<String>) {
        let expected = self.answer.map(|(code, reason)| (code, reason.to_owned()));
        self.contenders.retain(|contender| match &contender.answer {
            Some(answer) if *answer != expected => {
                assert!(contender.kind != Kind::Ours, "{}/{}: {answer:?}", self.group, self.input);
                let verdict = match answer {
                    Ok((code, reason)) => format!("answers {code} with {} bytes of reason", reason.len()),
                    Err(()) => "refuses".to_owned(),
                };
                differing.insert(format!("{}, {}: {} {verdict}", self.group, self.input, contender.name));
                false
            }
            _ => true,
        });
    }

    fn race(&mut self, rounds: usize) -> Vec<(&'static str, Kind, Figures)> {
        let (who, mut runs): (Vec<_>, Vec<Run>) =
            self.contenders.drain(..).map(|one| ((one.name, one.kind), one.run)).unzip();
        let figures = measure::race(&mut runs, rounds);
        who.into_iter().zip(figures).map(|((name, kind), figures)| (name, kind, figures)).collect()
    }
}

/// How many times the best peer's time a row of ours may take.
const GATE: f64 = 1.5;

/// Smaller differences are noise: so many nanoseconds depend on where the code happens to lie.
const NOISE: f64 = 2.0;

/// Tables with a bound of their own. The text is what `group/input` begins with.
const ALLOWED: [(&str, f64); 5] = [
    // Without a reason a `String` allocates nothing, and it is smaller than the 132 bytes of an `OwnedCloseFrame`.
    ("payload/owned/empty", 4.0),
    ("payload/owned/code", 3.0),
    // By hand nothing is kept but the code and the reason.
    ("handshake without I/O/code only", 2.5),
    // `wire::encode` writes into an array, so appending its frame to a `Vec` copies it.
    ("encode/Vec/", 2.5),
    // Six nanoseconds for each frame, beside an encoder that takes twelve.
    ("codec/1,000 data frames written around websocket-codec", 1.8),
];

const HELP: &str = "\
Usage: close-peers [--filter TEXT] [--rounds NUMBER] [--json] [--gate]
       close-peers --mass | --flood | --sizes
  --filter TEXT     only tables whose `group/input` contains the text
  --rounds NUMBER   how often each contender has its turn (2000)
  --json            one object a line
  --gate            fail if a good frame takes us more than 1.5 times the best peer's time, or what its
                    table is allowed, and two nanoseconds
  --mass            10,000 connections shut down at once: memory and time
  --flood           CPU seconds per GiB that is read and thrown away
  --sizes           sizes of types in bytes";

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let (mut filter, mut rounds, mut json, mut gate) = (String::new(), 2000, false, false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("filter") => filter = args.value()?.string()?,
            Long("rounds") => rounds = args.value()?.parse::<usize>()?.max(1),
            Long("json") => json = true,
            Long("gate") => gate = true,
            Long("mass") => return done(mass::print()),
            Long("flood") => return done(flood::print()?),
            Long("sizes") => return done(sizes::print()),
            Long("help") => return done(println!("{HELP}")),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let (mut differing, mut slow) = (BTreeSet::new(), Vec::new());
    let cases = decode::cases().into_iter().chain(encode::cases()).chain(connection::cases()).chain(codec::cases());
    for mut case in cases.filter(|case| format!("{}/{}", case.group, case.input).contains(&filter)) {
        case.compare(&mut differing);
        let rows = case.race(rounds);
        if json {
            for (name, kind, figures) in &rows {
                let row = serde_json::json!({
                    "group": case.group, "input": case.input, "delivers": case.delivers.name(), "contender": name,
                    "kind": kind.name(), "min_ns": round(figures.min_ns), "median_ns": round(figures.median_ns),
                    "allocs": round(figures.allocs),
                });
                println!("{row}");
            }
        } else {
            print_table(&case, &rows);
        }
        let (name, (ours, best)) = (format!("{}/{}", case.group, case.input), slowest_and_best(&rows));
        let allowed = ALLOWED.iter().find(|(table, _)| name.starts_with(table)).map_or(GATE, |(_, allowed)| *allowed);
        // A refusal by hand tells nothing. Ours has the offending value and the code to answer with.
        if case.answer.is_ok() && ours > allowed * best + NOISE {
            slow.push(format!("{name}: {ours:.1} ns to {best:.1}, and {allowed} times is allowed"));
        }
    }
    for line in differing {
        eprintln!("not timed, since the answer differs: {line}");
    }
    if gate && !slow.is_empty() {
        eprintln!("too slow beside the best peer:");
        slow.iter().for_each(|row| eprintln!("  {row}"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn done((): ()) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Ok(ExitCode::SUCCESS)
}

/// The time of our slowest row, and of the best peer's.
fn slowest_and_best(rows: &[(&'static str, Kind, Figures)]) -> (f64, f64) {
    let of = |ours| rows.iter().filter(move |row| row.1 != Kind::Floor && (row.1 == Kind::Ours) == ours);
    let slowest = of(true).map(|row| row.2.min_ns).fold(0.0, f64::max);
    (slowest, of(false).map(|row| row.2.min_ns).fold(f64::INFINITY, f64::min))
}

fn round(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// The rows by time, each with how many times ours it took.
fn print_table(case: &Case, rows: &[(&'static str, Kind, Figures)]) {
    let ours = rows.iter().find(|row| row.1 == Kind::Ours).map(|row| row.2.min_ns);
    let mut rows = rows.to_vec();
    rows.sort_by(|one, other| one.2.min_ns.total_cmp(&other.2.min_ns));
    println!("\n{} / {}, delivers: {}", case.group, case.input, case.delivers.name());
    println!("  {:<42} {:<7} {:>10} {:>10} {:>8} {:>7}", "", "kind", "min ns", "median ns", "of ours", "allocs");
    for (name, kind, figures) in rows {
        let ratio = ours.map_or(String::new(), |ours| format!("{:.2}", figures.min_ns / ours));
        let Figures { min_ns, median_ns, allocs } = figures;
        println!("  {name:<42} {:<7} {min_ns:>10.2} {median_ns:>10.2} {ratio:>8} {:>7}", kind.name(), round(allocs));
    }
}
