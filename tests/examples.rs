//! Runs the examples, and checks how each connection ended and what went over the wire.
#![cfg(feature = "codec")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{advance, sleep, timeout};
use tokio_util::codec::Framed;
use websocket_close::codec::{CloseCodec, Timeouts, finish};
use websocket_close::{Awaited, CloseFrame, Role, TransportEnd};

#[path = "../examples/own_decoder.rs"]
#[allow(dead_code)]
mod own_decoder;
#[path = "../examples/own_parser.rs"]
#[allow(dead_code)]
mod own_parser;
#[path = "../examples/proxy.rs"]
#[allow(dead_code)]
mod proxy;
#[path = "../examples/wrap.rs"]
#[allow(dead_code)]
mod wrap;

const ABNORMAL: &str = "1006 (abnormal closure), not clean";

/// What a peer keeps doing until the end.
#[derive(Clone, Copy, Debug)]
enum Habit {
    Nothing,
    /// Sends this every nine seconds.
    Sends(&'static [u8]),
    /// Sends this as fast as it can. The clock must be paused. Each write advances it.
    Floods(&'static [u8]),
}

/// Keeps up the habit while `example` runs, and returns what `example` returns.
async fn pestered<T>(example: impl Future<Output = T>, peer: &mut DuplexStream, habit: Habit) -> T {
    let pester = async {
        loop {
            let (bytes, pause) = match habit {
                Habit::Nothing => (&b""[..], Some(9)),
                Habit::Sends(bytes) => (bytes, Some(9)),
                Habit::Floods(bytes) => (bytes, None),
            };
            if peer.write_all(bytes).await.is_err() {
                // The example has cut the transport.
                pending::<()>().await;
            }
            match pause {
                Some(seconds) => sleep(Duration::from_secs(seconds)).await,
                None => advance(Duration::from_millis(1)).await,
            }
        }
    };
    let bounded = async {
        tokio::select! {
            ended = example => ended,
            _ = pester => unreachable!("the peer never stops"),
        }
    };
    timeout(Duration::from_secs(3600), bounded).await.unwrap_or_else(|_| panic!("no end in an hour: {habit:?}"))
}

#[test]
fn own_parser_answers_every_frame() {
    let cases: [(&[u8], &[u8], &str); 20] = [
        (b"\x88\x85\0\0\0\0\x03\xe9bye", b"\x88\x02\x03\xe9", r#"1001 (going away) "bye", clean"#),
        (b"\x88\x80\0\0\0\0\x81\x81\0\0\0\0x", b"\x88\x00", "1005 (no status received), clean"),
        (b"\x88\x81\0\0\0\0\x03", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", b"\x88\x02\x03\xef", ABNORMAL),
        (b"\x81\x82\x20\x20\0\0HI", b"\x81\x02hi", ABNORMAL),
        (b"\x88\x85\0\0\0\0\x03\xe9b", b"", ABNORMAL),
        // A Close with RSV bits, without FIN, without a mask, with a length of 16 bits.
        (b"\xc8\x82\0\0\0\0\x03\xe8", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\xf8\x82\0\0\0\0\x03\xe8", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x08\x82\0\0\0\0\x03\xe8", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x88\x02\x03\xe8\0\0\0\0", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x88\xfe\0\x02\0\0\0\0\x03\xe8", b"\x88\x02\x03\xea", ABNORMAL),
        // A ping, a pong, a fragment.
        (b"\x89\x82\x20\x20\0\0HI\x88\x80\0\0\0\0", b"\x8a\x02hi\x88\0", "1005 (no status received), clean"),
        (b"\x8a\x80\0\0\0\0\x88\x80\0\0\0\0", b"\x88\0", "1005 (no status received), clean"),
        (b"\x01\x80\0\0\0\0\x88\x80\0\0\0\0", b"\x01\0\x88\0", "1005 (no status received), clean"),
        // Other frames that are illegal or too long.
        (b"\xc1\x80\0\0\0\0", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\xc9\x80\0\0\0\0", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x09\x80\0\0\0\0", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x83\x80\0\0\0\0", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x8b\x80\0\0\0\0", b"\x88\x02\x03\xea", ABNORMAL),
        (b"\x82\xfe\0\x7e", b"\x88\x02\x03\xf1", ABNORMAL),
    ];
    for (received, answer, event) in cases {
        let mut sent = Vec::new();
        assert_eq!(own_parser::serve(received, &mut sent).event().to_string(), event, "{received:x?}");
        assert_eq!(sent, answer, "{received:x?}");
    }
}

#[tokio::test]
async fn own_decoder_answers_every_frame() {
    let bye = r#"1001 (going away) "bye", clean"#;
    let cases: [(&[u8], &[u8], &str, TransportEnd); 9] = [
        (b"\x81\x02hi\x88\x05\x03\xe9bye", b"\x88\x82\0\0\0\0\x03\xe9", bye, TransportEnd::InOrder),
        (b"\x88\x02\x03\xed", b"\x88\x82\0\0\0\0\x03\xea", ABNORMAL, TransportEnd::InOrder),
        (b"\x88\x80", b"\x88\x82\0\0\0\0\x03\xea", ABNORMAL, TransportEnd::InOrder),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", b"\x88\x82\0\0\0\0\x03\xf1", ABNORMAL, TransportEnd::InOrder),
        (b"\xc1\x00", b"\x88\x82\0\0\0\0\x03\xea", ABNORMAL, TransportEnd::InOrder),
        (b"\x81\x80\0\0\0\0", b"\x88\x82\0\0\0\0\x03\xea", ABNORMAL, TransportEnd::InOrder),
        (b"\x81\x02hi", b"", ABNORMAL, TransportEnd::InOrder),
        (b"\x81\x02h", b"", ABNORMAL, TransportEnd::InsideFrame),
        (b"\x88\x02\x03", b"", ABNORMAL, TransportEnd::InsideFrame),
    ];
    for (received, answer, event, end) in cases {
        let (client, mut server) = duplex(1024);
        server.write_all(received).await.unwrap();
        server.shutdown().await.unwrap();
        let ending = own_decoder::receive(client, [0; 4]).await;
        assert_eq!((&*ending.event().to_string(), ending.transport_end()), (event, end), "{received:x?}");
        let mut sent = Vec::new();
        server.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, answer);
    }
}

/// The client waits for the server's Close, for room to write its own, or for the end of the transport.
#[tokio::test(start_paused = true)]
async fn own_decoder_gives_up_on_a_server_that_stalls() {
    const HUGE: &[u8] = b"\x82\x7e\x7f\xff";
    for (first, habit, buffer, awaited) in [
        (&b""[..], Habit::Nothing, 1024, Awaited::Close),
        (HUGE, Habit::Sends(b"x"), 1024, Awaited::Close),
        (b"", Habit::Nothing, 1, Awaited::Write),
        (b"\x88\0", Habit::Nothing, 4, Awaited::Write),
        (b"\x88\0", Habit::Nothing, 1024, Awaited::End),
        (b"\x88\0", Habit::Sends(b"x"), 1024, Awaited::End),
        (b"\x88\0", Habit::Floods(&[0; 99]), 1024, Awaited::End),
    ] {
        let (client, mut server) = duplex(buffer);
        server.write_all(first).await.unwrap();
        let ending = pestered(own_decoder::receive(client, [0; 4]), &mut server, habit).await;
        let TransportEnd::Cut { awaited: what, .. } = ending.transport_end() else { panic!("{ending}") };
        assert_eq!(what, awaited, "{habit:?}: {ending}");
        assert_eq!(ending.closing().is_written(), awaited != Awaited::Write, "{habit:?}: {ending}");
    }
}

/// Frames without end do not stop the client from giving up.
#[tokio::test(start_paused = true)]
async fn own_decoder_gives_up_on_a_flood_after_its_close() {
    let (client, mut server) = duplex(1024);
    let client = tokio::spawn(own_decoder::receive(client, [0; 4]));
    let mut close = [0; 8];
    timeout(Duration::from_secs(3600), server.read_exact(&mut close)).await.unwrap().unwrap();
    assert_eq!(&close, b"\x88\x82\0\0\0\0\x03\xe9");
    let client = async { client.await.unwrap() };
    let ending = pestered(client, &mut server, Habit::Floods(b"\x89\0\x81\x02hi")).await;
    assert!(matches!(ending.transport_end(), TransportEnd::Cut { awaited: Awaited::Close, .. }), "{ending}");
}

#[tokio::test]
async fn wrap_closes_cleanly_on_both_ends() {
    let (server, client) = timeout(Duration::from_secs(30), wrap::run()).await.unwrap().unwrap();
    assert_eq!(server.event().to_string(), "1012 (service restart), clean");
    assert_eq!(client.event().to_string(), r#"1012 (service restart) "back in a minute", clean"#);
    for ending in [server, client] {
        assert_eq!(ending.closing().closed_first(), Some(Role::Server));
        assert_eq!(ending.transport_end(), TransportEnd::InOrder);
    }
}

/// A text that is not UTF-8, frames that the client's codec refuses, and bad Closes.
#[tokio::test(start_paused = true)]
async fn wrap_answers_bad_frames_with_the_right_code() {
    for (sent, code) in [
        (&b"\x81\x01\xff"[..], 1007_u16),
        (b"\x82\0", 1003),
        (b"\x81\x7e", 1009),
        (b"\xc1\0", 1002),
        (b"\x81\x80", 1002),
        (b"\xc8\x02\x03\xe8", 1002),
        (b"\x88\x03\x03\xe8\xff", 1007),
    ] {
        let (client, mut server) = duplex(1024);
        server.write_all(sent).await.unwrap();
        let ending = pestered(wrap::listen(client), &mut server, Habit::Nothing).await;
        assert_eq!(ending.closing().ours().unwrap().code().unwrap(), code, "{ending}");
        assert!(ending.closing().is_failed(), "{ending}");
        let mut close = Vec::new();
        server.read_to_end(&mut close).await.unwrap();
        assert_eq!((close.len(), &close[..2]), (8, &b"\x88\x82"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn wrap_gives_up_on_a_peer_that_stalls_or_floods() {
    for (habit, buffer, awaited) in [
        (Habit::Nothing, 1024, Awaited::Close),
        (Habit::Nothing, 1, Awaited::Write),
        (Habit::Sends(b"\x89\x80\0\0\0\0"), 1024, Awaited::Close),
        (Habit::Floods(b"\x81\x80\0\0\0\0"), 1024, Awaited::Close),
    ] {
        let (server, mut client) = duplex(buffer);
        let ending = pestered(wrap::serve(server), &mut client, habit).await;
        let TransportEnd::Cut { awaited: what, .. } = ending.transport_end() else { panic!("{ending}") };
        assert_eq!(what, awaited, "{habit:?}: {ending}");
    }
    for (first, habit, awaited) in [
        (&b""[..], Habit::Nothing, Awaited::Close),
        (b"\x81\x7d", Habit::Sends(b"x"), Awaited::Close),
        (b"\x88\0", Habit::Sends(b"\x89\0"), Awaited::End),
        (b"\x88\0", Habit::Floods(b"\x89\0"), Awaited::End),
    ] {
        let (client, mut server) = duplex(1024);
        server.write_all(first).await.unwrap();
        let ending = pestered(wrap::listen(client), &mut server, habit).await;
        let TransportEnd::Cut { awaited: what, .. } = ending.transport_end() else { panic!("{ending}") };
        assert_eq!(what, awaited, "{habit:?}: {ending}");
        let mut close = Vec::new();
        server.read_to_end(&mut close).await.unwrap();
        assert!(close.starts_with(b"\x88"));
    }
}

/// Each row has the Close that one end sends, what the server is told if that end is the client, and what the client is
/// told if it is the server. `None` is an end that is lost.
#[tokio::test(start_paused = true)]
async fn proxy_tells_each_end_how_the_other_closed() {
    let cases = [
        (Some(CloseFrame::from_static(4001, "bye")), [r#"4001 (private use) "bye", clean"#; 2]),
        (Some(CloseFrame::EMPTY), ["1005 (no status received), clean"; 2]),
        (None, ["1001 (going away), clean", "1014 (bad gateway), clean"]),
    ];
    for (close, [server_told, client_told]) in cases {
        for client_first in [true, false] {
            let (proxy, client, server) = proxy::start();
            let client = Framed::new(client, CloseCodec::client(|| [0; 4]));
            let server = Framed::new(server, CloseCodec::server());
            let (mut ending, mut told) = if client_first { (client, server) } else { (server, client) };
            let ending = async {
                match close {
                    Some(close) => drop(finish(&mut ending, close, Timeouts::DEFAULT).await),
                    None => drop(ending),
                }
            };
            let told = async {
                told.next().await;
                finish(&mut told, CloseFrame::EMPTY, Timeouts::DEFAULT).await.ending.event()
            };
            let ((of_client, of_server), (), told) = tokio::join!(proxy, ending, told);
            assert_eq!(told.to_string(), if client_first { server_told } else { client_told });
            let first = if client_first { of_client } else { of_server };
            assert_eq!(first.event().to_frame(), close.and_then(|_| told.to_frame()));
        }
    }
}

/// The frames before the Close arrive byte for byte, and each Close reaches the other end.
#[tokio::test(start_paused = true)]
async fn proxy_passes_frames_unchanged() {
    let (proxy, mut client, mut server) = proxy::start();
    let frames = [&b"\x81\x82\x01\x02\x03\x04hi"[..], b"\x01\x80\0\0\0\0", b"\x89\x80\0\0\0\0"].concat();
    let ends = async {
        client.write_all(&frames).await.unwrap();
        client.write_all(b"\x88\x82\0\0\0\0\x0f\xa1").await.unwrap();
        let mut seen = vec![0; frames.len() + 8];
        server.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen[..frames.len()], frames);
        assert_eq!(&seen[frames.len()..][..2], b"\x88\x82");
        server.write_all(b"\x88\x02\x0f\xa1").await.unwrap();
        server.shutdown().await.unwrap();
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\x88\x02\x0f\xa1");
    };
    let ((of_client, of_server), ()) = tokio::join!(proxy, ends);
    for ending in [of_client, of_server] {
        assert_eq!(ending.event().to_string(), "4001 (private use), clean");
    }
}

/// One end sends much data, a Close, and the end of its direction. The other end reads nothing.
#[tokio::test(start_paused = true)]
async fn proxy_ends_if_one_end_floods_and_the_other_does_not_read() {
    for sender in [Role::Client, Role::Server] {
        let (proxy, client, server) = proxy::start();
        let (mut floods, _does_not_read) = if sender == Role::Client { (client, server) } else { (server, client) };
        let (data, close): (&[u8], &[u8]) = match sender {
            Role::Client => (b"\x82\xfd\0\0\0\0", b"\x88\x85\0\0\0\0\x0f\xa1bye"),
            Role::Server => (b"\x82\x7d", b"\x88\x05\x0f\xa1bye"),
        };
        let data = [data, &[0; 125]].concat();
        let sender_ends = async {
            for _ in 0..1000 {
                floods.write_all(&data).await.unwrap();
            }
            floods.write_all(close).await.unwrap();
            floods.shutdown().await.unwrap();
            let mut answer = Vec::new();
            floods.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let ends = async { tokio::join!(proxy, sender_ends) };
        let ((of_client, of_server), answer) = timeout(Duration::from_secs(3600), ends).await.unwrap();
        let (of_sender, of_other) =
            if sender == Role::Client { (of_client, of_server) } else { (of_server, of_client) };
        assert_eq!(of_sender.event().to_string(), r#"4001 (private use) "bye", clean"#);
        assert_eq!(answer[0], 0x88, "the answer, and nothing before it");
        assert_eq!(of_other.event().to_string(), ABNORMAL);
        assert!(matches!(of_other.transport_end(), TransportEnd::Cut { awaited: Awaited::Write, .. }), "{of_other}");
    }
}

#[tokio::test(start_paused = true)]
async fn proxy_gives_up_on_two_ends_that_never_close() {
    for (first, habit) in [
        (&b""[..], Habit::Nothing),
        (b"\x82\xfe\xff\xff\0\0\0\0", Habit::Sends(b"x")),
        (b"\x81\x80\0\0\0\0\x82\xfe\xff\xff\0\0\0\0", Habit::Sends(b"x")),
    ] {
        let (proxy, mut client, server) = proxy::start();
        client.write_all(first).await.unwrap();
        let (of_client, of_server) = pestered(proxy, &mut client, habit).await;
        for (mut end, ending, close) in
            [(client, of_client, &b"\x88\x02\x03\xe9"[..]), (server, of_server, b"\x88\x82")]
        {
            assert_eq!(ending.closing().ours(), Some(CloseFrame::from_static(1001, "")), "{habit:?}: {ending}");
            assert!(matches!(ending.transport_end(), TransportEnd::Cut { awaited: Awaited::Close, .. }), "{ending}");
            let mut received = Vec::new();
            end.read_to_end(&mut received).await.unwrap();
            let passed_on = if close.len() == 2 && first.starts_with(b"\x81") { 6 } else { 0 };
            assert!(received[passed_on..].starts_with(close), "{received:x?}");
        }
    }
}

/// For a frame that is illegal or too big, the sender gets the code, and the other end hears that the sender is gone.
#[tokio::test(start_paused = true)]
async fn proxy_does_not_pass_on_a_bad_frame() {
    let from_client: [(&[u8], u16); 8] = [
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\xc9\x80\0\0\0\0", 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x89\xfe\0\x7e\0\0\0\0", 1002),
        (b"\x82\xfe\0\x05\0\0\0\0", 1002),
        (b"\x81\x00", 1002),
        (b"\x82\xff\0\0\0\0\0\x10\0\0", 1009),
    ];
    let from_server: [(&[u8], u16); 3] =
        [(b"\xa1\0", 1002), (b"\x81\x80\0\0\0\0", 1002), (b"\x82\x7f\0\0\0\0\0\x10\0\0", 1009)];
    let from_client = from_client.map(|(bytes, code)| (Role::Client, bytes, code));
    for (from, bytes, code) in
        from_client.into_iter().chain(from_server.map(|(bytes, code)| (Role::Server, bytes, code)))
    {
        let (proxy, mut client, mut server) = proxy::start();
        let (sender, other) =
            if from == Role::Client { (&mut client, &mut server) } else { (&mut server, &mut client) };
        sender.write_all(bytes).await.unwrap();
        let (of_client, of_server) = pestered(proxy, sender, Habit::Nothing).await;
        let (of_sender, of_other, gone) =
            if from == Role::Client { (of_client, of_server, 1001) } else { (of_server, of_client, 1014) };
        assert_eq!(of_sender.closing().ours(), CloseFrame::from_parts(code, "").ok(), "{bytes:x?}: {of_sender}");
        assert!(of_sender.closing().is_failed());
        assert_eq!(of_other.closing().ours(), CloseFrame::from_parts(gone, "").ok(), "{bytes:x?}: {of_other}");
        let mut received = Vec::new();
        other.read_to_end(&mut received).await.unwrap();
        assert_eq!((received[0], received.len()), (0x88, if from == Role::Client { 8 } else { 4 }), "{bytes:x?}");
    }
}
