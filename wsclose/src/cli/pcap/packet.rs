//! From a captured packet to a TCP segment. `etherparse` knows Ethernet, VLAN tags, IP and TCP.

use std::net::{IpAddr, SocketAddr};

use etherparse::err::packet::SliceError;
use etherparse::{IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};

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
    Link(i32),
}

impl<'a> Segment<'a> {
    pub(crate) fn read(packet: &Packet<'a>, time: Time) -> Result<Self, Skip> {
        let sliced = slice(packet.link, packet.data)?;
        let is_headers_cut = matches!(sliced.stop_err, Some((SliceError::Len(_), _)));
        let not_tcp = if is_headers_cut && packet.is_cut { Skip::HeadersCut } else { Skip::NotTcp };
        // How many bytes IP says that it carries.
        let (from, to, announced) = match sliced.net.as_ref().ok_or(not_tcp)? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                let headers = header.slice().len() + ip.extensions().auth.map_or(0, |auth| auth.slice().len());
                let announced = usize::from(header.total_len()).saturating_sub(headers);
                (IpAddr::from(header.source_addr()), IpAddr::from(header.destination_addr()), announced)
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let announced = usize::from(header.payload_length()).saturating_sub(ip.extensions().slice().len());
                (header.source_addr().into(), header.destination_addr().into(), announced)
            }
            LaxNetSlice::Arp(_) => return Err(Skip::NotTcp),
        };
        let ip = sliced.net.as_ref().and_then(LaxNetSlice::ip_payload_ref).ok_or(Skip::NotTcp)?;
        if ip.fragmented && ip.ip_number == IpNumber::TCP {
            return Err(Skip::Fragment);
        }
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { return Err(not_tcp) };
        // A packet of the network card, with a length of 0, is not incomplete.
        let cut = if ip.incomplete { announced.saturating_sub(ip.payload.len()) } else { 0 };
        Ok(Self {
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            time,
            seq: tcp.sequence_number(),
            ack: tcp.ack().then(|| tcp.acknowledgment_number()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            payload: tcp.payload(),
            cut: u32::try_from(cut).map_err(|_| Skip::NotTcp)?,
        })
    }
}

/// Takes a packet apart, from its link layer on.
fn slice(link: i32, data: &[u8]) -> Result<LaxSlicedPacket<'_>, Skip> {
    let behind_ether_type = |at: usize, header_len: usize| {
        let ether_type = data.get(at..).and_then(<[u8]>::first_chunk).ok_or(Skip::HeadersCut)?;
        let rest = data.get(header_len..).ok_or(Skip::HeadersCut)?;
        Ok(LaxSlicedPacket::from_ether_type(u16::from_be_bytes(*ether_type).into(), rest))
    };
    let ip = |at: usize| {
        let ip = data.get(at..).ok_or(Skip::HeadersCut)?;
        LaxSlicedPacket::from_ip(ip).map_err(|_| Skip::NotTcp)
    };
    match link {
        // Ethernet: two addresses, then the type.
        1 => behind_ether_type(12, 14),
        // Linux "cooked": the type at the end, in version 2 at the start.
        113 => behind_ether_type(14, 16),
        276 => behind_ether_type(0, 20),
        // BSD's loopback: the address family.
        0 | 108 => ip(4),
        // IP without anything.
        12 | 14 | 101 | 228 | 229 => ip(0),
        other => Err(Skip::Link(other)),
    }
}
