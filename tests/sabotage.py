#!/usr/bin/env python3
"""Puts faults into a copy of the crate, one at a time, and asserts that the named check goes red.

`sabotage.py [NAME...]`. These are faults of a careless hand, which cargo-mutants cannot make; it makes all small ones
(`mutants.sh`). Each fault finds its place by the text that it replaces, which must occur once in the file, so an edit
elsewhere does not disturb it. `sabotage.py --places` looks for the places alone, which takes no time. Where nothing is
broken, each check must be green.
"""
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent
TEST = "cargo test --quiet --all-features --test "

# Name, what goes wrong, the check that must notice, and the edits: file, old text, new text.
FAULTS = [
    (
        "ascii-window-left-out",
        "a part of a reason may be anything, and the `unsafe` loses its precondition",
        "cargo test --quiet --all-features --lib",
        [("utf8.rs", "seen |= window(16) | window(len - 32);", "seen |= window(16);")],
    ),
    (
        "code-1005-sayable",
        "a Close frame may carry 1005",
        TEST + "code",
        [("code.rs", "(1000..=1003 | 1007..=1014 |", "(1000..=1003 | 1005 | 1007..=1014 |")],
    ),
    (
        "code-1014-refused",
        "1014 is missing from the set of codes",
        TEST + "vectors",
        [
            ("code.rs", "(1000..=1003 | 1007..=1014 |", "(1000..=1003 | 1007..=1013 |"),
            ("code.rs", "Self::from_static(1014)", "Self(NonZeroU16::new(1014).unwrap())"),
        ],
    ),
    (
        "bad-utf8-is-1002",
        "a reason that is not UTF-8 is answered with 1002",
        TEST + "regressions",
        [("frame.rs", "Self::InvalidUtf8(_) => CloseCode::INVALID_PAYLOAD", "Self::InvalidUtf8(_) => CloseCode::PROTOCOL_ERROR")],
    ),
    (
        "no-status-is-1000",
        "a Close without a code is reported as 1000",
        TEST + "handshake_vectors",
        [("event.rs", "pub const NO_STATUS_RECEIVED: u16 = 1005;", "pub const NO_STATUS_RECEIVED: u16 = 1000;")],
    ),
    (
        "payload-of-126-bytes",
        "a payload may be one byte longer than a control frame takes",
        TEST + "vectors",
        [("frame.rs", "        if payload.len() > MAX_PAYLOAD_LEN {", "        if payload.len() > MAX_PAYLOAD_LEN + 1 {")],
    ),
    (
        "length-form-126-taken",
        "a Close with a length of 16 bits is taken",
        TEST + "wire",
        [("wire.rs", "if payload_len > 125 {", "if payload_len > 126 {")],
    ),
    (
        "scanner-one-byte-short",
        "a frame with a length of 16 bits ends one byte early",
        TEST + "corpus",
        [("wire.rs", "(4 + mask_len, u64::from(u16", "(3 + mask_len, u64::from(u16")],
    ),
    (
        "index-that-may-panic",
        "an index, which never fails, takes the place of `get`; only the link-time proof can see it",
        "tests/proofs/no_panic.sh",
        [("frame.rs", "buffer.get(..self.payload_len()).unwrap_or_default()", "&buffer[..self.payload_len()]")],
    ),
    (
        "reason-cut-inside-a-character",
        "a reason is cut inside a character, which becomes U+FFFD",
        TEST + "regressions",
        [
            (
                "frame.rs",
                "        let fitting = (0..=longest).rev().find_map(|end| reason.get(..end));\n"
                "        Self { code: Some(code), reason: fitting.unwrap_or_default() }",
                "        extern crate std;\n"
                "        let cut = std::string::String::from_utf8_lossy(&reason.as_bytes()[..longest]).into_owned();\n"
                "        Self { code: Some(code), reason: cut.leak() }",
            )
        ],
    ),
    (
        "reason-not-quoted",
        "a reason reaches the terminal with its control characters",
        TEST + "ending",
        [("frame.rs", 'write!(f, " {reason:?}")', 'write!(f, " {reason}")')],
    ),
    (
        "second-close-counts",
        "the last Close of the peer is reported, not the first",
        TEST + "sequences",
        [
            (
                "handshake.rs",
                "        if self.state.is_receiving() {\n            self.peer = Peer::Closed",
                "        if !self.state.is_failed() {\n            self.peer = Peer::Closed",
            )
        ],
    ),
    (
        "fault-forgotten",
        "a rejected connection does not tell what was wrong",
        TEST + "ending",
        [("handshake.rs", "self.peer = Peer::Broke(error);", "")],
    ),
    (
        "codec-reserves-first",
        "the codec reserves memory before it knows what for",
        TEST + "regressions",
        [("codec/mod.rs", "        let stop = if frames.scanned < src.len() {", "        src.reserve(65_536);\n        let stop = if frames.scanned < src.len() {")],
    ),
    (
        "rescan-from-the-front",
        "each call looks again at what the inner codec has left in the buffer",
        TEST + "regressions",
        [
            (
                "codec/mod.rs",
                "        // The inner codec is asked even if there are no bytes: it may hold items of its own.\n",
                "        if frames.scanned == src.len() && !src.is_empty() {\n"
                "            (frames.scanner, frames.scanned) = (Scanner::new(), 0);\n"
                "            let _ = frames.look(src);\n"
                "        }\n",
            )
        ],
    ),
    (
        "inner-codec-asked-once",
        "an inner codec that drops a frame loses what comes behind it",
        TEST + "codec",
        [("codec/mod.rs", "                Ok(None) if src.len() < before => {}\n", "                Ok(None) if src.len() < before && before == 0 => {}\n")],
    ),
    (
        "any-buffer-counts",
        "a Close that was thrown away with a buffer counts as written",
        TEST + "finish",
        [("codec/mod.rs", "queued.filter(|queued| *queued == Buffer { behind: queued.behind, ..Buffer::of(buffer, 0) })", "queued.filter(|_| buffer.len() < usize::MAX)")],
    ),
    (
        "deadline-from-each-call",
        "each call of `finish` has all the time again",
        TEST + "finish",
        [("codec/finish.rs", "        self.finishing.get_or_insert_default();\n", "        self.finishing.get_or_insert_default().since = None;\n")],
    ),
    (
        "writes-before-it-reads",
        "our Close crosses one that has come already",
        TEST + "finish",
        [
            (
                "codec/finish.rs",
                "        // Answer a Close that has come already; do not cross it.\n",
                "        let mut buffer = mem::take(self.surface.write_buffer());\n"
                "        self.surface.state().queue_close(self.frame, &mut buffer);\n"
                "        *self.surface.write_buffer() = buffer;\n",
            )
        ],
    ),
    (
        "waker-forgotten-reading",
        "a reader that yields to other tasks is never woken again",
        TEST + "finish",
        [("codec/finish.rs", "            self.primed |= is_prime;\n        }\n        cx.waker().wake_by_ref();\n", "            self.primed |= is_prime;\n        }\n")],
    ),
    (
        "client-ends-first",
        "a client ends the transport without waiting for the server",
        TEST + "finish",
        [("codec/finish.rs", "closing.transport() == TransportAction::AwaitEnd {", "closing.transport() == TransportAction::Keep {")],
    ),
    (
        "close-inside-a-frame",
        "our Close goes into a frame that is half written",
        TEST + "finish",
        [("codec/mod.rs", "        if !self.written.at_boundary() {\n            if let", "        if self.finishing.is_none() && !self.written.at_boundary() {\n            if let")],
    ),
    (
        "pong-inside-a-frame",
        "a pong goes into a frame that is half written",
        TEST + "finish",
        [("codec/finish.rs", "        if !dst.is_empty() || !self.written.at_boundary() || thrown_away {", "        if !dst.is_empty() || thrown_away {")],
    ),
    (
        "one-key-for-all-frames",
        "all frames of a client have the same masking key",
        TEST + "finish",
        [("codec/mod.rs", "self.keys.map(|keys| keys())", "self.keys.map(|_| [1, 2, 3, 4])")],
    ),
    (
        "pending-flush-counts",
        "a flush that pends counts as done",
        TEST + "finish",
        [
            (
                "codec/finish.rs",
                "match ready!(self.surface.io().poll_flush(cx)) {\n                    Ok(()) => {\n",
                "match (if let Poll::Ready(flushed) = self.surface.io().poll_flush(cx) { flushed } else { Ok(()) }) {\n                    Ok(()) => {\n",
            )
        ],
    ),
    (
        "stuck-close-counts",
        "a Close that is taken and not flushed counts as written when what follows it is stuck",
        TEST + "finish",
        [
            (
                "codec/finish.rs",
                "match ready!(self.surface.io().poll_flush(cx)) {\n                            Ok(()) => self",
                "match Ok::<(), io::Error>(()) {\n                            Ok(()) => self",
            )
        ],
    ),
    (
        "timer-without-a-clock",
        "a task that has used up its budget overstays its deadline",
        TEST + "finish",
        [("codec/finish.rs", "        if Instant::now() >= deadline {\n            return Poll::Ready(true);\n        }\n", "")],
    ),
    (
        "reset-reads-as-an-end",
        "a connection that was reset seems to have ended in order",
        TEST + "finish",
        [("codec/finish.rs", "WriteSide::Lost(loss @ (Loss::Reset | Loss::Aborted)) => ReadEnd::Lost(loss)", "WriteSide::Lost(Loss::Other) => ReadEnd::Lost(Loss::Other)")],
    ),
    (
        "tls-truncation-is-a-loss",
        "the end of TLS without `close_notify` seems to be a lost connection",
        TEST + "finish",
        [("codec/finish.rs", "io::ErrorKind::UnexpectedEof => ReadEnd::WithoutCloseNotify", "io::ErrorKind::UnexpectedEof => ReadEnd::Lost(Loss::Other)")],
    ),
    (
        "speaks-to-nobody",
        "our Close is sent to a peer that has hung up",
        TEST + "finish",
        [("codec/finish.rs", "        if hung_up && state.closing.is_open()", "        if hung_up && state.closing.is_failed() && state.closing.is_open()")],
    ),
    (
        "speaks-behind-half-a-frame",
        "our Close is sent although the peer is known to have hung up",
        TEST + "schedules",
        [("codec/finish.rs", "let hung_up = self.finishing().read.is_some();", "let hung_up = false;")],
    ),
    (
        "end-has-the-time-of-the-closes",
        "the time for the end counts from the first call on",
        TEST + "finish",
        [("codec/finish.rs", "(finishing.closed, finishing.since) = (true, None);", "finishing.closed = true;")],
    ),
    (
        "waker-forgotten-writing",
        "a writer that yields to other tasks is never woken again",
        TEST + "schedules",
        [
            (
                "codec/finish.rs",
                "        cx.waker().wake_by_ref();\n        Poll::Pending\n    }\n\n    fn fail_writing",
                "        Poll::Pending\n    }\n\n    fn fail_writing",
            )
        ],
    ),
    (
        "oldest-ping-answered",
        "the first ping without a pong is answered, not the latest",
        TEST + "schedules",
        [("codec/finish.rs", "skipping.ping = Some(payload);", "_ = skipping.ping.get_or_insert(payload);")],
    ),
    (
        "write-side-ends-too-soon",
        "a server shuts down its writing while it still waits for the peer's Close",
        TEST + "schedules",
        [("codec/finish.rs", "        ready!(received);\n", "        if received.is_pending() && written.is_ready() {\n            let _ = self.poll_shutdown(cx);\n        }\n        ready!(received);\n")],
    ),
    (
        "stream-waker-forgotten",
        "a reader of messages that yields to other tasks is never woken again",
        TEST + "schedules",
        [("stream.rs", "        cx.waker().wake_by_ref();\n", "")],
    ),
    (
        "stream-pending-flush-counts",
        "a Close that the sink has taken but not flushed counts as written",
        TEST + "schedules",
        [("stream.rs", "        Pin::new(&mut *self.stream).poll_flush(cx)\n", "        let _ = Pin::new(&mut *self.stream).poll_flush(cx)?;\n        Poll::Ready(Ok(()))\n")],
    ),
    (
        "stream-crosses-a-close",
        "our Close is chosen before the sink takes it, and crosses one that comes meanwhile",
        TEST + "schedules",
        [
            (
                "stream.rs",
                "            self.unsent = (!self.glue.answers).then(|| (self.glue.close)(answer));\n",
                "            if self.unsent.is_none() {\n"
                "                self.unsent = (!self.glue.answers).then(|| (self.glue.close)(answer));\n"
                "            }\n",
            )
        ],
    ),
]


def run(check, cwd, env):
    """The exit status of a check, and what it printed."""
    command = shlex.split(check)
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def check_places():
    """Stops at a fault that has lost its place."""
    for name, _, _, edits in FAULTS:
        for file, old, _ in edits:
            count = (root / "src" / file).read_text().count(old)
            if count != 1:
                sys.exit(f"sabotage.py: FAILED, {name}: the text occurs {count} times in {file}: {old}")


def main():
    check_places()
    if sys.argv[1:] == ["--places"]:
        print(f"sabotage.py: {len(FAULTS)} faults have their places")
        return
    faults = [fault for fault in FAULTS if not sys.argv[1:] or fault[0] in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as copy:
        copy = pathlib.Path(copy)
        for path in subprocess.run(["git", "ls-files", "-z"], cwd=root, stdout=subprocess.PIPE, check=True).stdout.split(b"\0"):
            source, target = root / os.fsdecode(path), copy / os.fsdecode(path)
            if path and source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        # Cargo cannot tell the copy from the tree: a directory of its own.
        target = os.environ.get("CARGO_TARGET_DIR", str(root / "target"))
        env = {**os.environ, "CARGO_TARGET_DIR": f"{target}/sabotage", "RUST_BACKTRACE": "0"}
        for check in sorted({fault[2] for fault in faults}):
            status, log = run(check, copy, env)
            if status:
                sys.exit(f"{log}\nsabotage.py: FAILED, '{check}' is red with nothing broken")
        unnoticed = 0
        for name, what, check, edits in faults:
            before = {}
            for file, old, new in edits:
                path = copy / "src" / file
                text = path.read_text()
                before.setdefault(path, text)
                path.write_text(text.replace(old, new))
            status, log = run(check, copy, env)
            for path, text in before.items():
                path.write_text(text)
            if status == 0:
                unnoticed += 1
                print(f"sabotage.py: FAILED, '{check}' is green with {name}: {what}")
            elif "test result: FAILED" not in log and "detected panic in function" not in log:
                unnoticed += 1
                print(f"{log}\nsabotage.py: FAILED, {name} does not compile")
            else:
                print(f"sabotage.py: {name}: '{check}' is red", flush=True)
    print(f"sabotage.py: {len(faults) - unnoticed} of {len(faults)} faults were noticed")
    sys.exit(unnoticed > 0)


if __name__ == "__main__":
    main()
