//! The crate under its own kit: what `PayloadCase` says, the decoder does.
#![no_main]

use websocket_close::CloseFrame;
use websocket_close::arbitrary::PayloadCase;

libfuzzer_sys::fuzz_target!(|case: PayloadCase| {
    let outcome = match CloseFrame::from_payload(case.payload()) {
        Ok(frame) => Ok((frame.code().map_or(1005, |code| code.get()), frame.reason())),
        Err(error) => Err(error.close_code().get()),
    };
    assert!(case.verdict().allows(outcome), "{case:?} gave {outcome:?}");
});
