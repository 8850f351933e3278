//! Tests the crate with its own kit: the decoder gives the verdict of each [`PayloadCase`].

use arbitrary::{Arbitrary, Unstructured};
use websocket_close::arbitrary::PayloadCase;
use websocket_close::{CloseCode, CloseFrame};

/// Checks the property for the case that libFuzzer makes from the input.
pub fn check(input: &[u8]) {
    let Ok(case) = PayloadCase::arbitrary_take_rest(Unstructured::new(input)) else { return };
    let outcome = match CloseFrame::from_payload(case.payload()) {
        Ok(frame) => Ok((frame.code().map_or(1005, CloseCode::get), frame.reason())),
        Err(error) => Err(error.answer_code().get()),
    };
    assert!(case.verdict().allows(outcome), "{case:?} gave {outcome:?}");
}
