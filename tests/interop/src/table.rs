//! The scenarios: what each end does, and what each end must report by RFC 6455.

use websocket_close::CloseFrame;

/// What our end does.
#[derive(Clone, Copy, Debug)]
pub enum Ours {
    /// Calls `finish` at once.
    Finish(CloseFrame<'static>),
    /// Calls `finish` when bytes of the peer have arrived but are not read. So two Closes cross.
    Cross(CloseFrame<'static>),
    /// Echoes until the stream ends, then calls `finish`.
    Echo,
    /// Writes a Close with this payload past the codec, then goes on as `Echo`.
    Raw(&'static [u8]),
    /// Does not read until the peer has given up, then calls `finish`.
    Silent,
    /// Drops the connection.
    Drop,
}

/// What the peer does with the means of its library. Then it waits for the end.
#[derive(Clone, Copy, Debug)]
pub enum Theirs {
    Wait,
    Close(Option<(u16, &'static str)>),
    /// Sends a text, then closes with 4001 and "theirs".
    TellAndClose,
    /// Sends a text, waits for the echo, then closes with 1000 and "bye".
    Talk,
    /// Writes a Close with this payload, past the library if the library refuses it.
    Raw(&'static [u8]),
    /// Sends a text, and does not read until our end has given up.
    Silent,
    Drop,
}

/// A scenario. A report is a code and a reason, where `*` matches any reason. 1005 means a Close without a code. 1006
/// means that no valid Close came.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub ours: Ours,
    pub theirs: Theirs,
    pub our_event: &'static str,
    pub their_report: &'static str,
}

/// A case in which a library is known to report or do something else.
#[derive(Clone, Copy, Debug)]
pub struct Deviation {
    pub rows: &'static [&'static str],
    /// The outcome of the library, where it differs.
    pub our_event: Option<&'static str>,
    pub their_report: Option<&'static str>,
    /// The rule of RFC 6455 that the library breaks, or the reason why it may do this.
    pub why: &'static str,
}

/// The longest reason: 123 bytes. The table writes it as `LONG`.
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

/// Every scenario. An answer may repeat the reason (5.5.1). All of these libraries do, and we do not.
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
    // `finish` discards the data before their Close.
    row("both at once, after data", Ours::Cross(CloseFrame::from_static(4000, "ours")), Theirs::TellAndClose, "4001 theirs, clean", "4000 ours"),
    row("we send 1005", Ours::Raw(b"\x03\xed"), Theirs::Wait, "1002 *, clean", "1006"),
    row("we send 5000", Ours::Raw(b"\x13\x88"), Theirs::Wait, "1002 *, clean", "1006"),
    row("we send bad UTF-8", Ours::Raw(b"\x03\xe8\xff"), Theirs::Wait, "1007 *, clean", "1006"),
    row("we send one byte", Ours::Raw(b"\x03"), Theirs::Wait, "1002 *, clean", "1006"),
    row("they send 1005", Ours::Echo, Theirs::Raw(b"\x03\xed"), "1006, unclean", "1002"),
    row("they send 5000", Ours::Echo, Theirs::Raw(b"\x13\x88"), "1006, unclean", "1002"),
    row("they send bad UTF-8", Ours::Echo, Theirs::Raw(b"\x03\xe8\xff"), "1006, unclean", "1007"),
    row("they send one byte", Ours::Echo, Theirs::Raw(b"\x03"), "1006, unclean", "1002"),
    // They read our Close, but too late for us (7.1.5).
    row("they are silent", Ours::Cross(DONE), Theirs::Silent, "1006, unclean", "1000 done"),
    // The other way round: we read their Close and answer it, whatever becomes of the answer.
    row("we are silent", Ours::Silent, Theirs::Close(Some((1000, "bye"))), "1000 bye, clean", "1006"),
    row("they drop", Ours::Echo, Theirs::Drop, "1006, unclean", "1006"),
    row("they drop, we close", Ours::Cross(DONE), Theirs::Drop, "1006, unclean", "1006"),
    row("we drop", Ours::Drop, Theirs::Wait, "1006, unclean", "1006"),
];
