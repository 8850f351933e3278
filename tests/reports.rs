//! Public reports about how connections end, tried on this crate. Each test is named after its source, makes what was
//! reported, and asserts what is right.
//!
//! Other tests hold these reports:
//! - `eventlet#720`, `bun#33001` (a recipe): `std_net` in `examples/recipes/tests/recipes.rs`.
//! - `gori#500`, `envoy#2067` (the proxy): `proxy_ends_if_one_end_floods_and_the_other_does_not_read` in
//!   `tests/examples.rs`.
//! - `wscat#109` (the tool): `no_reason_disturbs_who_prints_it` in `wsclose/tests/decode.rs`.
//! - `aspnetcore#42328` (HTTP/2): `hyper_and_finish` in `examples/recipes/tests/http2.rs`.
//! - `beast#1714`, `websocket-node#137` (TLS that is cut or reset): `tls_that_ends_without_close_notify_is_reported` in
//!   `tests/finish/endings.rs`, and the soak of `tests/interop`.
//! - `tokio-tungstenite#379`, `tokio#4000` (buffers left behind): `a_close_in_a_buffer_that_was_thrown_away` in
//!   `tests/finish/failures.rs`.
//! - `workerd#6197` (a proxy's own answer): `an_answer_of_our_own_replaces_the_echo_until_it_is_written` in
//!   `tests/handshake_rules.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use websocket_close::wire::{self, Scanner};
use websocket_close::{CloseCode, CloseEvent, CloseEventInit, CloseFrame, ClosingHandshake, DecodeError, Role, script};

#[test]
fn deno_27566_a_code_without_a_reason_went_out_as_no_code() {
    for reason in [None, Some("")] {
        let close = script::close(Some(1000), reason).unwrap();
        assert_eq!(close.write_payload(&mut [0; 125]), [0x03, 0xe8]);
    }
    let mut closing = ClosingHandshake::new(Role::Client);
    let answer = closing.receive(CloseFrame::from_payload(&[0x03, 0xe8]).unwrap()).unwrap();
    assert_eq!(answer.write_payload(&mut [0; 125]), [0x03, 0xe8]);
    closing.mark_written();
    assert_eq!((closing.event().code(), closing.event().was_clean()), (1000, true));
}

#[test]
fn everest_2679_the_code_was_logged_as_text() {
    assert_eq!(CloseFrame::from_payload(b"\x03\xe9server restart").unwrap().reason(), "server restart");
    assert_eq!(CloseFrame::from_payload(b"").unwrap().reason(), "");
    assert_eq!(CloseFrame::from_payload(b"\x03"), Err(DecodeError::MissingByte));
}

#[test]
fn totaljs_framework_354_a_reason_in_another_encoding() {
    let sent = CloseFrame::from_static(1000, "中文");
    assert_eq!(sent.write_payload(&mut [0; 125]), b"\x03\xe8\xe4\xb8\xad\xe6\x96\x87");
    // A byte for each character, UTF-16, GBK.
    for reason in [&b"\x2d\x87"[..], b"\x2d\x4e\x87\x65", b"\xd6\xd0\xce\xc4"] {
        let error = CloseFrame::from_payload(&[b"\x03\xe8", reason].concat()).unwrap_err();
        assert_eq!(error.answer_code(), 1007, "{reason:x?}");
    }
}

#[test]
fn playframework_14051_what_may_not_be_sent_reached_the_wire() {
    let event = |code| CloseEvent::new(CloseEventInit { code, reason: "lost", was_clean: false }).unwrap();
    assert_eq!(event(1005).to_frame(), Some(CloseFrame::EMPTY));
    for code in [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65535] {
        assert_eq!(event(code).to_frame(), None, "{code}");
    }
    assert_eq!(script::close(None, Some("x")), Ok(CloseFrame::from_static(1000, "x")));
}

#[test]
fn java_websocket_1459_close_1006_sent_nothing_and_told_nobody() {
    assert_eq!(CloseCode::new(1006).unwrap_err().get(), 1006);
    assert_eq!(script::close(Some(1006), None), Err(script::Error::InvalidAccess(1006)));
}

#[test]
fn vertx_5610_mongoose_1502_our_code_was_told_as_the_peers() {
    let mut closing = ClosingHandshake::new(Role::Server);
    let _close = closing.start(CloseFrame::from_static(4001, "ours"));
    closing.mark_written();
    assert_eq!((closing.event().code(), closing.event().reason()), (1006, ""));
    assert_eq!(closing.ours(), Some(CloseFrame::from_static(4001, "")));
}

#[test]
fn bun_33001_dart_sdk_63488_rsv1_on_control_frames() {
    for rsv in 1..8 {
        let error = wire::peek(Role::Server, &mut [0x88 | rsv << 4]).unwrap_err();
        assert_eq!((error, error.answer_code().get()), (wire::Error::ReservedBits(rsv), 1002));
    }
    // The RSV bits of another frame are for the code that owns the framing.
    assert_eq!(Scanner::new().skip(b"\xc9\x80\0\0\0\0\x88"), Ok(6));
}

#[test]
fn autobahn_python_41_autobahn_python_29_the_answer_is_a_fault() {
    for answer in [&b"\x08\x82\0\0\0\0"[..], b"\x88\x81", b"\xc8\x82", b"\x88\x02", b"\x88\xfe"] {
        let mut closing = ClosingHandshake::new(Role::Server);
        let _close = closing.start(CloseFrame::from_static(1001, ""));
        closing.mark_written();
        let error = wire::peek(Role::Server, &mut answer.to_vec()).unwrap_err();
        assert_eq!(closing.reject(error), None, "there is never a second Close");
        assert_eq!((closing.event().code(), closing.fault()), (1006, Some(error)));
    }
}

#[cfg(feature = "serde")]
#[test]
fn deno_9337_the_event_of_a_close_without_a_code_had_no_code() {
    let json = serde_json::to_value(CloseEvent::observed(b"")).unwrap();
    assert_eq!(json, serde_json::json!({ "code": 1005, "reason": "", "wasClean": true }));
    for json in [
        r#"{"reason":"","wasClean":true}"#,
        r#"{"code":null,"reason":"","wasClean":true}"#,
        r#"{"code":65536,"reason":"","wasClean":true}"#,
    ] {
        assert!(serde_json::from_str::<CloseEvent>(json).is_err(), "{json}");
    }
}

/// Reports about codecs, and about loops that drive a connection.
#[cfg(feature = "codec")]
mod codec {
    use std::future::Future;
    use std::time::Duration;

    use bytes::{Bytes, BytesMut};
    use futures_util::{FutureExt, SinkExt, StreamExt};
    use socket2::SockRef;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{Instant, sleep};
    use tokio_util::codec::{BytesCodec, Decoder, Encoder, Framed};
    use websocket_close::codec::{CloseCodec, Error, Finished, Message, Timeouts, finish};
    use websocket_close::{CloseFrame, DecodeError, Role, TransportEnd, wire};

    const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1001, "");
    /// A client's Close with 1000; its key is zero.
    const THEIRS: [u8; 8] = *b"\x88\x82\0\0\0\0\x03\xe8";
    const SECOND: Duration = Duration::from_secs(1);

    type Socket<T> = Framed<T, CloseCodec<BytesCodec>>;

    fn server<T: tokio::io::AsyncRead + tokio::io::AsyncWrite>(io: T) -> Socket<T> {
        Framed::new(io, CloseCodec::server().wrap(BytesCodec::new()))
    }

    fn pair(capacity: usize) -> (Socket<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(capacity);
        (server(ours), theirs)
    }

    fn close(frame: CloseFrame<'_>) -> Message<Bytes> {
        frame.into()
    }

    fn bytes(bytes: &[u8]) -> Message<Bytes> {
        Message::Other(Bytes::copy_from_slice(bytes))
    }

    /// With the time that it took.
    async fn timed(finish: impl Future<Output = Finished>) -> (Finished, Duration) {
        let begun = Instant::now();
        (finish.await, begun.elapsed())
    }

    #[track_caller]
    fn assert_event(finished: &Finished, code: u16, reason: &str, was_clean: bool) {
        let event = finished.ending.event();
        assert_eq!((event.code(), event.reason(), event.was_clean()), (code, reason, was_clean), "{}", finished.ending);
    }

    #[track_caller]
    fn assert_about(took: Duration, expected: Duration) {
        assert!((expected..expected + Duration::from_millis(5)).contains(&took), "{took:?}");
    }

    /// Both ends of a TCP connection over the loopback.
    async fn tcp() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn bun_42511_a_header_that_came_alone() {
        let whole = b"\x88\x05\x0f\xa0bye";
        for cut in 1..whole.len() {
            let mut codec = CloseCodec::client(|| [0; 4]);
            let mut buffer = BytesMut::from(&whole[..cut]);
            assert_eq!(codec.decode(&mut buffer).unwrap(), None, "{cut}");
            buffer.extend_from_slice(&whole[cut..]);
            assert_eq!(codec.decode(&mut buffer).unwrap(), Some(CloseFrame::from_static(4000, "bye").into()), "{cut}");

            let (ours, mut theirs) = duplex(64);
            let mut framed = Framed::new(ours, CloseCodec::client(|| [0; 4]));
            let parts = async {
                theirs.write_all(&whole[..cut]).await.unwrap();
                sleep(SECOND).await;
                theirs.write_all(&whole[cut..]).await.unwrap();
                theirs.shutdown().await.unwrap();
            };
            let (finished, ()) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), parts);
            assert_event(&finished, 4000, "bye", true);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn uvicorn_2865_our_code_was_told_over_one_that_crossed_it() {
        let (mut framed, mut theirs) = pair(64);
        theirs.write_all(&THEIRS).await.unwrap();
        framed.feed(close(CloseFrame::from_static(1012, ""))).await.unwrap();
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_event(&finished, 1000, "", true);
        drop(framed);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"\x88\x02\x03\xf4", "one Close");
    }

    #[tokio::test(start_paused = true)]
    async fn aiohttp_3448_aiohttp_7306_two_tasks_close() {
        let (mut framed, mut theirs) = pair(64);
        framed.send(close(CloseFrame::from_static(4001, ""))).await.unwrap();
        let second = framed.send(close(CloseFrame::from_static(4002, ""))).await;
        assert!(matches!(second, Err(Error::CloseAfterClose)));
        theirs.write_all(&THEIRS).await.unwrap();
        finish(&mut framed, CloseFrame::from_static(4003, ""), Timeouts::DEFAULT).await;
        drop(framed);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"\x88\x02\x0f\xa1");
    }

    #[test]
    fn caddy_5199_actor_framework_1962_a_close_of_a_client_without_a_mask() {
        for (frame, sent) in
            [(CloseFrame::EMPTY, &b"\x88\x80\x01\x02\x03\x04"[..]), (GOODBYE, b"\x88\x82\x01\x02\x03\x04\x02\xeb")]
        {
            let mut out = BytesMut::new();
            CloseCodec::client(|| [1, 2, 3, 4]).wrap(BytesCodec::new()).encode(close(frame), &mut out).unwrap();
            assert_eq!(out, sent);
        }
        let error = CloseCodec::server().decode(&mut BytesMut::from(&b"\x88\x02\x03\xe9"[..])).unwrap_err();
        assert_eq!(error.answer_code().unwrap(), 1002);
    }

    #[test]
    fn jetty_3279_coder_websocket_213_data_queued_behind_the_close() {
        let mut codec = CloseCodec::server().wrap(BytesCodec::new());
        codec.fail(CloseFrame::from_static(1009, ""));
        let mut out = BytesMut::new();
        codec.encode(close(CloseFrame::from_static(1009, "")), &mut out).unwrap();
        assert!(codec.encode(bytes(b"\x81\x02hi"), &mut out).is_err());
        assert_eq!(out, b"\x88\x02\x03\xf1"[..]);
    }

    #[tokio::test(start_paused = true)]
    async fn libwebsockets_573_the_answer_went_into_a_frame_that_was_half_written() {
        for capacity in [1, 3, 7] {
            let (mut framed, theirs) = pair(capacity);
            let _half = framed.send(bytes(b"\x82\x09half-half")).now_or_never();
            let (mut from_us, mut to_us) = tokio::io::split(theirs);
            let peer = async {
                to_us.write_all(&THEIRS).await.unwrap();
                let mut received = vec![0; 15];
                from_us.read_exact(&mut received).await.unwrap();
                received
            };
            let (finished, received) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), peer);
            assert_event(&finished, 1000, "", true);
            // Theirs is not whole yet when ours is chosen, so the two cross.
            assert_eq!(received, b"\x82\x09half-half\x88\x02\x03\xe9", "{capacity}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn python_websockets_1429_curl_19554_pings_behind_our_close() {
        let (mut framed, mut theirs) = pair(64);
        framed.send(close(GOODBYE)).await.unwrap();
        let pings = b"\x89\x80\0\0\0\0\x89\x81\0\0\0\0p";
        theirs.write_all(&[&pings[..], &THEIRS].concat()).await.unwrap();
        let mut seen = Vec::new();
        while let Some(Ok(Message::Other(other))) = framed.next().await {
            seen.extend_from_slice(&other);
        }
        assert_eq!(seen, pings, "the inner codec sees both");
        framed.send(bytes(b"\x8a\x01p")).await.unwrap();
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_event(&finished, 1000, "", true);
        drop(framed);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"\x88\x02\x03\xe9\x8a\x01p");
    }

    #[tokio::test(start_paused = true)]
    async fn aiohttp_1002_a_frame_within_each_time_out_kept_it_waiting() {
        let (mut framed, mut theirs) = pair(1024);
        let drip = async {
            while theirs.write_all(b"\x81\x80\0\0\0\0").await.is_ok() {
                sleep(9 * SECOND).await;
            }
        };
        let closing = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT));
        let (finished, took) = tokio::select! { done = closing => done, () = drip => panic!() };
        assert_about(took, 10 * SECOND);
        assert_event(&finished, 1006, "", false);

        let (mut framed, mut theirs) = pair(1024);
        theirs.write_all(&THEIRS).await.unwrap();
        let drip = async {
            while theirs.write_all(b"\x8a\x80\0\0\0\0").await.is_ok() {
                sleep(Duration::from_millis(1900)).await;
            }
        };
        let closing = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT));
        let (finished, took) = tokio::select! { done = closing => done, () = drip => panic!() };
        assert_about(took, 2 * SECOND);
        assert_event(&finished, 1000, "", true);
    }

    #[tokio::test(start_paused = true)]
    async fn kubernetes_116778_kubernetes_javascript_465_ws_419_what_the_peer_still_sends() {
        let text = b"\x81\x81\0\0\0\0x";
        let rest = [&text.repeat(50)[..], &THEIRS].concat();
        // `finish` discards it, as it says.
        let (mut framed, mut theirs) = pair(1024);
        theirs.write_all(&rest).await.unwrap();
        assert_event(&finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await, 1000, "", true);
        // Who wants it sends a Close, reads on, and finishes then.
        let (mut framed, mut theirs) = pair(1024);
        framed.send(close(GOODBYE)).await.unwrap();
        theirs.write_all(&rest).await.unwrap();
        let mut read = 0;
        while let Some(Ok(Message::Other(other))) = framed.next().await {
            read += other.len();
        }
        assert_eq!(read, 50 * text.len());
        assert_event(&finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await, 1000, "", true);
    }

    #[tokio::test(start_paused = true)]
    async fn bun_36112_a_peer_that_reads_nothing_and_closes() {
        let (mut framed, mut theirs) = pair(16);
        let blocked = framed.send(bytes(&[&b"\x82\x7e\x01\0"[..], &[0; 256]].concat())).now_or_never();
        assert!(blocked.is_none());
        theirs.write_all(b"\x88\x85\0\0\0\0\x03\xe8bye").await.unwrap();
        let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
        assert_event(&finished, 1000, "bye", false);
        assert_about(took, 10 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn python_websockets_1337_messages_that_nobody_had_taken() {
        let (mut framed, mut theirs) = pair(16 * 1024);
        theirs.write_all(&[&b"\x81\x81\0\0\0\0x".repeat(1000)[..], &THEIRS].concat()).await.unwrap();
        theirs.shutdown().await.unwrap();
        let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
        assert_event(&finished, 1000, "", true);
        assert_about(took, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn corefx_9985_closing_again_after_the_end() {
        let (mut framed, mut theirs) = pair(64);
        framed.send(close(GOODBYE)).await.unwrap();
        theirs.write_all(&THEIRS).await.unwrap();
        theirs.shutdown().await.unwrap();
        assert!(matches!(framed.next().await, Some(Ok(Message::Close(_)))));
        for _ in 0..3 {
            let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_event(&finished, 1000, "", true);
            assert_about(took, Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn vlang_26956_the_end_of_the_transport_at_a_header() {
        for (sent, end) in [
            (&b""[..], TransportEnd::InOrder),
            (b"\x88", TransportEnd::InsideFrame),
            (b"\x88\x82", TransportEnd::InsideFrame),
            (b"\x88\x82\0\0\0\0\x03", TransportEnd::InsideFrame),
            (b"\x81\xfe", TransportEnd::InsideFrame),
            (b"\x81\x82\0\0\0\0h", TransportEnd::InsideFrame),
        ] {
            let (mut framed, mut theirs) = pair(64);
            theirs.write_all(sent).await.unwrap();
            drop(theirs);
            let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
            assert_event(&finished, 1006, "", false);
            assert_eq!(finished.ending.transport_end(), end, "{sent:x?}");
            assert_about(took, Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn libwebsockets_835_python_websockets_687_all_it_learns_is_1006() {
        for (answer, fault) in [
            (&b"\x88\x85\0\0\0\0\x03\xf8why"[..], "status code 1016 (unassigned) is not allowed in a Close frame"),
            (
                b"\x88\x83\0\0\0\0\x03\xe8\xff",
                "the reason is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0",
            ),
        ] {
            let (mut framed, mut theirs) = pair(64);
            framed.send(close(GOODBYE)).await.unwrap();
            theirs.write_all(answer).await.unwrap();
            let ending = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await.ending;
            assert_eq!(ending.closing().fault().unwrap().to_string(), fault);
        }
        let (mut framed, mut theirs) = pair(64);
        theirs.write_all(b"\x88\x81\0\0\0\0\x03").await.unwrap();
        let ending = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await.ending;
        assert_eq!(ending.closing().fault(), Some(wire::Error::Payload(DecodeError::MissingByte)));
    }

    #[tokio::test(start_paused = true)]
    async fn tokio_tungstenite_305_tokio_tungstenite_117_closing_after_split() {
        let (framed, mut theirs) = pair(8);
        let (mut sink, mut stream) = framed.split();
        let whole = b"\x82\x04data";
        let mut received = Vec::new();
        let peer = async {
            let mut chunk = [0; 3];
            while received.len() < 10 * whole.len() {
                let read = theirs.read(&mut chunk).await.unwrap();
                received.extend_from_slice(&chunk[..read]);
                sleep(SECOND / 10).await;
            }
        };
        let ours = async {
            // A writer in a `select!` is cancelled again and again.
            for _ in 0..10 {
                sink.feed(bytes(whole)).await.unwrap();
                let _cancelled = sink.flush().now_or_never();
            }
            sink.flush().await.unwrap();
        };
        tokio::select! { () = async { tokio::join!(ours, peer); } => {}, _ = stream.next() => panic!() }
        let mut framed = stream.reunite(sink).unwrap();
        let rest = async {
            let mut chunk = [0; 64];
            while received.len() < 64 {
                let read = theirs.read(&mut chunk).await.unwrap();
                received.extend_from_slice(&chunk[..read]);
            }
            theirs.write_all(&THEIRS).await.unwrap();
        };
        let (finished, ()) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), rest);
        assert_event(&finished, 1000, "", true);
        assert_eq!(received, [&whole.repeat(10)[..], b"\x88\x02\x03\xe9"].concat());
    }

    #[tokio::test]
    async fn gorilla_176_ws_1123_ws_1172_our_write_fails_since_the_peer_has_said_all() {
        let (ours, mut theirs) = tcp().await;
        let mut framed = server(ours);
        let last = b"\x88\x8a\0\0\0\0\x0f\xa0all done";
        theirs.write_all(&[&b"\x81\x81\0\0\0\0x".repeat(20)[..], last].concat()).await.unwrap();
        drop(theirs);
        while framed.send(bytes(&[&b"\x82\x7e\x40\0"[..], &[0; 0x4000]].concat())).await.is_ok() {}
        let mut read = 0;
        while let Some(Ok(Message::Other(other))) = framed.next().await {
            read += other.len();
        }
        assert_eq!(read, 20 * 7);
        assert_event(&finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await, 4000, "all done", false);
    }

    #[tokio::test]
    async fn python_websockets_877_ws_1902_beast_802_too_big_a_message_while_it_is_sent() {
        let (ours, mut theirs) = tcp().await;
        let mut framed = server(ours);
        let peer = tokio::spawn(async move {
            theirs.write_all(b"\x82\xff\0\0\0\0\x40\0\0\0\0\0\0\0").await.unwrap();
            for _ in 0..8 * 16 {
                theirs.write_all(&vec![0; 64 * 1024]).await.unwrap();
            }
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.map(|_| received)
        });
        assert!(framed.next().await.unwrap().is_ok());
        framed.codec_mut().fail(CloseFrame::from_static(1009, ""));
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_event(&finished, 1006, "", false);
        drop(framed);
        assert_eq!(peer.await.unwrap().unwrap(), b"\x88\x02\x03\xf1", "and no reset");
    }

    #[tokio::test]
    async fn tokio_websockets_34_shutting_down_a_socket_that_the_peer_has_left() {
        for local in [Role::Server, Role::Client] {
            for resets in [false, true] {
                let (ours, mut theirs) = tcp().await;
                let codec = if local == Role::Server { CloseCodec::server() } else { CloseCodec::client(|| [0; 4]) };
                let mut framed = Framed::new(ours, codec.wrap(BytesCodec::new()));
                let theirs_first = if local == Role::Server { &THEIRS[..] } else { b"\x88\x02\x03\xe8" };
                theirs.write_all(theirs_first).await.unwrap();
                assert!(matches!(framed.next().await, Some(Ok(Message::Close(_)))));
                framed.send(close(GOODBYE)).await.unwrap();
                let mut answer = vec![0; if local == Role::Server { 4 } else { 8 }];
                theirs.read_exact(&mut answer).await.unwrap();
                if resets {
                    SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
                }
                drop(theirs);
                for _ in 0..2 {
                    assert_event(&finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await, 1000, "", true);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn actix_web_1555_actix_web_3093_weechat_1281_the_server_neither_answers_nor_ends() {
        let (mut framed, mut theirs) = pair(64);
        let text = b"\x81\x81\0\0\0\0x";
        theirs.write_all(&[&text[..], &THEIRS, text].concat()).await.unwrap();
        while let Some(Ok(Message::Other(_))) = framed.next().await {}
        let (finished, received) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), async move {
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.unwrap();
            received
        });
        assert_event(&finished, 1000, "", true);
        assert_eq!(received, b"\x88\x02\x03\xe8");
    }

    #[tokio::test]
    async fn pywebsocket_102_bytes_left_unread_caused_a_reset() {
        let (ours, mut theirs) = tcp().await;
        let mut framed = server(ours);
        theirs.write_all(&[&THEIRS[..], &vec![0; 200_000]].concat()).await.unwrap();
        let peer = tokio::spawn(async move {
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.map(|_| received)
        });
        assert_event(&finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await, 1000, "", true);
        drop(framed);
        assert_eq!(peer.await.unwrap().unwrap(), b"\x88\x02\x03\xe8", "and no reset");
    }

    #[tokio::test(start_paused = true)]
    async fn haproxy_2789_a_stream_that_is_reset_in_place_of_a_close() {
        let (mut framed, theirs) = pair(64);
        drop(theirs);
        let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
        assert_event(&finished, 1006, "", false);
        assert_about(took, Duration::ZERO);
    }
}
