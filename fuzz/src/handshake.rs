//! Plays a script of steps on the closing handshakes of two ends. After each step, both machines agree with a model of
//! the rules.
//!
//! Each byte of the input is a step. Bit 0 picks the end, bits 1 to 3 the action, and bits 4 to 6 the frame or fault.

use std::collections::VecDeque;

use websocket_close::wire::Error;
use websocket_close::{
    CloseCode, CloseFrame, ClosingHandshake, ClosingState, DecodeError, OwnedCloseFrame, Role, TransportAction,
    TransportEnd,
};

/// The frames that the steps use.
fn frame(pick: u8) -> CloseFrame<'static> {
    const FRAMES: [CloseFrame<'static>; 8] = [
        CloseFrame::EMPTY,
        CloseFrame::from_static(1000, ""),
        CloseFrame::from_static(1001, "gone"),
        CloseFrame::from_static(1002, ""),
        CloseFrame::from_static(1011, "сбой"),
        CloseFrame::from_static(1014, "upstream"),
        CloseFrame::from_static(3008, ""),
        CloseFrame::from_static(4999, "\u{feff}\n"),
    ];
    FRAMES[usize::from(pick % 8)]
}

/// The faults that the steps use, with the codes that answer them (RFC 6455, 7.4.1).
fn fault(pick: u8) -> (Error, u16) {
    let payload = |payload: &[u8]| Error::Payload(CloseFrame::from_payload(payload).unwrap_err());
    match pick % 8 {
        0 => (Error::Fragmented, 1002),
        1 => (Error::ReservedBits(5), 1002),
        2 => (Error::Masked, 1002),
        3 => (Error::Unmasked, 1002),
        4 => (Error::LengthTooLarge(u64::MAX), 1002),
        5 => (Error::Payload(DecodeError::TooLong(126)), 1002),
        6 => (payload(b"\x03\xed"), 1002),
        _ => (payload(b"\x03\xe8\xff"), 1007),
    }
}

/// The same frame without its reason.
fn bare(frame: CloseFrame<'_>) -> CloseFrame<'static> {
    frame.code().map_or(CloseFrame::EMPTY, CloseFrame::from_code)
}

/// One end: the machine, and the model by RFC 6455, 7.1.
struct End {
    machine: ClosingHandshake,
    /// Gets the same calls, and must equal the machine's state.
    state: ClosingState,
    role: Role,
    /// The only Close that was handed out, whether it answers the peer's, and whether it is written.
    ours: Option<OwnedCloseFrame>,
    is_answer: bool,
    written: bool,
    /// The first Close of the peer before any failure.
    theirs: Option<OwnedCloseFrame>,
    /// The code with which we failed the connection, if we did; and the peer's fault, if that was the cause.
    failure: Option<CloseFrame<'static>>,
    fault: Option<Error>,
    /// The Closes on their way to the peer.
    outgoing: VecDeque<OwnedCloseFrame>,
}

impl End {
    fn new(role: Role) -> Self {
        Self {
            machine: ClosingHandshake::new(role),
            state: ClosingState::new(role),
            role,
            ours: None,
            is_answer: false,
            written: false,
            theirs: None,
            failure: None,
            fault: None,
            outgoing: VecDeque::new(),
        }
    }

    /// Whether a Close of the peer would still count.
    fn is_receiving(&self) -> bool {
        self.theirs.is_none() && self.failure.is_none()
    }

    /// Compares the Close that was handed out with the expected one: `frame` if there was no Close before, otherwise
    /// none.
    fn hand_out(&mut self, handed: Option<CloseFrame<'_>>, frame: CloseFrame<'_>) {
        assert_eq!(
            handed,
            self.ours.is_none().then_some(frame),
            "exactly one Close is handed out, and it is the right one"
        );
        self.ours.get_or_insert(frame.into_owned());
    }

    fn start(&mut self, frame: CloseFrame<'_>) {
        let handed = self.machine.start(frame);
        assert_eq!(handed, self.state.start(frame));
        self.hand_out(handed, frame);
    }

    fn fail(&mut self, frame: CloseFrame<'_>) {
        let handed = self.machine.fail(frame);
        assert_eq!(handed, self.state.fail(frame));
        self.failed(handed, frame);
    }

    fn reject(&mut self, (error, code): (Error, u16)) {
        let handed = self.machine.reject(error);
        assert_eq!(handed, self.state.fail(error.reply()));
        if self.is_receiving() {
            self.fault = Some(error);
        }
        self.failed(handed, CloseFrame::from_parts(code, "").unwrap());
    }

    fn failed(&mut self, handed: Option<CloseFrame<'_>>, frame: CloseFrame<'_>) {
        if !self.is_receiving() {
            assert_eq!(handed, None, "the connection can no longer be failed");
            return;
        }
        self.failure = Some(bare(frame));
        self.hand_out(handed, frame);
    }

    fn receive(&mut self, frame: CloseFrame<'_>) {
        let answer = self.machine.receive(frame);
        assert_eq!(answer, self.state.receive(frame));
        if !self.is_receiving() {
            assert_eq!(answer, None, "a second Close is discarded");
            return;
        }
        self.theirs = Some(frame.into_owned());
        self.is_answer = self.ours.is_none();
        self.hand_out(answer, bare(frame));
    }

    /// Answers with another Close than the echo.
    fn answer_with(&mut self, frame: CloseFrame<'_>) {
        let answer = self.machine.answer_with(frame);
        assert_eq!(answer, self.state.answer_with(frame));
        let due = self.is_answer && !self.written;
        assert_eq!(answer, due.then_some(frame), "an answer can be replaced until it is written");
        if due {
            self.ours = Some(frame.into_owned());
        }
    }

    fn written(&mut self) {
        self.machine.mark_written();
        self.state.mark_written();
        if let (Some(frame), false) = (&self.ours, self.written) {
            self.outgoing.push_back(frame.clone());
            self.written = true;
        }
    }

    fn check(&self) {
        let machine = &self.machine;
        assert_eq!(**machine, self.state);
        let ours = self.ours.as_ref().map(OwnedCloseFrame::as_frame);
        let theirs = self.theirs.as_ref().map(OwnedCloseFrame::as_frame);
        let started = ours.is_some() && !self.is_answer;
        let clean = theirs.is_some() && self.written;
        assert_eq!(machine.local(), self.role);
        assert_eq!((machine.is_open(), machine.ours()), (ours.is_none(), ours.map(bare)));
        assert_eq!((machine.theirs(), self.state.theirs()), (theirs, theirs.map(bare)));
        assert_eq!((machine.is_failed(), machine.failure()), (self.failure.is_some(), self.failure));
        assert_eq!(machine.fault(), self.fault);
        assert_eq!((machine.is_written(), machine.is_clean()), (self.written, clean));
        assert_eq!(machine.close_pending(), ours.is_some() && !self.written);
        assert_eq!(machine.is_receiving(), self.is_receiving());
        assert_eq!(machine.may_send_data(), !started && !self.written);
        let peer = if self.role == Role::Client { Role::Server } else { Role::Client };
        assert_eq!(machine.closed_first(), ours.map(|_| if started { self.role } else { peer }));
        let transport = match (self.failure.is_some(), clean, self.role) {
            (true, ..) | (false, true, Role::Server) => TransportAction::End,
            (false, true, Role::Client) => TransportAction::AwaitEnd,
            (false, false, _) => TransportAction::Keep,
        };
        assert_eq!(machine.transport(), transport);

        let event = machine.event();
        let (code, reason) = match theirs {
            None => (1006, ""),
            Some(frame) => (frame.code().map_or(1005, CloseCode::get), frame.reason()),
        };
        assert_eq!((event.code(), event.reason()), (code, reason));
        assert_eq!(event.was_clean(), clean);
    }
}

/// Checks the property.
pub fn check(script: &[u8]) {
    let mut ends = [End::new(Role::Client), End::new(Role::Server)];
    ends.iter().for_each(End::check);
    for step in script {
        let frame = frame(step >> 4);
        let [client, server] = &mut ends;
        let (end, other) = if step & 1 == 0 { (client, server) } else { (server, client) };
        match step >> 1 & 7 {
            0 => end.start(frame),
            1 => end.answer_with(frame),
            2 => end.written(),
            3 => end.reject(fault(step >> 4)),
            4 | 5 => {
                if let Some(frame) = other.outgoing.pop_front() {
                    end.receive(frame.as_frame());
                }
            }
            // The peer sends any Close, whatever its state.
            6 => end.receive(frame),
            _ => end.fail(frame),
        }
        // The step has not changed the other end.
        end.check();
    }
    settle(&mut ends);
}

/// After any script: when all Closes that were handed out are written and have arrived, an end that has not failed is
/// clean.
fn settle(ends: &mut [End; 2]) {
    let begun = ends.iter().any(|end| end.ours.is_some());
    for at in [0, 1, 0] {
        ends[at].written();
        while let Some(frame) = ends[at].outgoing.pop_front() {
            ends[1 - at].receive(frame.as_frame());
        }
        ends.iter().for_each(End::check);
    }
    for end in ends {
        assert_eq!(end.machine.is_clean(), begun && end.failure.is_none());
        assert_eq!(end.machine.transport() == TransportAction::Keep, !begun);
        let ending = end.machine.clone().into_ending(TransportEnd::InsideFrame);
        assert_eq!(ending.closing(), &end.machine);
        assert_eq!(ending.event(), end.machine.event());
        assert_eq!(ending.transport_end(), TransportEnd::InsideFrame);
        for line in [end.state.to_string(), end.machine.to_string(), ending.to_string()] {
            assert!(!line.chars().any(char::is_control), "{line}");
        }
    }
}
