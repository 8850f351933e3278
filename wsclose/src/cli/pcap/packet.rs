//! From a captured packet to a TCP segment: link layer, IPv4 or IPv6, TCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::capture::Packet;
use crate::cli::time::Time;

/// A TCP segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) time: Time,
    pub(crate) seq: u32,
    pub(crate) ack: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) payload: &'a [u8],
    /// How many bytes of its payload the capture left out.
    pub(crate) cut: u32,
}

/// Why a packet is no TCP segment for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// It is something else.
    NotTcp,
    /// The capture cut it before the end of its headers.
    HeadersCut,
    /// It is a fragment of an IP packet.
    Fragment,
    /// We do not know the type of its link layer.
    Link(u32),
}

impl<'a> Segment<'a> {
    pub(crate) fn read(packet: &Packet<'a>, time: Time) -> Result<Self, Skip> {
        let ip = network_layer(packet.link, packet.data)?;
        let (from, to, tcp, cut) = match ip.first().map(|first| first >> 4) {
            Some(4) => ipv4(ip)?,
            Some(6) => ipv6(ip)?,
            _ => return Err(Skip::NotTcp),
        };
        let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, _, _, _, _, _, _, ..] = *tcp else {
            return Err(Skip::HeadersCut);
        };
        let header_len = usize::from(offset >> 4) * 4;
        if header_len < 20 {
            return Err(Skip::NotTcp);
        }
        // Options may be cut off. Then so is all of the payload, and only its length is known.
        let options_cut = header_len.saturating_sub(tcp.len());
        let cut = cut.checked_sub(options_cut).ok_or(Skip::NotTcp)?;
        Ok(Self {
            from: SocketAddr::new(from, u16::from_be_bytes([s0, s1])),
            to: SocketAddr::new(to, u16::from_be_bytes([d0, d1])),
            time,
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            ack: (flags & 0x10 != 0).then(|| u32::from_be_bytes([a0, a1, a2, a3])),
            syn: flags & 2 != 0,
            fin: flags & 1 != 0,
            rst: flags & 4 != 0,
            payload: tcp.get(header_len..).unwrap_or_default(),
            cut: u32::try_from(cut).map_err(|_| Skip::NotTcp)?,
        })
    }
}

/// Strips the link layer.
fn network_layer(link: u32, data: &[u8]) -> Result<&[u8], Skip> {
    let header_len = match link {
        // Ethernet: two addresses, then the type.
        1 => return behind_ether_type(data.get(12..)),
        // Linux "cooked": the type at the end, in version 2 at the start.
        113 => return behind_ether_type(data.get(14..)),
        276 => {
            return match data.first_chunk() {
                Some([0x81 | 0x91, 0x00] | [0x88, 0xa8]) => behind_ether_type(data.get(22..)),
                _ => data.get(20..).ok_or(Skip::HeadersCut),
            };
        }
        // BSD's loopback: the address family.
        0 | 108 => 4,
        // IP without anything.
        12 | 14 | 101 | 228 | 229 => 0,
        other => return Err(Skip::Link(other)),
    };
    data.get(header_len..).ok_or(Skip::HeadersCut)
}

/// Strips the type of an Ethernet frame, with VLAN tags before it.
fn behind_ether_type(data: Option<&[u8]>) -> Result<&[u8], Skip> {
    let mut data = data.ok_or(Skip::HeadersCut)?;
    loop {
        data = match data {
            [0x81 | 0x91, 0x00, _, _, rest @ ..] | [0x88, 0xa8, _, _, rest @ ..] => rest,
            [0x08, 0x00, ip @ ..] | [0x86, 0xdd, ip @ ..] => return Ok(ip),
            [_, _, ..] => return Err(Skip::NotTcp),
            _ => return Err(Skip::HeadersCut),
        }
    }
}

/// The two addresses, what was captured of the TCP segment, and how many of its bytes were not.
type Transport<'a> = (IpAddr, IpAddr, &'a [u8], usize);

fn ipv4(ip: &[u8]) -> Result<Transport<'_>, Skip> {
    let [version, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3, ..] = *ip else {
        return Err(Skip::HeadersCut);
    };
    if protocol != 6 {
        return Err(Skip::NotTcp);
    }
    // More fragments, or not the first one.
    if u16::from_be_bytes([f0 & 0x3f, f1]) != 0 {
        return Err(Skip::Fragment);
    }
    let header_len = usize::from(version & 15) * 4;
    // A length of 0 means that the network card makes the packets: everything that was captured belongs to this one.
    let len = match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => ip.len(),
        len => len,
    };
    let (from, to) = (Ipv4Addr::new(s0, s1, s2, s3), Ipv4Addr::new(d0, d1, d2, d3));
    let captured = ip.get(header_len..len.min(ip.len())).ok_or(Skip::NotTcp)?;
    Ok((from.into(), to.into(), captured, len.saturating_sub(ip.len())))
}

fn ipv6(ip: &[u8]) -> Result<Transport<'_>, Skip> {
    let Some((header, rest)) = ip.split_first_chunk::<40>() else { return Err(Skip::HeadersCut) };
    let [_, _, _, _, l0, l1, protocol, _, addresses @ ..] = header;
    let mut addresses = addresses.chunks_exact(16).filter_map(|address| address.first_chunk::<16>());
    let mut address = || addresses.next().map_or(Ipv6Addr::UNSPECIFIED, |address| Ipv6Addr::from(*address));
    let (from, to) = (address(), address());
    // As with IPv4.
    let len = match usize::from(u16::from_be_bytes([*l0, *l1])) {
        0 => rest.len(),
        len => len,
    };
    let (mut protocol, mut data) = (*protocol, rest.get(..len.min(rest.len())).unwrap_or_default());
    loop {
        let header_len = match (protocol, data) {
            (6, _) => return Ok((from.into(), to.into(), data, len.saturating_sub(rest.len()))),
            // Extension headers: hop-by-hop, routing, destination, fragment, authentication.
            (0 | 43 | 60, [_, units, ..]) => 8 + usize::from(*units) * 8,
            (44, [_, _, o0, o1, _, _, _, _, ..]) if [*o0, o1 & 0xf9] == [0, 0] => 8,
            (44, [_, _, _, _, ..]) => return Err(Skip::Fragment),
            (51, [_, units, ..]) => 8 + usize::from(*units) * 4,
            (0 | 43 | 44 | 51 | 60, _) => return Err(Skip::HeadersCut),
            _ => return Err(Skip::NotTcp),
        };
        protocol = data.first().copied().unwrap_or(59);
        data = data.get(header_len..).ok_or(Skip::HeadersCut)?;
    }
}
