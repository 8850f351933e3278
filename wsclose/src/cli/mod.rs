//! The program `wsclose`: its commands, on any input and output.

mod codes;
mod connection;
mod decode;
mod decoded;
mod encode;
mod heads;
mod hex;
mod join;
mod json;
mod opening;
mod output;
mod pcap;
mod streams;
mod summary;
mod tap;
mod time;
mod websocket;
mod words;

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use lexopt::prelude::*;
use output::{Options, Output};

const HELP: &str = "\
Why did this WebSocket end?

wsclose decode [--payload] [--role client|server] [--base64] [--json] [HEX... | --raw FILE]
    Explains each HEX, in any shape: spaces, colons, commas, 0x, a hexdump. Without a HEX it explains each line of the
    standard input, and skips what follows a #. If each HEX is a single byte, all of them are one input. It steps over
    an HTTP head and over other frames to the first Close.
      --payload  HEX is the unmasked payload of a Close, not a frame
      --role     who receives the frames; without this, a server if the first one is masked
      --base64   HEX is base64
      --raw      the bytes are in a file (- is the standard input)
      --json     only the first frame; one object a line: outcome, code, has_code, reason, error_kind, fail_code,
                 consumed
    Exit status: 0 if each input is a valid Close or leads to one, otherwise 1; with --json always 0.

wsclose streams [OPTIONS] CLIENT SERVER
    Explains a connection whose two directions are in two files: what Wireshark's \"Follow TCP stream\" saves as raw.

wsclose pcap [OPTIONS] FILE
    Explains every WebSocket in a capture, pcap or pcapng (- is the standard input).

wsclose tap [OPTIONS] [--lan] LISTEN TARGET
    Relays TCP from LISTEN to TARGET without changing a byte, and explains each connection when it ends.
      --lan      allows a LISTEN that other machines can reach

    OPTIONS of these three:
      --json       one object a line for each connection; the keys are in the README
      --brief      the headlines alone
      --no-reason  leaves out the reasons
      --query      shows the query of a path; it may hold a token
    Exit status: 0 if every connection ended clean, 1 if one did not or there was none.

wsclose encode [--payload] [--mask HEX8] [--truncate] [CODE [REASON]]
    Writes a Close in hex: a server's frame, with --mask a client's frame, with --payload the payload alone.
      --truncate cuts a REASON of more than 123 bytes

wsclose codes [--json] [CODE]
    Explains CODE, or lists all.

Exit status 2: bad usage, or input that cannot be read to its end.
";

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// What the output may do beyond text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Whether the standard output may be in colour.
    pub color: bool,
    /// Whether the standard error may show progress.
    pub progress: bool,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let terminal = Terminal { color: io::stdout().is_terminal() && !no_color, progress: io::stderr().is_terminal() };
    let out = BufWriter::new(io::stdout().lock());
    run(std::env::args_os().skip(1), io::stdin().lock(), out, io::stderr(), terminal).into()
}

/// Runs a command line, given without the name of the program, and returns the exit status.
///
/// ```
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let status = wsclose::cli::run(["encode", "1001", "bye"], &b""[..], &mut out, &mut err, Default::default());
/// assert_eq!((status, &out[..]), (0, &b"880503e9627965\n"[..]));
/// ```
pub fn run(
    args: impl IntoIterator<Item = impl Into<OsString>, IntoIter: 'static>,
    mut input: impl Read,
    mut out: impl Write,
    mut err: impl Write,
    terminal: Terminal,
) -> u8 {
    let mut args = lexopt::Parser::from_args(args);
    let result = command(&mut args, &mut Io { input: &mut input, out: &mut out, err: &mut err, terminal });
    // Write what was found before the error, too.
    let flushed = out.flush();
    match result.and_then(|status| Ok(flushed.map(|()| status)?)) {
        Ok(status) => status,
        // The reader of the output has seen enough.
        Err(error) if error.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe) => 0,
        Err(error) => {
            // If this fails too, there is nobody to tell.
            let _ = writeln!(err, "wsclose: {}", printable(&error.to_string()));
            2
        }
    }
}

/// JSON, or an error, with nothing in it that may disturb who prints it: control characters, U+009B which begins
/// commands of terminals, U+2028 which ends a line in some languages, bidirectional and invisible characters.
fn printable(line: &str) -> String {
    let mut printable = String::new();
    for letter in line.chars() {
        // `escape_debug` would also escape quotes and backslashes. In JSON they are syntax.
        if matches!(letter, ' '..='~') || letter.escape_debug().len() == 1 {
            printable.push(letter);
        } else {
            printable.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    printable
}

/// The standard streams.
struct Io<'a> {
    input: &'a mut dyn Read,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    terminal: Terminal,
}

fn command(args: &mut lexopt::Parser, io: &mut Io<'_>) -> Result<u8> {
    match args.next()? {
        Some(Value(command)) if command == "decode" => decode::run(args, io),
        Some(Value(command)) if command == "streams" => streams(args, io),
        Some(Value(command)) if command == "pcap" => pcap(args, io),
        Some(Value(command)) if command == "tap" => tap(args, io),
        Some(Value(command)) if command == "encode" => encode::run(args, io),
        Some(Value(command)) if command == "codes" => codes::run(args, io),
        Some(Long("help") | Short('h')) => help(io),
        Some(Long("version") | Short('V')) => {
            writeln!(io.out, "wsclose {}", env!("CARGO_PKG_VERSION"))?;
            Ok(0)
        }
        Some(Value(command)) => Err(format!("no command {command:?}; try --help").into()),
        Some(arg) => Err(arg.unexpected().into()),
        None => Err("no command; try --help".into()),
    }
}

fn help(io: &mut Io<'_>) -> Result<u8> {
    io.out.write_all(HELP.as_bytes())?;
    Ok(0)
}

/// What the command line of `streams`, `pcap` and `tap` asks for.
enum Asked<const N: usize> {
    Help,
    Run { options: Options, lan: bool, values: [OsString; N] },
}

fn asked<const N: usize>(args: &mut lexopt::Parser, io: &Io<'_>, usage: &str) -> Result<Asked<N>> {
    let mut options = Options { color: io.terminal.color, ..Options::default() };
    let (mut lan, mut values) = (false, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Long("help") | Short('h') => return Ok(Asked::Help),
            Long("lan") if usage.contains("--lan") => lan = true,
            arg if options.take(&arg) => {}
            Value(value) if values.len() < N => values.push(value),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let values = values.try_into().map_err(|_| format!("usage: wsclose {usage}"))?;
    Ok(Asked::Run { options, lan, values })
}

fn streams(args: &mut lexopt::Parser, io: &mut Io<'_>) -> Result<u8> {
    let Asked::Run { options, values: [client, server], .. } = asked(args, io, "streams [OPTIONS] CLIENT SERVER")?
    else {
        return help(io);
    };
    let open = |path: &OsString| {
        let file = open(path)?;
        Ok::<_, Box<dyn Error>>((path.to_string_lossy().into_owned(), file))
    };
    let summary = streams::read(open(&client)?, open(&server)?)?;
    let mut output = Output::new(&mut *io.out, options);
    match summary {
        Some(summary) => output.show(&summary)?,
        None => writeln!(io.err, "wsclose: these two files are no WebSocket")?,
    }
    Ok(output.status())
}

fn pcap(args: &mut lexopt::Parser, io: &mut Io<'_>) -> Result<u8> {
    let Asked::Run { options, values: [file], .. } = asked(args, io, "pcap [OPTIONS] FILE")? else {
        return help(io);
    };
    let mut output = Output::new(&mut *io.out, options);
    if file == "-" {
        pcap::run(&mut *io.input, "standard input", &mut output, io.err, io.terminal)
    } else {
        pcap::run(open(&file)?, &file.to_string_lossy(), &mut output, io.err, io.terminal)
    }
}

fn tap(args: &mut lexopt::Parser, io: &mut Io<'_>) -> Result<u8> {
    let Asked::Run { options, lan, values } = asked(args, io, "tap [OPTIONS] [--lan] LISTEN TARGET")? else {
        return help(io);
    };
    let [listen, target] = values.map(ValueExt::string);
    let listen = tap::listen_on(&listen?, lan)?;
    tap::run(&listen, &target?, &mut Output::new(&mut *io.out, options), io.err)
}

fn open(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    Ok(File::open(path).map_err(|error| format!("{}: {error}", path.display()))?)
}
