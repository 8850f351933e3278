//! `Direction`: what one end sent, frame by frame: its first Close, what followed it, its pings, its first fault.

use core::fmt;

use arrayvec::ArrayVec;
use websocket_close::wire::{self, Header, Peek};
use websocket_close::{CloseFrame, OwnedCloseFrame, Role};

use crate::observer::Extensions;

/// What one end of the connection has sent, as it passed an [`Observer`](crate::Observer).
#[derive(Clone, Debug)]
pub struct Direction {
    from: Role,
    place: Place,
    /// How many bytes were sent, those that are missing included.
    position: u64,
    missing: u64,
    /// How many frames are over.
    frames: u64,
    message: Message,
    /// Proof that no Close was sent before: no data follows a Close (RFC 6455, 5.5.1).
    pub(crate) has_sent_data: bool,
    /// The number of the frame stands beside it.
    fault: Option<(Fault, u64)>,
    close: Option<SeenClose>,
    pub(crate) pings: Pings,
    pub(crate) pongs: u32,
    /// How much of the other direction this end acknowledges with the bytes that come next.
    pub(crate) acknowledges: Option<u64>,
    /// The same, for the first byte of the frame that `place` is in.
    acknowledges_at_frame: Option<u64>,
    /// How much of this direction the other end has acknowledged.
    pub(crate) acknowledged: Option<u64>,
    pub(crate) is_undelivered: bool,
    pub(crate) fin: Option<Ended>,
    pub(crate) reset: Option<Ended>,
}

/// Where the next byte belongs.
#[derive(Clone, Debug)]
enum Place {
    /// To a header, of which these bytes have come, or to a Close, which is kept whole.
    Frame(ArrayVec<u8, { wire::MAX_FRAME_LEN }>),
    /// To a frame that still has so many bytes, at least one.
    Payload { left: u64 },
    /// Nobody knows.
    Blind(Blind),
}

/// Why the frames of a direction can no longer be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blind {
    /// Bytes are missing.
    Missing,
    /// A header is wrong. Who receives it processes nothing that follows.
    Fault,
}

/// Where the messages of a direction stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Between,
    Inside,
    /// The connection was open before we came.
    NotKnown,
}

/// The pings that an end sent before anybody closed.
///
/// Two directions without a common clock do not tell which ping a pong answers. Then each pong counts as the answer to
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Pings {
    /// All of them.
    pub sent: u32,
    /// Those after which no pong came.
    pub unanswered: u32,
}

/// A Close that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenClose {
    frame: Result<OwnedCloseFrame, wire::Error>,
    /// Which frame of its direction it is; the first has number 1.
    number: u64,
    end: u64,
    acknowledges: Option<u64>,
    is_second: bool,
}

impl SeenClose {
    /// Its code and reason.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Who receives it fails the connection.
    pub fn frame(&self) -> Result<CloseFrame<'_>, wire::Error> {
        self.frame.as_ref().map(OwnedCloseFrame::as_frame).map_err(|error| *error)
    }

    /// How many bytes its sender had sent when it was over. A Close with a wrong header is over where that shows.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// How much of the other direction its sender had acknowledged when it sent this, if that is known.
    #[must_use]
    pub const fn acknowledges(&self) -> Option<u64> {
        self.acknowledges
    }

    /// Whether the Close of the other direction passed before it.
    pub(crate) const fn is_second(&self) -> bool {
        self.is_second
    }
}

/// How an end of the transport stands to the Close of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    BeforeTheirClose,
    AfterTheirClose,
}

/// The first rule of framing that an end broke. For a wrong Close see [`SeenClose::frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// An opcode without a meaning. [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
    Opcode(u8),
    /// A control frame, with this opcode, without the FIN bit.
    /// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    FragmentedControl(u8),
    /// RSV bits that no agreed extension explains: 4 is RSV1, 2 is RSV2, 1 is RSV3.
    /// [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
    ReservedBits(u8),
    /// A continuation without a message to continue.
    /// [RFC 6455, 5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)
    ContinuationOfNothing,
    /// A new message, with this opcode, inside a message in fragments.
    /// [RFC 6455, 5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4)
    MessageInsideMessage(u8),
    /// A masked frame from a server. [RFC 6455, 5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)
    Masked,
    /// An unmasked frame from a client. [RFC 6455, 5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)
    Unmasked,
    /// A control frame with a payload of so many bytes, more than 125.
    /// [RFC 6455, 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)
    LongControl(u64),
    /// This length, in a longer form than it needs. [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
    LongForm(u64),
    /// This length, whose top bit is set. [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)
    Length(u64),
}

impl Fault {
    /// The section of RFC 6455 with the rule.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Masked | Self::Unmasked => "5.1",
            Self::Opcode(_) | Self::ReservedBits(_) | Self::LongForm(_) | Self::Length(_) => "5.2",
            Self::ContinuationOfNothing | Self::MessageInsideMessage(_) => "5.4",
            Self::FragmentedControl(_) | Self::LongControl(_) => "5.5",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opcode(opcode) => write!(f, "the reserved opcode {opcode:#x}"),
            Self::FragmentedControl(opcode) => write!(f, "a control frame without FIN, opcode {opcode:#x}"),
            Self::ReservedBits(bits) => write!(f, "the RSV bits {bits:03b}, which no extension explains"),
            Self::ContinuationOfNothing => f.write_str("a continuation of no message"),
            Self::MessageInsideMessage(opcode) => write!(f, "a new message inside another, opcode {opcode:#x}"),
            Self::Masked => f.write_str("a masked frame from a server"),
            Self::Unmasked => f.write_str("an unmasked frame from a client"),
            Self::LongControl(len) => write!(f, "a control frame with a payload of {len} bytes, more than 125"),
            Self::LongForm(len) => write!(f, "the length {len} in a longer form than it needs"),
            Self::Length(len) => write!(f, "the length {len:#x}, whose top bit must be 0"),
        }
    }
}

/// A frame of one direction that the other direction has to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Ping,
    Pong,
}

/// What [`Direction::pass`] has to know besides the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) extensions: Extensions,
    /// Whether the Close of the other direction has passed.
    pub(crate) other_closed: bool,
}

impl Direction {
    pub(crate) const fn new(from: Role) -> Self {
        Self {
            from,
            place: Place::Frame(ArrayVec::new_const()),
            position: 0,
            missing: 0,
            frames: 0,
            message: Message::Between,
            has_sent_data: false,
            fault: None,
            close: None,
            pings: Pings { sent: 0, unanswered: 0 },
            pongs: 0,
            acknowledges: None,
            acknowledges_at_frame: None,
            acknowledged: None,
            is_undelivered: false,
            fin: None,
            reset: None,
        }
    }

    pub(crate) const fn begin_at(&mut self, position: u64) {
        self.position = position;
    }

    pub(crate) const fn join(&mut self) {
        self.message = Message::NotKnown;
    }

    /// These bytes follow those before. `control` is called for each ping and pong.
    pub(crate) fn pass(&mut self, mut bytes: &[u8], context: Context, mut control: impl FnMut(&mut Self, Control)) {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Blind(_) => {
                    self.position += bytes.len() as u64;
                    return;
                }
                Place::Payload { left } => {
                    let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= here as u64;
                    let done = *left == 0;
                    self.position += here as u64;
                    bytes = bytes.get(here..).unwrap_or_default();
                    if done {
                        self.frame_done();
                    }
                }
                Place::Frame(head) => {
                    if head.is_empty() {
                        self.acknowledges_at_frame = self.acknowledges;
                    }
                    let (now, later) = bytes.split_at(wanted(self.from.peer(), head).min(bytes.len()));
                    // It fits: a header has at most 14 bytes, and a Close at most 131.
                    let _ = head.try_extend_from_slice(now);
                    self.position += now.len() as u64;
                    bytes = later;
                    self.look(context, &mut control);
                }
            }
        }
    }

    /// So many bytes are missing here. A gap inside one frame is stepped over.
    pub(crate) fn gap(&mut self, len: u64) {
        self.missing = self.missing.saturating_add(len);
        self.position = self.position.saturating_add(len);
        match &mut self.place {
            _ if len == 0 => {}
            Place::Blind(_) => {}
            Place::Payload { left } if len < *left => *left -= len,
            Place::Payload { left } if len == *left => self.frame_done(),
            place => *place = Place::Blind(Blind::Missing),
        }
    }

    /// Bytes are missing here, and nobody knows how many.
    pub(crate) fn lose(&mut self) {
        self.place = Place::Blind(Blind::Missing);
    }

    /// Judges the frame in `place`, of which some bytes have just come.
    fn look(&mut self, context: Context, control: &mut impl FnMut(&mut Self, Control)) {
        let Place::Frame(head) = &mut self.place else { return };
        let len = head.len() as u64;
        let is_close = head.first().is_some_and(|first| first & 0x0f == 8);
        match wire::peek(self.from.peer(), head) {
            Ok(Peek::Incomplete { .. }) => {}
            Ok(Peek::Close(close)) => {
                let frame = close.decode().map(CloseFrame::into_owned);
                self.close_passed(frame, self.position, context);
                self.frame_done();
            }
            Ok(Peek::NotClose(header)) => {
                if let Some(fault) = self.judge(header, context.extensions) {
                    self.found(fault);
                }
                if let Some(frame_len) = header.frame_len {
                    self.header_done(header, control);
                    // A masking key, of which nothing has come, counts as payload.
                    match frame_len - len {
                        0 => self.frame_done(),
                        left => self.place = Place::Payload { left },
                    }
                }
            }
            Err(error) => {
                if is_close {
                    // The first byte proves these two faults, the second all others.
                    let proof = match error {
                        wire::Error::Fragmented | wire::Error::ReservedBits(_) => 1,
                        _ => 2,
                    };
                    self.close_passed(Err(error), self.position - len + proof, context);
                } else if let wire::Error::LengthTooLarge(length) = error {
                    self.found(Fault::Length(length));
                }
                self.frames += 1;
                self.place = Place::Blind(Blind::Fault);
            }
        }
    }

    fn close_passed(&mut self, frame: Result<OwnedCloseFrame, wire::Error>, end: u64, context: Context) {
        if self.close.is_none() {
            let (number, acknowledges) = (self.frames + 1, self.acknowledges_at_frame);
            self.close = Some(SeenClose { frame, number, end, acknowledges, is_second: context.other_closed });
        }
    }

    fn header_done(&mut self, header: Header, control: &mut impl FnMut(&mut Self, Control)) {
        match header.opcode {
            0..=2 => {
                self.message = if header.fin { Message::Between } else { Message::Inside };
                self.has_sent_data = true;
            }
            9 => control(self, Control::Ping),
            10 => control(self, Control::Pong),
            _ => {}
        }
    }

    fn frame_done(&mut self) {
        self.frames += 1;
        self.place = Place::Frame(ArrayVec::new_const());
    }

    fn found(&mut self, fault: Fault) {
        self.fault.get_or_insert((fault, self.frames + 1));
    }

    /// The first rule that a header breaks, as far as it is in view. What its first byte shows goes before what its
    /// second shows, and that before its length, so that the answer does not depend on how the bytes were cut.
    fn judge(&self, header: Header, extensions: Extensions) -> Option<Fault> {
        let Header { fin, rsv, opcode, .. } = header;
        let is_control = opcode >= 8;
        let starts_message = matches!(opcode, 1 | 2);
        // Of the RSV bits only RSV1 of permessage-deflate has a meaning that we know, and only on the first frame of a
        // message (RFC 7692, 6).
        let allowed = match extensions {
            Extensions::Deflate if starts_message => 4,
            Extensions::None | Extensions::Deflate => 0,
            Extensions::NotKnown => 7,
        };
        match (opcode, self.message) {
            (3..=7 | 11.., _) => return Some(Fault::Opcode(opcode)),
            _ if is_control && !fin => return Some(Fault::FragmentedControl(opcode)),
            _ if rsv & !allowed != 0 => return Some(Fault::ReservedBits(rsv)),
            (0, Message::Between) => return Some(Fault::ContinuationOfNothing),
            (1 | 2, Message::Inside) => return Some(Fault::MessageInsideMessage(opcode)),
            _ => {}
        }
        match (self.from, header.masked?) {
            (Role::Client, false) => return Some(Fault::Unmasked),
            (Role::Server, true) => return Some(Fault::Masked),
            _ => {}
        }
        match header.payload_len? {
            len if is_control && len > 125 => Some(Fault::LongControl(len)),
            len if header.is_minimal() == Some(false) => Some(Fault::LongForm(len)),
            _ => None,
        }
    }

    /// How many bytes it has sent, those that are missing here included; see also
    /// [`Observer::begin_at`](crate::Observer::begin_at).
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// How many of these bytes are missing here.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Its first Close.
    #[must_use]
    pub const fn close(&self) -> Option<&SeenClose> {
        self.close.as_ref()
    }

    /// How many whole frames followed its first Close. Chromium fails the connection when it meets one.
    #[must_use]
    pub fn followed_by(&self) -> u64 {
        self.close.as_ref().map_or(0, |close| self.frames.saturating_sub(close.number))
    }

    /// The first rule of framing that it broke, and the number of that frame, counted from 1.
    #[must_use]
    pub const fn fault(&self) -> Option<(Fault, u64)> {
        self.fault
    }

    /// Whether it has stopped inside a frame, a Close included.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        match &self.place {
            Place::Frame(head) => !head.is_empty(),
            Place::Payload { .. } => true,
            Place::Blind(_) => false,
        }
    }

    /// Why its frames can no longer be told apart, if that is so.
    #[must_use]
    pub const fn blind(&self) -> Option<Blind> {
        match self.place {
            Place::Blind(why) => Some(why),
            Place::Frame(_) | Place::Payload { .. } => None,
        }
    }
}

/// How many bytes to take before the next look, at least one: the first two bytes, then the length or the whole Close.
fn wanted(receiver: Role, head: &mut [u8]) -> usize {
    if let Ok(Peek::Incomplete { need }) = wire::peek(receiver, head) {
        return need;
    }
    let length_bytes: usize = match head.get(1).map(|second| second & 0x7f) {
        None | Some(..126) => 0,
        Some(126) => 2,
        Some(_) => 8,
    };
    (2 + length_bytes).saturating_sub(head.len()).max(1)
}
