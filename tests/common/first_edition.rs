//! The closing handshake of this crate's first edition, kept as an oracle for the second edition. It represents the
//! same rules in another way: it keeps both Closes and a few flags, where the second edition keeps a phase.
//!
//! `answer_with` and `reject` are new in the second edition. Here `answer_with` replaces the Close that was handed out.
//! The tests call `fail` for `reject`, as the first edition told its users to do.

use websocket_close::{CloseCode, CloseEvent, CloseEventInit, CloseFrame, OwnedCloseFrame, Role, TransportAction};

#[derive(Clone, Debug)]
pub(crate) struct FirstEdition {
    local: Role,
    initiator: Option<Role>,
    sent: Option<OwnedCloseFrame>,
    written: bool,
    received: Option<OwnedCloseFrame>,
    failed: bool,
    failure: Option<CloseCode>,
}

impl FirstEdition {
    pub(crate) fn new(local: Role) -> Self {
        Self { local, initiator: None, sent: None, written: false, received: None, failed: false, failure: None }
    }

    pub(crate) fn start<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        self.hand_out(frame, self.local)
    }

    pub(crate) fn receive(&mut self, frame: CloseFrame<'_>) -> Option<CloseFrame<'static>> {
        if self.received.is_some() || self.failed {
            return None;
        }
        self.received = Some(frame.into_owned());
        self.hand_out(frame.reply(), self.peer())
    }

    pub(crate) fn fail<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        if self.received.is_some() || self.failed {
            return None;
        }
        self.failed = true;
        self.failure = frame.code();
        self.hand_out(frame, self.local)
    }

    /// New in the second edition.
    pub(crate) fn answer_with<'a>(&mut self, frame: CloseFrame<'a>) -> Option<CloseFrame<'a>> {
        let answers = self.received.is_some() && self.initiator == Some(self.peer());
        if !answers || self.written {
            return None;
        }
        self.sent = Some(frame.into_owned());
        Some(frame)
    }

    fn hand_out<'a>(&mut self, frame: CloseFrame<'a>, first: Role) -> Option<CloseFrame<'a>> {
        self.initiator.get_or_insert(first);
        if self.sent.is_some() {
            return None;
        }
        self.sent = Some(frame.into_owned());
        Some(frame)
    }

    pub(crate) fn written(&mut self) {
        self.written = self.sent.is_some();
    }

    pub(crate) fn answer_owed(&self) -> bool {
        self.received.is_some() && !self.written
    }

    pub(crate) fn pongs_due(&self) -> bool {
        self.received.is_none() && !self.failed
    }

    pub(crate) fn may_send_data(&self) -> bool {
        match self.initiator {
            None => true,
            Some(first) => first != self.local && !self.written,
        }
    }

    pub(crate) fn transport(&self) -> TransportAction {
        if self.failed {
            return TransportAction::End;
        }
        if self.received.is_none() || !self.written {
            return TransportAction::Keep;
        }
        match self.local {
            Role::Server => TransportAction::End,
            Role::Client => TransportAction::AwaitEnd,
        }
    }

    pub(crate) fn sent(&self) -> Option<CloseFrame<'_>> {
        self.sent.as_ref().map(OwnedCloseFrame::as_frame)
    }

    pub(crate) fn was_written(&self) -> bool {
        self.written
    }

    pub(crate) fn received(&self) -> Option<CloseFrame<'_>> {
        self.received.as_ref().map(OwnedCloseFrame::as_frame)
    }

    pub(crate) fn initiator(&self) -> Option<Role> {
        self.initiator
    }

    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn failure(&self) -> Option<CloseCode> {
        self.failure
    }

    pub(crate) fn finish(&self) -> CloseEvent {
        let (code, reason, was_clean) = match self.received() {
            Some(frame) => (frame.code().map_or(1005, CloseCode::get), frame.reason(), self.written),
            None => (1006, "", false),
        };
        CloseEvent::new(CloseEventInit { code, reason, was_clean }).unwrap()
    }

    fn peer(&self) -> Role {
        match self.local {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }
}
