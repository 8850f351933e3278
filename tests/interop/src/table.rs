//! The scenarios: what each end does, and what each has to report by RFC 6455.

use websocket_close::CloseFrame;

/// What our end does.
#[derive(Clone, Copy, Debug)]
pub enum Ours {
    /// Calls `finish` at once.
    Finish(CloseFrame<'static>),
    /// Calls `finish` when something of the peer has arrived, before it is read: two Closes are under way at the same time.
    Cross(CloseFrame<'static>),
    /// Echoes until there is nothing more to read, then calls `finish`.
    Echo,
    /// Writes a Close with this payload beneath the codec, then goes on as `Echo`.
    Raw(&'static [u8]),
    /// Does not read until the peer has lost patience, then calls `finish`.
    Silent,
    /// Drops the connection.
    Drop,
}

/// What the peer does, with whatever its library offers for it; then it waits for the end.
#[derive(Clone, Copy, Debug)]
pub enum Theirs {
    Wait,
    Close(Option<(u16, &'static str)>),
    /// Sends a text, then closes with 4001 and "theirs".
    TellAndClose,
    /// Has a text echoed, then closes with 1000 and "bye".
    Talk,
    /// Writes a Close with this payload, beneath the library where that refuses it.
    Raw(&'static [u8]),
    /// Sends a text, and does not read until our end has lost patience.
    Silent,
    Drop,
}

/// A scenario. Reports are a code and a reason, `*` for any; 1005 is a Close without a code, 1006 that no valid one came.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub ours: Ours,
    pub theirs: Theirs,
    pub our_event: &'static str,
    pub their_report: &'static str,
}

/// Where a library is known to report, or to do, something else.
#[derive(Clone, Copy, Debug)]
pub struct Deviation {
    pub rows: &'static [&'static str],
    /// What comes out instead, where it differs.
    pub our_event: Option<&'static str>,
    pub their_report: Option<&'static str>,
    /// What of RFC 6455 this is not, or why it may be.
    pub why: &'static str,
}

/// 123 bytes, the longest reason; `LONG` in the expectations.
pub const LONG: &str = "€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€";

const fn row(
    name: &'static str,
    ours: Ours,
    theirs: Theirs,
    our_event: &'static str,
    their_report: &'static str,
) -> Row {
    Row { name, ours, theirs, our_event, their_report }
}

const DONE: CloseFrame<'static> = CloseFrame::from_static(1000, "done");

/// Every scenario. Who answers a Close may repeat the reason (5.5.1): all of these libraries do, and we do not.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("we first, empty", Ours::Finish(CloseFrame::EMPTY), Theirs::Wait, "1005, clean", "1005"),
    row("we first, 1000", Ours::Finish(DONE), Theirs::Wait, "1000 done, clean", "1000 done"),
    row("we first, longest reason", Ours::Finish(CloseFrame::from_static(4000, LONG)), Theirs::Wait, "4000 LONG, clean", "4000 LONG"),
    row("we first, 1014", Ours::Finish(CloseFrame::from_static(1014, "")), Theirs::Wait, "1014, clean", "1014"),
    row("they first, empty", Ours::Echo, Theirs::Close(None), "1005, clean", "1005"),
    row("they first, 1000", Ours::Echo, Theirs::Close(Some((1000, "bye"))), "1000 bye, clean", "1000"),
    row("they first, longest reason", Ours::Echo, Theirs::Close(Some((4001, LONG))), "4001 LONG, clean", "4001"),
    row("they first, after an echo", Ours::Echo, Theirs::Talk, "1000 bye, clean", "1000"),
    row("both at once", Ours::Cross(CloseFrame::from_static(4000, "ours")), Theirs::Close(Some((4001, "theirs"))), "4001 theirs, clean", "4000 ours"),
    // What comes before their Close is discarded by `finish`.
    row("both at once, after data", Ours::Cross(CloseFrame::from_static(4000, "ours")), Theirs::TellAndClose, "4001 theirs, clean", "4000 ours"),
    row("we send 1005", Ours::Raw(b"\x03\xed"), Theirs::Wait, "1002 *, clean", "1006"),
    row("we send 5000", Ours::Raw(b"\x13\x88"), Theirs::Wait, "1002 *, clean", "1006"),
    row("we send bad UTF-8", Ours::Raw(b"\x03\xe8\xff"), Theirs::Wait, "1007 *, clean", "1006"),
    row("we send one byte", Ours::Raw(b"\x03"), Theirs::Wait, "1002 *, clean", "1006"),
    row("they send 1005", Ours::Echo, Theirs::Raw(b"\x03\xed"), "1006, unclean", "1002"),
    row("they send 5000", Ours::Echo, Theirs::Raw(b"\x13\x88"), "1006, unclean", "1002"),
    row("they send bad UTF-8", Ours::Echo, Theirs::Raw(b"\x03\xe8\xff"), "1006, unclean", "1007"),
    row("they send one byte", Ours::Echo, Theirs::Raw(b"\x03"), "1006, unclean", "1002"),
    // 7.1.5: they do read our Close, only too late for us.
    row("they are silent", Ours::Cross(DONE), Theirs::Silent, "1006, unclean", "1000 done"),
    // And the other way round: their Close was received and answered, whatever became of the answer.
    row("we are silent", Ours::Silent, Theirs::Close(Some((1000, "bye"))), "1000 bye, clean", "1006"),
    row("they drop", Ours::Echo, Theirs::Drop, "1006, unclean", "1006"),
    row("they drop, we close", Ours::Cross(DONE), Theirs::Drop, "1006, unclean", "1006"),
    row("we drop", Ours::Drop, Theirs::Wait, "1006, unclean", "1006"),
];
