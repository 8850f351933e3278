//! Runs one WebSocket of the lab, from the 101 to the end of TCP. Ends it as planned, right or wrong, and keeps a log.

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout, timeout_at};
use websocket_close::wire::{self, Peek};
use websocket_close::{Awaited, CloseEvent, CloseFrame, ClosingHandshake, Loss, OwnedCloseFrame, Role, TransportEnd};

/// How long the lab waits for the page. A browser that gets no answer gives up after at most a minute.
const PATIENCE: Duration = Duration::from_secs(70);
/// Long enough for the page to read a Close before the RST behind it.
const PAUSE: Duration = Duration::from_millis(40);

/// How a run has to end.
#[derive(Clone)]
pub struct Plan {
    pub first: First,
    /// The payload of the server's Close, if the server closes first. If the page does, the crate chooses the answer.
    pub payload: Vec<u8>,
    pub fault: Fault,
    pub ending: Ending,
}

/// Who closes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    Server,
    Page,
}

/// What is wrong with the server's Close. The crate cannot write these faults, so this file builds their bytes by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    None,
    /// Nothing is wrong, but each byte goes out in its own segment.
    ByteByByte,
    Missing,
    OneByte,
    NotUtf8,
    CutCharacter,
    TooLong,
    LongForm,
    Fragmented,
    Rsv1,
    Masked,
    CutShort,
    DataAfter,
}

/// What the server does with TCP after its Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Waits for the page's Close, then sends FIN.
    Clean,
    /// Sends FIN at once.
    Half,
    /// Sends RST.
    Reset,
    /// Does nothing.
    Silent,
}

impl Fault {
    /// Whether the crate writes such a Close itself.
    fn is_none(self) -> bool {
        matches!(self, Self::None | Self::ByteByByte)
    }

    /// Whether the page gets a whole frame, right or wrong, so that it can answer.
    fn is_whole(self) -> bool {
        !matches!(self, Self::Missing | Self::CutShort)
    }

    /// The faulty bytes for a Close with this payload.
    fn bytes(self, payload: &[u8]) -> Vec<u8> {
        let or_1000 = if payload.is_empty() { &[0x03, 0xe8] } else { payload };
        match self {
            Self::None | Self::ByteByByte => frame(0x88, payload),
            Self::Missing => Vec::new(),
            Self::OneByte => frame(0x88, &or_1000[..1]),
            Self::NotUtf8 => frame(0x88, &[or_1000, &[0xff]].concat()),
            Self::CutCharacter => frame(0x88, &[or_1000, &"€".as_bytes()[..2]].concat()),
            Self::TooLong => {
                let mut long = or_1000.to_vec();
                long.resize(126, b'.');
                frame(0x88, &long)
            }
            Self::LongForm => long_form(0x88, payload),
            Self::Fragmented => frame(0x08, payload),
            Self::Rsv1 => frame(0xc8, payload),
            Self::Masked => {
                let key = [0x37, 0xfa, 0x21, 0x3d];
                let masked = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
                let length = frame(0x88, payload)[1];
                [0x88, 0x80 | length].into_iter().chain(key).chain(masked).collect()
            }
            Self::CutShort => {
                let mut cut = frame(0x88, payload);
                cut.pop();
                cut
            }
            Self::DataAfter => [frame(0x88, payload), frame(0x81, b"late")].concat(),
        }
    }
}

/// An unmasked frame with any first byte and any payload. The length has the form that fits.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    match u8::try_from(payload.len()) {
        Ok(length @ ..=125) => [&[first, length], payload].concat(),
        _ => long_form(first, payload),
    }
}

/// The same with a length of 16 bits.
fn long_form(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[first, 126], length.as_slice(), payload].concat()
}

/// What happened, for the page to show.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    pub steps: Vec<Step>,
    /// Why the Close was written by hand, if it was.
    pub by_hand: Option<String>,
    #[serde(with = "hex")]
    pub wrote: Vec<u8>,
    #[serde(with = "hex")]
    pub read: Vec<u8>,
    /// What the crate decoded, as the server, from the page's Close.
    #[serde(skip)]
    pub heard: Option<Result<OwnedCloseFrame, wire::Error>>,
    /// How it ended for the crate as the server: one line for a log.
    pub ending: String,
    /// The event that the crate reports as the server.
    pub server: CloseEvent,
    /// The event that the crate reports as a client that gets the same bytes as the page.
    pub client: CloseEvent,
    pub client_says: String,
    /// What a lenient client reports, according to the crate. `None` if it does not look into the frame.
    pub observed: Option<CloseEvent>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Milliseconds since the WebSocket was opened.
    at: f64,
    what: String,
}

/// The server's end of a WebSocket.
struct End {
    socket: TcpStream,
    closing: ClosingHandshake,
    opened: Instant,
    steps: Vec<Step>,
    by_hand: Option<String>,
    wrote: Vec<u8>,
    read: Vec<u8>,
    heard: Option<Result<OwnedCloseFrame, wire::Error>>,
}

/// Ends the WebSocket on `socket` as planned. The bytes `early` were already read from it.
pub async fn run(plan: &Plan, socket: TcpStream, early: &[u8]) -> Log {
    let mut end = End {
        socket,
        closing: ClosingHandshake::new(Role::Server),
        opened: Instant::now(),
        steps: Vec::new(),
        by_hand: None,
        wrote: Vec::new(),
        read: early.to_vec(),
        heard: None,
    };
    let transport_end = match end.play(plan).await {
        Ok(transport_end) => transport_end,
        Err(error) => {
            end.note(format!("TCP: {error}"));
            let reset = error.kind() == io::ErrorKind::ConnectionReset;
            TransportEnd::Lost(if reset { Loss::Reset } else { Loss::Other })
        }
    };
    // If the page closed first, its Close is the one that the client has sent.
    let own = end.heard.as_ref().and_then(|heard| heard.as_ref().ok()).filter(|_| plan.first == First::Page);
    let (client, client_says) = as_client(own.map(OwnedCloseFrame::as_frame), &end.wrote);
    let ending = end.closing.into_ending(transport_end);
    Log {
        steps: end.steps,
        by_hand: end.by_hand,
        observed: observed(&end.wrote),
        wrote: end.wrote,
        read: end.read,
        heard: end.heard,
        ending: ending.to_string(),
        server: ending.event(),
        client,
        client_says,
    }
}

impl End {
    async fn play(&mut self, plan: &Plan) -> io::Result<TransportEnd> {
        match plan.first {
            First::Server => match CloseFrame::from_payload(&plan.payload) {
                Ok(frame) if plan.fault.is_none() => {
                    if let Some(frame) = self.closing.start(frame) {
                        self.note(format!("start() returns: {frame}"));
                        self.write_close(frame, plan.fault).await?;
                    }
                }
                verdict => {
                    let why = verdict.err().map(|error| format!("the crate refuses it: {error}"));
                    self.write_by_hand(plan, &plan.payload, why).await?;
                }
            },
            First::Page => {
                let Some(answer) = self.receive().await? else { return Ok(TransportEnd::NotKnown) };
                if plan.fault.is_none() {
                    self.write_close(answer, plan.fault).await?;
                } else {
                    let mut buffer = [0; 125];
                    self.write_by_hand(plan, answer.write_payload(&mut buffer), None).await?;
                }
            }
        }
        let answer_comes = plan.first == First::Server && plan.fault.is_whole();
        match plan.ending {
            Ending::Reset => {
                sleep(PAUSE).await;
                self.socket.set_zero_linger()?;
                self.note("TCP: resets");
                return Ok(TransportEnd::Lost(Loss::Aborted));
            }
            Ending::Half => {
                self.fin().await?;
                if answer_comes {
                    self.receive().await?;
                }
            }
            Ending::Clean => {
                if answer_comes {
                    self.receive().await?;
                }
                self.fin().await?;
            }
            Ending::Silent => {
                if answer_comes {
                    self.receive().await?;
                }
                self.note("TCP: keeps quiet");
            }
        }
        // Discard what still comes. Closing a socket with unread bytes would reset the connection.
        if let Ok(discarded) = timeout(PATIENCE, copy(&mut self.socket, &mut sink())).await {
            discarded?;
            self.note("TCP: the page has ended it");
            return Ok(TransportEnd::InOrder);
        }
        self.note("TCP: the page has not ended it; gives up");
        Ok(TransportEnd::Cut { awaited: Awaited::End, after: PATIENCE, discarded: None })
    }

    /// Reads the page's Close. Returns the answer to write, if there is one.
    async fn receive(&mut self) -> io::Result<Option<CloseFrame<'static>>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let heard = loop {
            // `decode` unmasks in place, but the page shows the bytes as they came.
            let mut bytes = self.read.clone();
            match wire::peek(Role::Server, &mut bytes) {
                Ok(Peek::Close(close)) => break close.decode().map(CloseFrame::into_owned),
                Ok(Peek::Incomplete { .. }) => {}
                // The page sends no messages.
                Ok(Peek::NotClose(_)) => return Ok(None),
                Err(error) => break Err(error),
            }
            match timeout_at(deadline, self.socket.read_buf(&mut self.read)).await {
                Ok(read) => {
                    if read? == 0 {
                        self.note("TCP: the page has ended it without a Close");
                        return Ok(None);
                    }
                }
                Err(_) => return Ok(None),
            }
        };
        let answer = match &heard {
            Ok(frame) => {
                self.note(format!("decode() reads: {frame}"));
                self.closing.receive(frame.as_frame())
            }
            Err(error) => {
                self.note(format!("decode() refuses: {error}"));
                // Our Close was already written, so nothing is written here.
                let _ = self.closing.reject(*error);
                None
            }
        };
        self.heard = Some(heard);
        if let Some(answer) = answer.filter(|_| self.wrote.is_empty()) {
            self.note(format!("receive() returns: {answer}"));
        }
        Ok(answer)
    }

    /// Writes a Close that the crate encodes.
    async fn write_close(&mut self, frame: CloseFrame<'_>, pace: Fault) -> io::Result<()> {
        self.write(wire::encode(frame, None, &mut [0; 131]), pace).await?;
        self.closing.mark_written();
        Ok(())
    }

    /// Writes a Close that the crate does not encode. The handshake does not know about it, so its event cannot be
    /// clean.
    async fn write_by_hand(&mut self, plan: &Plan, payload: &[u8], why: Option<String>) -> io::Result<()> {
        self.by_hand = Some(why.unwrap_or_else(|| "a fault, which the crate cannot write".to_owned()));
        self.write(&plan.fault.bytes(payload), plan.fault).await
    }

    async fn write(&mut self, bytes: &[u8], pace: Fault) -> io::Result<()> {
        self.wrote = bytes.to_vec();
        if pace == Fault::ByteByByte {
            for byte in bytes {
                self.socket.write_u8(*byte).await?;
                sleep(Duration::from_millis(2)).await;
            }
        } else {
            self.socket.write_all(bytes).await?;
        }
        self.note(match bytes.len() {
            0 => "writes no Close".to_owned(),
            length => format!("writes {length} bytes{}", if self.by_hand.is_some() { " by hand" } else { "" }),
        });
        Ok(())
    }

    async fn fin(&mut self) -> io::Result<()> {
        self.note("TCP: ends its side (FIN)");
        self.socket.shutdown().await
    }

    fn note(&mut self, what: impl Into<String>) {
        self.steps.push(Step { at: self.opened.elapsed().as_secs_f64() * 1e3, what: what.into() });
    }
}

/// What a client made of this crate reports for the bytes that the page got, and its words about them. `own` is the
/// Close that it has already sent.
fn as_client(own: Option<CloseFrame<'_>>, received: &[u8]) -> (CloseEvent, String) {
    let mut closing = ClosingHandshake::new(Role::Client);
    if own.and_then(|own| closing.start(own)).is_some() {
        closing.mark_written();
    }
    let mut bytes = received.to_vec();
    let decoded = match wire::peek(Role::Client, &mut bytes) {
        Ok(Peek::Close(close)) => close.decode(),
        Ok(_) if received.is_empty() => return (closing.event(), "no Close came".to_owned()),
        Ok(_) => return (closing.event(), "the Close was cut off".to_owned()),
        Err(error) => Err(error),
    };
    let (answer, says) = match decoded {
        Ok(frame) => (closing.receive(frame), format!("decodes: {frame}")),
        Err(error) => (closing.reject(error), format!("refuses: {error}")),
    };
    let Some(answer) = answer else { return (closing.event(), says) };
    closing.mark_written();
    (closing.event(), format!("{says}; answers: {answer}"))
}

/// What a lenient client reports, according to the crate, if this is a whole Close with a plain header.
fn observed(received: &[u8]) -> Option<CloseEvent> {
    match received {
        [0x88, length @ ..=125, rest @ ..] => rest.get(..usize::from(*length)).map(CloseEvent::observed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    /// Each fault, for a Close with 1000 and "é".
    #[test]
    fn each_fault_gives_the_right_bytes() {
        const CLOSE: &[u8] = b"\x03\xe8\xc3\xa9";
        let faults: [(Fault, &[u8]); 12] = [
            (Fault::None, b"\x88\x04\x03\xe8\xc3\xa9"),
            (Fault::ByteByByte, b"\x88\x04\x03\xe8\xc3\xa9"),
            (Fault::Missing, b""),
            (Fault::OneByte, b"\x88\x01\x03"),
            (Fault::NotUtf8, b"\x88\x05\x03\xe8\xc3\xa9\xff"),
            (Fault::CutCharacter, b"\x88\x06\x03\xe8\xc3\xa9\xe2\x82"),
            (Fault::LongForm, b"\x88\x7e\x00\x04\x03\xe8\xc3\xa9"),
            (Fault::Fragmented, b"\x08\x04\x03\xe8\xc3\xa9"),
            (Fault::Rsv1, b"\xc8\x04\x03\xe8\xc3\xa9"),
            (Fault::Masked, b"\x88\x84\x37\xfa\x21\x3d\x34\x12\xe2\x94"),
            (Fault::CutShort, b"\x88\x04\x03\xe8\xc3"),
            (Fault::DataAfter, b"\x88\x04\x03\xe8\xc3\xa9\x81\x04late"),
        ];
        for (fault, bytes) in faults {
            assert_eq!(fault.bytes(CLOSE), bytes, "{fault:?}");
        }
        let long = Fault::TooLong.bytes(CLOSE);
        assert_eq!((&long[..8], long.len()), (b"\x88\x7e\x00\x7e\x03\xe8\xc3\xa9".as_slice(), 4 + 126));
    }
}
