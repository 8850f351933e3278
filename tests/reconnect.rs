//! The advice of the example `reconnect`, for every code, and its delays.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use websocket_close::{CloseEvent, CloseEventInit, ClosingHandshake, Role};

#[path = "../examples/reconnect.rs"]
#[allow(dead_code, reason = "its `main`")]
mod reconnect;

use reconnect::{Advice, advice};

fn event(code: u16, was_clean: bool) -> CloseEvent {
    CloseEvent::new(CloseEventInit { code, reason: "", was_clean }).unwrap()
}

const fn wait(shortest: u64, longest: u64) -> Advice {
    Advice::Wait(Duration::from_secs(shortest), Duration::from_secs(longest))
}

#[test]
fn every_code() {
    for code in 0..=u16::MAX {
        let expected = match code {
            1000 | 1005 => Advice::Stop,
            1001 | 1006 | 1011 | 1014 | 3008 => wait(0, 5),
            1012 => wait(5, 30),
            1013 => Advice::TryAnotherAddress,
            1002 | 1003 | 1007..=1010 | 1015 | 3000 | 3003 => Advice::ChangeSomething,
            3001..=4999 => Advice::AskTheApplication,
            _ => Advice::ChangeSomething,
        };
        // Whether our own Close was written changes nothing.
        for was_clean in [false, true] {
            assert_eq!(advice(&event(code, was_clean), 0), expected, "{code}");
        }
    }
}

/// The first delay is random between 0 and 5 seconds. Then it doubles, and does not grow for ever.
#[test]
fn delays() {
    let lost = ClosingHandshake::new(Role::Client).event();
    let longest = [5, 10, 20, 40, 80, 160, 300, 300];
    for (failed, longest) in (0..).zip(longest) {
        assert_eq!(advice(&lost, failed), wait(0, longest));
    }
    assert_eq!(advice(&lost, u32::MAX), wait(0, 300));
    // The registration's delay is for the first attempt, which is the only one that this event stands before.
    assert_eq!(advice(&event(1012, true), 9), wait(5, 30));
}
