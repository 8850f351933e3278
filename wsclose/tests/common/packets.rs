//! Captures in memory: read, changed and written again.

/// A packet: when it was captured, and its bytes from the link layer on.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) seconds: u32,
    pub(crate) fraction: u32,
    pub(crate) data: Vec<u8>,
    /// How many bytes it had on the wire.
    pub(crate) len: u32,
}

/// A capture in the format of tcpdump.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    header: [u8; 24],
    pub(crate) packets: Vec<Packet>,
}

pub(crate) const ETHERNET: u32 = 1;

impl Capture {
    pub(crate) fn read(file: &[u8]) -> Self {
        let (header, mut rest) = file.split_first_chunk().unwrap();
        let mut packets = Vec::new();
        while !rest.is_empty() {
            let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let (head, behind) = (16, 16 + word(8) as usize);
            packets.push(Packet {
                seconds: word(0),
                fraction: word(4),
                data: rest[head..behind].to_vec(),
                len: word(12),
            });
            rest = &rest[behind..];
        }
        Self { header: *header, packets }
    }

    pub(crate) fn link(&self) -> u32 {
        u32::from_le_bytes(self.header[20..].try_into().unwrap())
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut file = self.header.to_vec();
        for packet in &self.packets {
            let captured = u32::try_from(packet.data.len()).unwrap();
            for word in [packet.seconds, packet.fraction, captured, packet.len.max(captured)] {
                file.extend(word.to_le_bytes());
            }
            file.extend(&packet.data);
        }
        file
    }

    /// The same with each number of the file in the other byte order.
    pub(crate) fn write_big_endian(&self) -> Vec<u8> {
        let mut file = [0xa1b2_c3d4, 0x0002_0004, 0, 0, 262_144, self.link()].map(u32::to_be_bytes).concat();
        for packet in &self.packets {
            let captured = u32::try_from(packet.data.len()).unwrap();
            for word in [packet.seconds, packet.fraction, captured, packet.len.max(captured)] {
                file.extend(word.to_be_bytes());
            }
            file.extend(&packet.data);
        }
        file
    }

    /// The same as pcapng, with a clock of nanoseconds and with blocks that tell of the machine.
    pub(crate) fn write_pcapng(&self, word: fn(u32) -> [u8; 4], half: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let option = |code: u16, value: &[u8]| {
            let mut option = [half(code), half(u16::try_from(value.len()).unwrap())].concat();
            option.extend(value);
            option.resize(option.len().next_multiple_of(4), 0);
            option
        };
        let block = |kind: u32, body: &[u8]| {
            let mut padded = body.to_vec();
            padded.resize(body.len().next_multiple_of(4), 0);
            let len = word(u32::try_from(padded.len()).unwrap() + 12);
            [&word(kind)[..], &len, &padded, &len].concat()
        };
        let section =
            [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8], &option(2, b"a machine"), &option(0, b"")];
        let link = half(u16::try_from(self.link()).unwrap());
        let interface = [&link[..], &half(0), &word(262_144), &option(9, &[9]), &option(0, b"")];
        let mut file = [block(0x0a0d_0d0a, &section.concat()), block(1, &interface.concat())].concat();
        let name = [&option(1, b"\x7f\0\0\x01host\0")[..], &option(0, b"")].concat();
        file.extend([block(4, &name), block(0xbad, b"of another program")].concat());
        for packet in &self.packets {
            let nanos = u64::from(packet.seconds) * 1_000_000_000 + u64::from(packet.fraction) * 1000;
            let (high, low) = (u32::try_from(nanos >> 32).unwrap(), u32::try_from(nanos & 0xffff_ffff).unwrap());
            let captured = u32::try_from(packet.data.len()).unwrap();
            let mut body = [0, high, low, captured, packet.len.max(captured)].map(word).concat();
            body.extend(&packet.data);
            file.extend(block(6, &body));
        }
        file
    }

    /// The same packets with another link layer: `head` makes it from the type of what follows.
    pub(crate) fn with_link(&self, link: u32, head: impl Fn([u8; 2]) -> Vec<u8>) -> Self {
        assert_eq!(self.link(), ETHERNET);
        let mut changed = self.clone();
        changed.header[20..].copy_from_slice(&link.to_le_bytes());
        for packet in &mut changed.packets {
            let head = head([packet.data[12], packet.data[13]]);
            packet.data.splice(..14, head);
            packet.len = 0;
        }
        changed
    }
}

impl Packet {
    /// Where IP, TCP and its payload begin, in Ethernet.
    pub(crate) fn places(&self) -> (usize, usize, usize) {
        let tcp = 14 + if self.data[14] >> 4 == 4 { 20 } else { 40 };
        (14, tcp, tcp + usize::from(self.data[tcp + 12] >> 4) * 4)
    }

    pub(crate) fn has_payload(&self) -> bool {
        let (_, _, payload) = self.places();
        // Ethernet pads short frames; these came from loopback, which does not.
        self.data.len() > payload
    }

    pub(crate) fn has_syn(&self) -> bool {
        self.data[self.places().1 + 13] & 2 != 0
    }

    /// Adds to the numbers in TCP's header: sequence and acknowledgement.
    pub(crate) fn add_to_numbers(&mut self, sequence: u32, acknowledgement: u32) {
        let tcp = self.places().1;
        for (at, more) in [(tcp + 4, sequence), (tcp + 8, acknowledgement)] {
            let number: &mut [u8; 4] = (&mut self.data[at..at + 4]).try_into().unwrap();
            *number = u32::from_be_bytes(*number).wrapping_add(more).to_be_bytes();
        }
    }

    /// This packet of IPv4 in two fragments.
    pub(crate) fn fragments(&self) -> [Self; 2] {
        let (ip, tcp, _) = self.places();
        let (headers, payload) = self.data.split_at(tcp);
        let (first, second) = payload.split_at((payload.len() / 2).next_multiple_of(8));
        [(first, 0x2000_u16), (second, u16::try_from(first.len() / 8).unwrap())].map(|(part, flags)| {
            let mut data = [headers, part].concat();
            data[ip + 2..ip + 4].copy_from_slice(&u16::try_from(20 + part.len()).unwrap().to_be_bytes());
            data[ip + 6..ip + 8].copy_from_slice(&flags.to_be_bytes());
            Self { data, len: 0, ..self.clone() }
        })
    }

    /// The end of this packet's payload sent again, as a keep-alive does: with one byte that is garbage, or with none.
    pub(crate) fn keep_alive(&self, garbage: Option<u8>) -> Self {
        let (ip, _, payload) = self.places();
        let sent = u32::try_from(self.data.len() - payload).unwrap();
        let mut packet = self.clone();
        packet.data.truncate(payload);
        packet.data.extend(garbage);
        packet.add_to_numbers(sent - 1, 0);
        let len = u16::try_from(packet.data.len() - ip).unwrap();
        if packet.data[ip] >> 4 == 4 {
            packet.data[ip + 2..ip + 4].copy_from_slice(&len.to_be_bytes());
        } else {
            packet.data[ip + 4..ip + 6].copy_from_slice(&(len - 40).to_be_bytes());
        }
        packet.len = 0;
        packet
    }
}
