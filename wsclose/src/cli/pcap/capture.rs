//! Capture files: pcap (micro- and nanoseconds, both byte orders) and pcapng, read from the front to packets.

use std::fmt;
use std::io::{self, BufReader, Read};

use crate::cli::hex::Hex;
use crate::cli::time::Time;

/// A capture, from its first packet to its last. It holds one packet at a time.
pub(crate) struct Capture<R> {
    reader: BufReader<R>,
    format: Format,
    body: Vec<u8>,
    /// How many bytes are read.
    read: u64,
}

/// A packet as it was captured.
pub(crate) struct Packet<'a> {
    /// The type of the link layer, a number of the registry of tcpdump.org.
    pub(crate) link: u32,
    /// None for a simple packet block, which has no clock.
    pub(crate) time: Option<Time>,
    pub(crate) data: &'a [u8],
    /// Whether the capture cut it.
    pub(crate) is_cut: bool,
}

enum Format {
    Pcap { order: Order, link: u32, nanos_per_tick: u32, extra_header: usize },
    PcapNg { order: Order, interfaces: Vec<Interface> },
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }
}

/// What a pcapng file says about an interface.
struct Interface {
    link: u32,
    snap_len: u32,
    ticks_per_second: u128,
    offset_seconds: i64,
}

/// A packet of more bytes than this is a broken file.
const MAX_BODY: usize = 16 << 20;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;

/// Why a capture cannot be read, or not to its end.
#[derive(Debug)]
pub(crate) enum Error {
    Io(io::Error),
    Empty,
    NotACapture([u8; 4]),
    Compressed(&'static str),
    /// The file ends inside a packet or a block, behind so many bytes.
    Truncated(u64),
    /// A packet or a block announces so many bytes.
    TooLong {
        len: u64,
        at: u64,
    },
    /// A block has fewer bytes than its fields need, or its two lengths differ.
    BadBlock {
        kind: u32,
        at: u64,
    },
    /// A packet names an interface that the file does not describe.
    NoInterface {
        id: u32,
        at: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Empty => f.write_str("the file is empty"),
            Self::NotACapture(magic) => write!(f, "neither pcap nor pcapng: it begins with {}", Hex(magic)),
            Self::Compressed(tool) => write!(f, "the file is compressed: {tool} FILE | wsclose pcap -"),
            Self::Truncated(read) => write!(f, "the file ends inside a packet, after {read} bytes"),
            Self::TooLong { len, at } => write!(f, "a packet of {len} bytes at byte {at}: the file is broken there"),
            Self::BadBlock { kind, at } => write!(f, "a broken block of type {kind:#x} at byte {at}"),
            Self::NoInterface { id, at } => {
                write!(f, "a packet of the interface {id}, which is not described, at byte {at}")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<R: Read> Capture<R> {
    /// Reads the first bytes, which tell the format.
    pub(crate) fn open(reader: R) -> Result<Self, Error> {
        let mut capture = Self {
            reader: BufReader::with_capacity(1 << 18, reader),
            format: Format::PcapNg { order: Order::Little, interfaces: Vec::new() },
            body: Vec::new(),
            read: 0,
        };
        let mut magic = [0; 4];
        match capture.fill(&mut magic)? {
            0 => return Err(Error::Empty),
            4 => {}
            read => return Err(Error::Truncated(read as u64)),
        }
        let (order, nanos_per_tick, extra_header) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1000, 0),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1000, 0),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1, 0),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1, 0),
            // Kuznetzov's patched format: eight bytes more before each packet.
            [0x34, 0xcd, 0xb2, 0xa1] => (Order::Little, 1000, 8),
            [0xa1, 0xb2, 0xcd, 0x34] => (Order::Big, 1000, 8),
            [0x0a, 0x0d, 0x0d, 0x0a] => {
                capture.section()?;
                return Ok(capture);
            }
            [0x1f, 0x8b, ..] => return Err(Error::Compressed("gzip -dc")),
            [0x28, 0xb5, 0x2f, 0xfd] => return Err(Error::Compressed("zstd -dc")),
            [0xfd, b'7', b'z', b'X'] => return Err(Error::Compressed("xz -dc")),
            _ => return Err(Error::NotACapture(magic)),
        };
        let [_, _, _, _, link] = capture.words(order)?;
        // The upper bits say how long a checksum behind each frame is; the lengths in the IP header leave it out anyway.
        capture.format = Format::Pcap { order, link: link & 0xffff, nanos_per_tick, extra_header };
        Ok(capture)
    }

    /// The next packet, or `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Packet<'_>>, Error> {
        match self.format {
            Format::Pcap { order, link, nanos_per_tick, extra_header } => {
                let mut first = [0; 4];
                if self.first(&mut first)? {
                    return Ok(None);
                }
                let seconds = order.u32(first);
                let [fraction, captured, sent] = self.words(order)?;
                self.body(captured as usize + extra_header)?;
                let time = Time::new(i64::from(seconds), u64::from(fraction) * u64::from(nanos_per_tick));
                let data = self.body.get(extra_header..).unwrap_or_default();
                Ok(Some(Packet { link, time: Some(time), data, is_cut: captured < sent }))
            }
            Format::PcapNg { .. } => self.next_block(),
        }
    }

    fn next_block(&mut self) -> Result<Option<Packet<'_>>, Error> {
        loop {
            let mut first = [0; 4];
            if self.first(&mut first)? {
                return Ok(None);
            }
            let Format::PcapNg { order, .. } = self.format else { return Ok(None) };
            // The type of a section header is the same in both orders.
            let kind = order.u32(first);
            if kind == SECTION {
                self.section()?;
                continue;
            }
            let [len] = self.words(order)?;
            self.block_body(order, kind, len)?;
            let at = self.read;
            let Format::PcapNg { interfaces, .. } = &mut self.format else { return Ok(None) };
            match kind {
                INTERFACE => {
                    let interface = Interface::read(order, &self.body).ok_or(Error::BadBlock { kind, at })?;
                    interfaces.push(interface);
                }
                PACKET | OLD_PACKET | SIMPLE_PACKET => {
                    let packet = RawPacket::read(order, kind, &self.body).ok_or(Error::BadBlock { kind, at })?;
                    let interface = interfaces.get(packet.interface as usize);
                    let interface = interface.ok_or(Error::NoInterface { id: packet.interface, at })?;
                    // A simple packet says only how long it was on the wire.
                    let captured = packet.captured.unwrap_or(match interface.snap_len {
                        0 => packet.sent,
                        snap_len => packet.sent.min(snap_len),
                    });
                    let data = packet.data.get(..captured as usize).ok_or(Error::BadBlock { kind, at })?;
                    let time = packet.ticks.map(|ticks| interface.time(ticks));
                    return Ok(Some(Packet { link: interface.link, time, data, is_cut: captured < packet.sent }));
                }
                _ => {}
            }
        }
    }

    /// Reads a section header behind its type. A section has its own byte order and interfaces.
    fn section(&mut self) -> Result<(), Error> {
        let (mut len, mut magic) = ([0; 4], [0; 4]);
        self.exactly(&mut len)?;
        self.exactly(&mut magic)?;
        let order = match magic {
            [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
            _ => return Err(Error::BadBlock { kind: SECTION, at: self.read }),
        };
        // Four bytes of the body are read.
        let len = order.u32(len).checked_sub(4).ok_or(Error::BadBlock { kind: SECTION, at: self.read })?;
        self.block_body(order, SECTION, len)?;
        self.format = Format::PcapNg { order, interfaces: Vec::new() };
        Ok(())
    }

    /// Reads the body of a block of `len` bytes, its first eight being read, and checks the length at its end.
    fn block_body(&mut self, order: Order, kind: u32, len: u32) -> Result<(), Error> {
        let bad = Error::BadBlock { kind, at: self.read };
        let Some(rest) = len.checked_sub(8) else { return Err(bad) };
        self.body(rest as usize)?;
        let trailer = self.body.split_last_chunk().map(|(body, trailer)| (body.len(), order.u32(*trailer)));
        match trailer {
            Some((body, trailer)) if trailer == len || kind == SECTION && trailer == len + 4 => {
                self.body.truncate(body);
                Ok(())
            }
            _ => Err(bad),
        }
    }

    /// Reads four bytes. True if the file ends before them.
    fn first(&mut self, bytes: &mut [u8; 4]) -> Result<bool, Error> {
        match self.fill(bytes)? {
            0 => Ok(true),
            4 => Ok(false),
            _ => Err(Error::Truncated(self.read)),
        }
    }

    fn words<const N: usize>(&mut self, order: Order) -> Result<[u32; N], Error> {
        let mut words = [[0; 4]; N];
        self.exactly(words.as_flattened_mut())?;
        Ok(words.map(|word| order.u32(word)))
    }

    /// Reads a body of `len` bytes.
    fn body(&mut self, len: usize) -> Result<(), Error> {
        if len > MAX_BODY {
            return Err(Error::TooLong { len: len as u64, at: self.read });
        }
        let mut body = std::mem::take(&mut self.body);
        body.resize(len, 0);
        let result = self.exactly(&mut body);
        self.body = body;
        result
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let wanted = bytes.len();
        if self.fill(bytes)? == wanted { Ok(()) } else { Err(Error::Truncated(self.read)) }
    }

    /// Reads until the buffer is full or the file ends.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(free @ [_, ..]) = bytes.get_mut(filled..) {
            match self.reader.read(free) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.read += filled as u64;
        Ok(filled)
    }
}

impl Interface {
    /// `None` if a field is missing.
    fn read(order: Order, mut body: &[u8]) -> Option<Self> {
        let link = u32::from(order.u16(take(&mut body)?));
        let _reserved: [u8; 2] = take(&mut body)?;
        let snap_len = order.u32(take(&mut body)?);
        let mut interface = Self { link, snap_len, ticks_per_second: 1_000_000, offset_seconds: 0 };
        // Options may be missing altogether.
        while let (Some(code), Some(len)) = (take(&mut body), take(&mut body)) {
            let len = usize::from(order.u16(len));
            let Some(value) = body.get(..len) else { break };
            match (order.u16(code), value) {
                (0, _) => break,
                (9, [power, ..]) => interface.ticks_per_second = ticks_per_second(*power)?,
                (14, value) => interface.offset_seconds = value.first_chunk().map_or(0, |value| order.i64(*value)),
                _ => {}
            }
            body = body.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(interface)
    }

    fn time(&self, ticks: u64) -> Time {
        let (ticks, per_second) = (u128::from(ticks), self.ticks_per_second);
        let nanos = ticks % per_second * 1_000_000_000 / per_second;
        let seconds = i64::try_from(ticks / per_second).unwrap_or(i64::MAX).saturating_add(self.offset_seconds);
        Time::new(seconds, u64::try_from(nanos).unwrap_or(0))
    }
}

/// The resolution of a clock: a power of ten, or of two if the top bit is set.
fn ticks_per_second(power: u8) -> Option<u128> {
    let (base, exponent) = if power & 0x80 == 0 { (10u128, power) } else { (2, power & 0x7f) };
    base.checked_pow(u32::from(exponent)).filter(|ticks| *ticks <= u128::from(u64::MAX))
}

/// The fields of a block with a packet.
struct RawPacket<'a> {
    interface: u32,
    ticks: Option<u64>,
    captured: Option<u32>,
    sent: u32,
    data: &'a [u8],
}

impl<'a> RawPacket<'a> {
    /// `None` if a field is missing.
    fn read(order: Order, kind: u32, mut data: &'a [u8]) -> Option<Self> {
        if kind == SIMPLE_PACKET {
            let sent = order.u32(take(&mut data)?);
            return Some(Self { interface: 0, ticks: None, captured: None, sent, data });
        }
        let interface = if kind == PACKET {
            order.u32(take(&mut data)?)
        } else {
            let id = u32::from(order.u16(take(&mut data)?));
            let _drops: [u8; 2] = take(&mut data)?;
            id
        };
        let (high, low) = (order.u32(take(&mut data)?), order.u32(take(&mut data)?));
        let (captured, sent) = (order.u32(take(&mut data)?), order.u32(take(&mut data)?));
        let ticks = Some(u64::from(high) << 32 | u64::from(low));
        Some(Self { interface, ticks, captured: Some(captured), sent, data })
    }
}

/// Takes the first bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
