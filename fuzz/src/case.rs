//! The crate under its own kit: what a [`PayloadCase`] says, the decoder does.

use arbitrary::{Arbitrary, Unstructured};
use websocket_close::arbitrary::PayloadCase;
use websocket_close::{CloseCode, CloseFrame};

/// The property, for the case that libFuzzer would make of the input.
pub fn check(input: &[u8]) {
    let Ok(case) = PayloadCase::arbitrary_take_rest(Unstructured::new(input)) else { return };
    let outcome = match CloseFrame::from_payload(case.payload()) {
        Ok(frame) => Ok((frame.code().map_or(1005, CloseCode::get), frame.reason())),
        Err(error) => Err(error.answer_code().get()),
    };
    assert!(case.verdict().allows(outcome), "{case:?} gave {outcome:?}");
}
