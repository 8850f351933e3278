//! Whether to reconnect after a `CloseEvent`, and when: by RFC 6455, 7.2.3, and by the registrations of the codes.
//!
//! `cargo run --example reconnect` prints the advice for each registered code. With `-- 1012 3` behind it, it prints
//! that for one code after three failed attempts. `advice` is meant to be copied and adapted: what a code makes its
//! receiver do is undefined (RFC 6455, 7.4), except where an arm names its source.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::env;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use websocket_close::registry::{self, REGISTRY};
use websocket_close::{CloseEvent, CloseEventInit};

/// What to do now that the connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Reconnect to the same address after a random time between these two.
    Wait(Duration, Duration),
    /// Try another address. Try the same one again only when the user asks for it.
    TryAnotherAddress,
    /// The same again will end in the same way. First change something: the program, the message, the password.
    ChangeSomething,
    /// The two ends have agreed on what this code means.
    AskTheApplication,
    /// The peer is done with this connection.
    Stop,
}

/// RFC 6455, 7.2.3: "a value chosen randomly between 0 and 5 seconds is a reasonable initial delay".
const FIRST: Duration = Duration::from_secs(5);
/// Where the growth of the delay is truncated. 7.2.3 leaves the number to us.
const LONGEST: Duration = Duration::from_secs(300);

/// `failed` is how many attempts have failed since a connection was last of use. A connection that opens and soon ends
/// is a failed attempt, too: count from 0 again only after one that has lasted for a while.
#[expect(clippy::match_same_arms, reason = "each arm has a source of its own")]
pub(crate) fn advice(event: &CloseEvent, failed: u32) -> Advice {
    match event.code() {
        // 7.4.1: "the purpose for which the connection was established has been fulfilled".
        1000 => Advice::Stop,
        // 7.1.5: a Close without a code. Somebody sent it on purpose, as the `close()` of a browser does.
        1005 => Advice::Stop,
        // 7.2.3: an abnormal closure, which may have hit many clients at once.
        1006 => back_off(failed),
        // 7.4.1: the server goes down, or something unexpected happened there. The RFC names no delay for these two.
        1001 | 1011 => back_off(failed),
        // 7.4.1: the peer refused what we sent: a broken frame, a kind of data, bad UTF-8, a size, or something that it
        // does not name. It will refuse the same again.
        1002 | 1003 | 1007 | 1008 | 1009 => Advice::ChangeSomething,
        // 7.4.1: the server lacks an extension that the client needs. It will lack it in a minute, too.
        1010 => Advice::ChangeSomething,
        // The proposal that was registered: a client "should reconnect using a randomized delay of 5 - 30s".
        // https://www.ietf.org/mail-archive/web/hybi/current/msg09649.html
        1012 => Advice::Wait(Duration::from_secs(5), Duration::from_secs(30)),
        // The same mail: another address if there are several, or the same one when the user asks for it.
        1013 => Advice::TryAnotherAddress,
        // The registration: like HTTP's 502. The upstream is in trouble, not the request.
        // https://www.ietf.org/mail-archive/web/hybi/current/msg10748.html
        1014 => back_off(failed),
        // 7.4.1: the TLS handshake failed, for example because of the certificate. Browsers report 1006 instead.
        1015 => Advice::ChangeSomething,
        // Registered with a name only: not logged in, and not allowed.
        3000 | 3003 => Advice::ChangeSomething,
        // Registered with a name only: something took too long. It may be faster the next time.
        3008 => back_off(failed),
        // 7.4.2: what these mean is up to a library or to the application.
        3001..=4999 => Advice::AskTheApplication,
        // 7.4.2: none of these may be in a Close. The peer is broken, and will be so the next time.
        0..=999 | 1004 | 1016..=2999 | 5000.. => Advice::ChangeSomething,
    }
}

/// RFC 6455, 7.2.3: a random delay for the first attempt, then "truncated binary exponential backoff".
fn back_off(failed: u32) -> Advice {
    let longest = FIRST.saturating_mul(2_u32.saturating_pow(failed)).min(LONGEST);
    Advice::Wait(Duration::ZERO, longest)
}

/// A time between the two. The standard library seeds its hash maps with random numbers of the system.
fn random_between(shortest: Duration, longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(());
    #[expect(clippy::cast_precision_loss, reason = "a delay needs few bits")]
    let share = random as f64 / u64::MAX as f64;
    shortest + longest.saturating_sub(shortest).mul_f64(share)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let codes = match arguments.next() {
        Some(code) => vec![code.parse()?],
        None => REGISTRY.iter().map(|row| row.first).collect(),
    };
    let failed = arguments.next().map_or(Ok(0), |failed| failed.parse())?;
    for code in codes {
        let event = CloseEvent::new(CloseEventInit { code, ..CloseEventInit::default() })?;
        let next = match advice(&event, failed) {
            Advice::Wait(shortest, longest) => {
                let chosen = random_between(shortest, longest);
                format!("wait between {shortest:?} and {longest:?}, for example {chosen:.1?}")
            }
            Advice::TryAnotherAddress => "try another address; this one only when the user asks for it".to_owned(),
            Advice::ChangeSomething => "do not try the same again".to_owned(),
            Advice::AskTheApplication => "ask the application".to_owned(),
            Advice::Stop => "stop".to_owned(),
        };
        println!("{code} {}: {next}", registry::name(code));
    }
    Ok(())
}
