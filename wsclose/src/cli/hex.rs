//! Bytes in the shapes in which people paste them, and `Hex`, which shows bytes.

use std::fmt;

/// Bytes in lower-case hex.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a text is not hex.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Error {
    Letter(char, usize),
    OddDigits(String),
    /// `hexdump` without `-C` prints words of 16 bits in the byte order of its machine.
    Words,
    /// A line of a hexdump with an offset that does not follow.
    Offset {
        expected: usize,
        found: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Letter(letter, at) => write!(f, "{letter:?} at position {at}"),
            Self::OddDigits(digits) => write!(f, "an odd number of digits in {digits:?}"),
            Self::Words => f.write_str("a dump of words; take hexdump -C or xxd"),
            Self::Offset { expected, found } => {
                write!(f, "a line at offset {found:#x} where {expected:#x} was expected")
            }
        }
    }
}

/// Reads hex: digits with spaces between them; bytes set apart by other marks or by `0x`; or the lines of a hexdump.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, Error> {
    let mut dump = Dump::default();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    if lines.peek().is_some_and(|line| DumpLine::read(line).is_some_and(|line| line.starts_dump())) {
        for line in lines {
            match DumpLine::read(line) {
                Some(line) => dump.push(line)?,
                None if dump.is_end(line) => {}
                None => dump.bytes.extend(digits(line)?),
            }
        }
        return Ok(dump.bytes);
    }
    digits(text)
}

/// Reads hex without offsets.
fn digits(text: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let (mut run, mut is_apart) = (String::new(), false);
    let text = text.trim().strip_prefix("<Buffer").unwrap_or(text);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        match (letter, next) {
            ('0' | '\\', Some('x' | 'X')) => {
                letters.next();
                (bytes, is_apart) = (with_run(bytes, &mut run, true)?, true);
            }
            (',' | ':' | ';' | '-' | '[' | ']' | '{' | '}' | '(' | ')' | '"' | '\'' | '>', _) => {
                (bytes, is_apart) = (with_run(bytes, &mut run, true)?, true);
            }
            _ if letter.is_ascii_hexdigit() => run.push(letter),
            _ if letter.is_whitespace() => {}
            _ => return Err(Error::Letter(letter, at)),
        }
    }
    with_run(bytes, &mut run, is_apart)
}

/// Adds the bytes of a run of digits. A digit that is set apart is a byte.
fn with_run(mut bytes: Vec<u8>, run: &mut String, is_apart: bool) -> Result<Vec<u8>, Error> {
    if run.len() == 1 && is_apart {
        run.insert(0, '0');
    }
    if run.len() % 2 != 0 {
        return Err(Error::OddDigits(std::mem::take(run)));
    }
    let digits: Vec<_> = run.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let pairs = digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    bytes.extend(pairs.filter_map(|byte| u8::try_from(byte).ok()));
    run.clear();
    Ok(bytes)
}

/// The bytes of a hexdump so far.
#[derive(Default)]
pub(crate) struct Dump {
    pub(crate) bytes: Vec<u8>,
}

impl Dump {
    /// Whether a line says how long the dump is, as the last one does.
    pub(crate) fn is_end(&self, line: &str) -> bool {
        let line = line.trim();
        let is_len = |radix| usize::from_str_radix(line, radix) == Ok(self.bytes.len());
        matches!(line.len(), 6..=8) && (is_len(16) || is_len(8))
    }

    pub(crate) fn push(&mut self, line: DumpLine) -> Result<(), Error> {
        if line.offset != self.bytes.len() {
            return Err(Error::Offset { expected: self.bytes.len(), found: line.offset });
        }
        if line.is_in_words {
            return Err(Error::Words);
        }
        self.bytes.extend(line.bytes);
        Ok(())
    }
}

/// A line of xxd, `hexdump -C`, `od -tx1`, tcpdump or Wireshark: an offset, bytes, and perhaps the same as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DumpLine {
    offset: usize,
    bytes: Vec<u8>,
    is_in_words: bool,
}

impl DumpLine {
    /// `None` if it does not look like one.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        let (offset, rest) = line.split_at(line.find(|letter: char| letter == ':' || letter.is_whitespace())?);
        let digits = offset.strip_prefix("0x").unwrap_or(offset);
        let has_colon = rest.starts_with(':');
        // `od` has seven octal digits, or six of hex; hexdump has seven of hex, and its words give it away.
        let is_od = digits.len() == 7 && !has_colon;
        let gap = rest.len() - rest.trim_start_matches([':', ' ', '\t']).len();
        let looks_right = match digits.len() {
            6 | 7 => true,
            4 | 8 => gap > 1 || rest.starts_with('\t'),
            _ => false,
        };
        if !looks_right || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let (mut bytes, mut is_in_words) = (Vec::new(), false);
        let mut rest = rest.get(gap..)?;
        while !rest.is_empty() && bytes.len() < 16 {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (token, behind) = rest.split_at(end);
            let Ok(more) = self::digits(token) else { break };
            if !token.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                break;
            }
            is_in_words |= is_od && token.len() > 2;
            bytes.extend(more);
            let next = behind.trim_start();
            // Two spaces stand in the middle of a line, or before the text.
            if behind.len() - next.len() > 1 && bytes.len() != 8 {
                break;
            }
            rest = next;
        }
        // Six digits may be bytes.
        if digits.len() == 6 && bytes.len() != line.split_whitespace().count() - 1 {
            return None;
        }
        let offset = usize::from_str_radix(digits, if is_od && !is_in_words { 8 } else { 16 }).ok()?;
        Some(Self { offset, bytes, is_in_words })
    }

    pub(crate) fn starts_dump(&self) -> bool {
        self.offset == 0 && !self.bytes.is_empty()
    }
}
