//! The closing handshake between two ends: after each step of a script, both machines are where a model of the rules is.
//!
//! Each byte of the input is a step: bit 0 picks the end, bits 1 to 3 what it does, bits 4 to 6 with which frame.

use std::collections::VecDeque;

use websocket_close::{CloseCode, CloseFrame, ClosingHandshake, OwnedCloseFrame, Role, Transport};

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

/// One end: the machine, and what RFC 6455, 7.1 says of it.
struct End {
    machine: ClosingHandshake,
    role: Role,
    /// The one Close that was handed out, whether it answers the peer's, and whether it is in the transport.
    ours: Option<OwnedCloseFrame>,
    is_answer: bool,
    written: bool,
    /// The first Close of the peer before any failure.
    theirs: Option<OwnedCloseFrame>,
    failed: bool,
    /// What is on its way to the peer.
    outgoing: VecDeque<OwnedCloseFrame>,
}

impl End {
    fn new(role: Role) -> Self {
        Self {
            machine: ClosingHandshake::new(role),
            role,
            ours: None,
            is_answer: false,
            written: false,
            theirs: None,
            failed: false,
            outgoing: VecDeque::new(),
        }
    }

    /// Compares what was handed out with what should have been: `frame`, if it is the first.
    fn hand_out(&mut self, handed: Option<CloseFrame<'_>>, frame: CloseFrame<'_>) {
        assert_eq!(handed, self.ours.is_none().then_some(frame), "one Close, and the right one");
        self.ours.get_or_insert(frame.into_owned());
    }

    fn start(&mut self, frame: CloseFrame<'_>) {
        let handed = self.machine.start(frame);
        self.hand_out(handed, frame);
    }

    fn fail(&mut self, frame: CloseFrame<'_>) {
        let handed = self.machine.fail(frame);
        if self.theirs.is_some() || self.failed {
            assert_eq!(handed, None, "nothing is left to fail");
            return;
        }
        self.failed = true;
        self.hand_out(handed, frame);
    }

    fn receive(&mut self, frame: CloseFrame<'_>) {
        let answer = self.machine.receive(frame);
        if self.theirs.is_some() || self.failed {
            assert_eq!(answer, None, "what follows is discarded");
            return;
        }
        self.theirs = Some(frame.into_owned());
        self.is_answer = self.ours.is_none();
        let echo = frame.code().map_or(CloseFrame::EMPTY, CloseFrame::from_code);
        self.hand_out(answer, echo);
    }

    fn written(&mut self) {
        self.machine.written();
        if let (Some(frame), false) = (&self.ours, self.written) {
            self.outgoing.push_back(frame.clone());
            self.written = true;
        }
    }

    fn check(&self) {
        let machine = &self.machine;
        let started = self.ours.is_some() && !self.is_answer;
        assert_eq!(machine.sent(), self.ours.as_ref().map(OwnedCloseFrame::as_frame));
        assert_eq!(machine.received(), self.theirs.as_ref().map(OwnedCloseFrame::as_frame));
        assert_eq!(machine.was_written(), self.written);
        assert_eq!(machine.failed(), self.failed);
        assert_eq!(machine.answer_owed(), self.theirs.is_some() && !self.written);
        assert_eq!(machine.pongs_due(), self.theirs.is_none() && !self.failed);
        assert_eq!(machine.may_send_data(), !started && !self.written);
        let peer = if self.role == Role::Client { Role::Server } else { Role::Client };
        assert_eq!(machine.initiator(), self.ours.as_ref().map(|_| if started { self.role } else { peer }));
        let transport = match (self.failed, self.theirs.is_some() && self.written, self.role) {
            (true, ..) | (false, true, Role::Server) => Transport::End,
            (false, true, Role::Client) => Transport::AwaitEnd,
            (false, false, _) => Transport::Keep,
        };
        assert_eq!(machine.transport(), transport);

        let event = machine.clone().finish();
        let (code, reason) = match &self.theirs {
            None => (1006, ""),
            Some(frame) => (frame.as_frame().code().map_or(1005, CloseCode::get), frame.as_frame().reason()),
        };
        assert_eq!((event.code(), event.reason()), (code, reason));
        assert_eq!(event.was_clean(), self.theirs.is_some() && self.written);
    }
}

/// The property.
pub fn check(script: &[u8]) {
    let mut ends = [End::new(Role::Client), End::new(Role::Server)];
    ends.iter().for_each(End::check);
    for step in script {
        let frame = frame(step >> 4);
        let [client, server] = &mut ends;
        let (end, other) = if step & 1 == 0 { (client, server) } else { (server, client) };
        match step >> 1 & 7 {
            0 | 1 => end.start(frame),
            2 | 3 => end.written(),
            4 | 5 => {
                if let Some(frame) = other.outgoing.pop_front() {
                    end.receive(frame.as_frame());
                }
            }
            // A peer that does what it likes.
            6 => end.receive(frame),
            _ => end.fail(frame),
        }
        // The other end has not been touched.
        end.check();
    }
    settle(&mut ends);
}

/// From wherever a script has led: once all that was handed out has been written and has arrived, an end that has not failed is
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
        assert_eq!(end.machine.clone().finish().was_clean(), begun && !end.failed);
        assert_eq!(end.machine.transport() == Transport::Keep, !begun);
        assert!(!end.machine.to_string().chars().any(char::is_control));
    }
}
