//! Capture files, pcap and pcapng, from the front to packets. `pcap-parser` knows the formats.

use std::fmt;
use std::io::{self, Cursor, Read};

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, InterfaceDescriptionBlock, LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader};

use crate::cli::hex::Hex;
use crate::cli::time::Time;

/// A packet as it was captured.
pub(crate) struct Packet<'a> {
    /// The type of the link layer, a number of the registry of tcpdump.org.
    pub(crate) link: i32,
    /// `None` for a simple packet block, which has no clock.
    pub(crate) time: Option<Time>,
    pub(crate) data: &'a [u8],
    /// Whether the capture cut it.
    pub(crate) is_cut: bool,
}

/// How much is read at once, and how much a packet or a block may have; one that has more is a broken file.
const BUFFER: usize = 1 << 16;
const MAX_BUFFER: usize = 1 << 24;

/// How pcap begins, in the order of big-endian machines: with microseconds, with nanoseconds, and with more before each
/// packet (Kuznetzov's patch).
const PCAP: [[u8; 4]; 3] = [[0xa1, 0xb2, 0xc3, 0xd4], [0xa1, 0xb2, 0x3c, 0x4d], [0xa1, 0xb2, 0xcd, 0x34]];

/// Why a capture cannot be read, or not to its end.
#[derive(Debug)]
pub(crate) enum Error {
    Input(io::Error),
    /// What is found cannot be written.
    Output(io::Error),
    Empty,
    NotACapture(Vec<u8>),
    Compressed(&'static str),
    /// The file ends inside a packet or a block, which begins at this byte; or a block is shorter than what is in it.
    Truncated(usize),
    /// What begins at this byte is no packet and no block, or one that is far too long.
    Broken(usize),
    /// A packet names an interface that the file does not describe.
    NoInterface {
        id: u32,
        at: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) | Self::Output(error) => error.fmt(f),
            Self::Empty => f.write_str("the file is empty"),
            Self::NotACapture(magic) => write!(f, "neither pcap nor pcapng: it begins with {}", Hex(magic)),
            Self::Compressed(tool) => write!(f, "the file is compressed: {tool} FILE | wsclose pcap -"),
            Self::Truncated(at) => {
                write!(f, "the file ends early, inside the packet at byte {at}, or it is broken there")
            }
            Self::Broken(at) => write!(f, "the file is broken at byte {at}"),
            Self::NoInterface { id, at } => {
                write!(f, "a packet of the interface {id}, which is not described, at byte {at}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Reads a capture to its end, or as far as it can be read, and shows each packet.
pub(crate) fn read(mut input: impl Read, mut show: impl FnMut(&Packet<'_>) -> io::Result<()>) -> Result<(), Error> {
    let mut magic = Vec::new();
    input.by_ref().take(4).read_to_end(&mut magic).map_err(Error::Input)?;
    let is_pcap_ng = is_pcap_ng(&magic)?;
    let mut failed = None;
    let input = Steady { input: Cursor::new(magic).chain(input), failed: &mut failed };
    let result = if is_pcap_ng {
        PcapNGReader::new(BUFFER, input).map_err(|error| kind(&error, 0)).and_then(|reader| packets(reader, &mut show))
    } else {
        LegacyPcapReader::new(BUFFER, input)
            .map_err(|error| kind(&error, 0))
            .and_then(|reader| packets(reader, &mut show))
    };
    failed.map_or(result, |error| Err(Error::Input(error)))
}

/// Which of the two formats the first four bytes announce.
fn is_pcap_ng(magic: &[u8]) -> Result<bool, Error> {
    Ok(match magic {
        [] => return Err(Error::Empty),
        [0x0a, 0x0d, 0x0d, 0x0a] => true,
        [a, b, c, d] if PCAP.contains(&[*a, *b, *c, *d]) || PCAP.contains(&[*d, *c, *b, *a]) => false,
        [0x1f, 0x8b, ..] => return Err(Error::Compressed("gzip -dc")),
        [0x28, 0xb5, 0x2f, 0xfd] => return Err(Error::Compressed("zstd -dc")),
        [0xfd, b'7', b'z', b'X'] => return Err(Error::Compressed("xz -dc")),
        _ => return Err(Error::NotACapture(magic.to_vec())),
    })
}

/// Fills every buffer until the input ends, since the parser takes a short read for the end of the header. It also
/// keeps the error of the input, which the parser drops.
struct Steady<'a, R> {
    input: R,
    failed: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Steady<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(free @ [_, ..]) = buffer.get_mut(filled..) {
            match self.input.read(free) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // What came before it is still read.
                    self.failed.get_or_insert(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}

/// An error of the parser, whose own words quote the bytes of the file.
fn kind<I>(error: &PcapError<I>, at: usize) -> Error {
    match error {
        PcapError::UnexpectedEof | PcapError::Incomplete(_) => Error::Truncated(at),
        _ => Error::Broken(at),
    }
}

/// Shows each packet.
fn packets(
    mut reader: impl PcapReaderIterator,
    show: &mut impl FnMut(&Packet<'_>) -> io::Result<()>,
) -> Result<(), Error> {
    let (mut format, mut capacity) = (Format::default(), BUFFER);
    loop {
        let at = reader.consumed();
        let wants = match reader.next() {
            Ok((len, block)) => {
                if let Some(packet) = format.packet(&block, at)? {
                    show(&packet).map_err(Error::Output)?;
                }
                Wants::Next { behind: len }
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => Wants::More,
            Err(PcapError::BufferTooSmall) => Wants::Space,
            Err(error) => return Err(kind(&error, at)),
        };
        match wants {
            Wants::Next { behind } => reader.consume(behind),
            Wants::Space if capacity >= MAX_BUFFER => return Err(Error::Broken(at)),
            Wants::More | Wants::Space => {
                if matches!(wants, Wants::Space) {
                    capacity *= 2;
                    reader.grow(capacity);
                }
                reader.refill().map_err(|error| kind(&error, at))?;
            }
        }
    }
}

/// What the parser wants before it goes on.
enum Wants {
    Next { behind: usize },
    More,
    Space,
}

/// What the packets of a file have in common: in pcap by its header, in pcapng by their interface.
#[derive(Default)]
struct Format {
    interfaces: Vec<Interface>,
}

struct Interface {
    link: i32,
    snap_len: u32,
    ticks_per_second: u64,
    offset_seconds: i64,
}

impl Format {
    /// The packet in a block that begins at the byte `at`, or `None` for other blocks.
    fn packet<'a>(&mut self, block: &'a PcapBlockOwned<'_>, at: usize) -> Result<Option<Packet<'a>>, Error> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let ticks_per_second = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                // The upper bits of the type say how long a checksum behind each frame is. The lengths in the IP header
                // leave it out anyway.
                let link = header.network.0 & 0xffff;
                self.interfaces =
                    vec![Interface { link, snap_len: header.snaplen, ticks_per_second, offset_seconds: 0 }];
                Ok(None)
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                Ok(None)
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                self.interfaces.push(Interface::read(block).ok_or(Error::Broken(at))?);
                Ok(None)
            }
            PcapBlockOwned::Legacy(packet) => {
                let interface = self.interface(0, at)?;
                let ticks = u128::from(packet.ts_sec) * u128::from(interface.ticks_per_second);
                let time = Some(interface.time(ticks + u128::from(packet.ts_usec)));
                Ok(Some(Packet {
                    link: interface.link,
                    time,
                    data: packet.data,
                    is_cut: packet.caplen < packet.origlen,
                }))
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let interface = self.interface(packet.if_id, at)?;
                let ticks = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
                let (time, data) = (Some(interface.time(ticks)), packet.packet_data());
                Ok(Some(Packet { link: interface.link, time, data, is_cut: packet.caplen < packet.origlen }))
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let interface = self.interface(0, at)?;
                // Such a block says only how long the packet was on the wire.
                let snap_len = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
                let data = packet.packet_data();
                let data = data.get(..snap_len as usize).unwrap_or(data);
                Ok(Some(Packet { link: interface.link, time: None, data, is_cut: snap_len < packet.origlen }))
            }
            PcapBlockOwned::NG(_) => Ok(None),
        }
    }

    fn interface(&self, id: u32, at: usize) -> Result<&Interface, Error> {
        self.interfaces.get(id as usize).ok_or(Error::NoInterface { id, at })
    }
}

impl Interface {
    /// `None` if its clock has no sense.
    fn read(block: &InterfaceDescriptionBlock<'_>) -> Option<Self> {
        let ticks_per_second = block.ts_resolution().filter(|ticks| *ticks > 0)?;
        let (link, snap_len) = (block.linktype.0, block.snaplen);
        Some(Self { link, snap_len, ticks_per_second, offset_seconds: block.ts_offset() })
    }

    fn time(&self, ticks: u128) -> Time {
        let per_second = u128::from(self.ticks_per_second);
        let nanos = ticks % per_second * 1_000_000_000 / per_second;
        let seconds = i64::try_from(ticks / per_second).unwrap_or(i64::MAX).saturating_add(self.offset_seconds);
        Time::new(seconds, u64::try_from(nanos).unwrap_or(0))
    }
}
