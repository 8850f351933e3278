//! `finish` answers pings until the peer's Close, as RFC 6455, 5.5.2 asks.

use super::*;

fn ping(local: Role, payload: &[u8]) -> Vec<u8> {
    frame(local.peer(), 0x89, payload)
}

fn pong(local: Role, payload: &[u8]) -> Vec<u8> {
    frame(local, 0x8a, payload)
}

/// The pings stand in the read buffer, behind a frame that the program has taken.
#[tokio::test(start_paused = true)]
async fn the_latest_ping_in_the_read_buffer_is_answered() {
    for local in ROLES {
        for (pings, answered) in
            [(&[&b"a"[..]][..], &b"a"[..]), (&[b"a", b"", b"bc"], b"bc"), (&[&[b'p'; 125]], &[b'p'; 125])]
        {
            let (mut framed, mut peer) = pair_with(local, Frames::default());
            let data = frame(local.peer(), 0x82, b"data");
            let pings: Vec<u8> = pings.iter().flat_map(|payload| ping(local, payload)).collect();
            peer.write_all(&[&data[..], &pings, &data].concat()).await.unwrap();
            // The program takes the first frame only.
            assert!(matches!(framed.next().await, Some(Ok(Message::Other(_)))));
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            assert_event(&finished, ABNORMAL, "");
            assert_eq!(framed.get_ref().written(), [pong(local, answered), our_close(local)].concat());
        }
    }
}

/// The bytes before the cut arrive before `finish` is called, the others after that.
#[tokio::test(start_paused = true)]
async fn pings_cut_at_every_byte_are_answered() {
    for local in ROLES {
        let data = frame(local.peer(), 0x82, b"data");
        let bytes = [&data[..], &ping(local, b"one"), &ping(local, b"two"), &data].concat();
        let first = data.len() + ping(local, b"one").len();
        let both = first + ping(local, b"two").len();
        for cut in 0..=bytes.len() {
            for program_reads in [false, true] {
                let (mut framed, mut peer) = pair_with(local, Frames::default());
                peer.write_all(&bytes[..cut]).await.unwrap();
                if program_reads && cut >= data.len() {
                    assert!(matches!(framed.next().await, Some(Ok(Message::Other(_)))));
                }
                assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
                peer.write_all(&bytes[cut..]).await.unwrap();
                let _ = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
                let (one, two) = (pong(local, b"one"), pong(local, b"two"));
                // What has come before our Close is answered before it, the rest after it.
                let expected = match cut {
                    cut if cut >= both => [two, our_close(local)].concat(),
                    cut if cut >= first => [one, our_close(local), two].concat(),
                    _ => [our_close(local), two].concat(),
                };
                let written = framed.get_ref().written();
                assert_eq!(parse(&written), parse(&expected), "{local:?} cut at {cut}, {program_reads}");
            }
        }
    }
}

/// A ping gets no pong if the peer's Close has arrived with it (5.5.2). A ping that arrives earlier gets one.
#[tokio::test(start_paused = true)]
async fn a_ping_that_arrives_with_their_close_gets_no_pong() {
    for local in ROLES {
        let bytes = [ping(local, b"late"), their_close(local)].concat();
        for cut in 0..bytes.len() {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&bytes[..cut]).await.unwrap();
            assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
            peer.write_all(&bytes[cut..]).await.unwrap();
            peer.shutdown().await.unwrap();
            let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            assert_event(&finished, CLEAN, "");
            let whole = cut >= ping(local, b"late").len();
            let pong = if whole { pong(local, b"late") } else { vec![] };
            assert_eq!(framed.get_ref().written(), [pong, our_close(local)].concat(), "cut at {cut}");
        }
        // All at once.
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&bytes).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
        assert_eq!(framed.get_ref().written(), our_echo(local));
    }
}

/// If the inner codec has taken the front of a ping, it has to send the pong.
#[tokio::test(start_paused = true)]
async fn a_ping_that_the_inner_codec_has_begun_to_take_gets_no_pong() {
    /// Takes this many bytes, and nothing more.
    struct Takes(usize);
    impl Decoder for Takes {
        type Item = ();
        type Error = io::Error;
        fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<()>> {
            let take = self.0.min(src.len());
            self.0 -= take;
            Ok((take > 0).then(|| drop(src.split_to(take))))
        }
    }
    for local in ROLES {
        let (one, two) = (ping(local, b"one"), ping(local, b"two"));
        for taken in 0..=one.len() + two.len() {
            let (mut framed, mut peer) = pair_with(local, Takes(taken));
            peer.write_all(&[&one[..], &two].concat()).await.unwrap();
            let _ = framed.next().now_or_never();
            let _ = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            let pong = if taken <= one.len() { pong(local, b"two") } else { vec![] };
            assert_eq!(framed.get_ref().written(), [pong, our_close(local)].concat(), "{taken} bytes taken");
        }
        // While the second ping is not complete, the first one is answered.
        let (mut framed, mut peer) = pair_with(local, Takes(0));
        peer.write_all(&[&one[..], &two[..two.len() - 1]].concat()).await.unwrap();
        let _ = framed.next().now_or_never();
        let _ = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_eq!(framed.get_ref().written(), [pong(local, b"one"), our_close(local)].concat());
    }
}

/// The Close behind an illegal ping still counts.
#[tokio::test(start_paused = true)]
async fn illegal_pings_get_no_pong() {
    for local in ROLES {
        let wrong = [
            frame(local.peer(), 0x09, b"fragment"),
            frame(local.peer(), 0xc9, b"rsv1"),
            frame(local, 0x89, b"mask"),
            // A payload of 126 bytes, and one of 3 bytes with a length of 16 bits.
            [&frame(local.peer(), 0x89, b"")[..1], &[if local == Role::Server { 0xfe } else { 0x7e }, 0, 126]].concat(),
            [&frame(local.peer(), 0x89, b"")[..1], &[if local == Role::Server { 0xfe } else { 0x7e }, 0, 3]].concat(),
        ];
        for (case, mut bytes) in wrong.into_iter().enumerate() {
            let mask = if local == Role::Server { 4 } else { 0 };
            bytes.extend(vec![
                b'x';
                match case {
                    3 => mask + 126,
                    4 => mask + 3,
                    _ => 0,
                }
            ]);
            for cut in 0..=bytes.len() {
                let (mut framed, mut peer) = pair(local);
                peer.write_all(&bytes[..cut]).await.unwrap();
                assert!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none());
                peer.write_all(&[&bytes[cut..], &their_close(local)].concat()).await.unwrap();
                peer.shutdown().await.unwrap();
                let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
                assert_event(&finished, CLEAN, &format!("{case} cut at {cut}"));
                assert_eq!(framed.get_ref().written(), our_close(local), "{case} cut at {cut}");
            }
        }
    }
}

/// Memory is bounded while nothing can be written. The pong goes out when there is room.
#[tokio::test(start_paused = true)]
async fn only_the_latest_ping_is_kept_while_writing_is_blocked() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let unsent = frame(local, 0x82, &[b'x'; 100]);
        framed.feed(other(&unsent)).await.unwrap();
        let open = std::rc::Rc::new(Cell::new(false));
        let opened = open.clone();
        framed.get_mut().on_write =
            Box::new(
                move |io, cx, bytes| {
                    if opened.get() { Pin::new(io).poll_write(cx, bytes) } else { Poll::Pending }
                },
            );
        let peer = async {
            for number in 0..10_000_u32 {
                peer.write_all(&ping(local, &number.to_be_bytes())).await.unwrap();
            }
            sleep(Duration::from_secs(1)).await;
            open.set(true);
            peer.write_all(&ping(local, b"last")).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            let mut bytes = vec![];
            peer.read_to_end(&mut bytes).await.unwrap();
            bytes
        };
        let (finished, _) = tokio::join!(
            async {
                let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
                assert!(framed.read_buffer().capacity() <= 16 * 1024);
                let written = framed.get_ref().written();
                drop(framed);
                (finished, written)
            },
            peer
        );
        let (finished, written) = finished;
        assert_event(&finished, CLEAN, "");
        assert_eq!(written, [unsent, our_close(local), pong(local, b"last")].concat());
    }
}

/// Neither a pong nor our Close may go into a frame that the inner codec has half written.
#[tokio::test(start_paused = true)]
async fn no_pong_goes_into_a_half_written_frame() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let half = frame(local, 0x82, b"data")[..3].to_vec();
        framed.feed(other(&half)).await.unwrap();
        peer.write_all(&ping(local, b"?")).await.unwrap();
        let _ = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_eq!(framed.get_ref().written(), half);
    }
}

/// `finish` is cancelled after every poll. The peer still sees each pong once, whole, and one Close.
#[tokio::test(start_paused = true)]
async fn finish_cancelled_after_every_poll_sends_each_pong_once() {
    for local in ROLES {
        let (io, peer) = duplex(1);
        let mut framed = connection(local, io);
        let (mut reader, mut writer) = tokio::io::split(peer);
        let peer = tokio::spawn(async move {
            let reading = async {
                let mut bytes = vec![];
                reader.read_to_end(&mut bytes).await.unwrap();
                bytes
            };
            let writing = async {
                for bytes in [ping(local, b"one"), ping(local, b"two"), their_close(local)] {
                    writer.write_all(&bytes).await.unwrap();
                    sleep(Duration::from_secs(1)).await;
                }
                writer.shutdown().await.unwrap();
            };
            tokio::join!(reading, writing).0
        });
        while finish(&mut framed, GOODBYE, Timeouts::DEFAULT).now_or_never().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
        drop(framed);
        let seen = parse(&peer.await.unwrap());
        let mut expected = parse(&[our_close(local), pong(local, b"one"), pong(local, b"two")].concat());
        expected.sort();
        let mut sorted = seen.clone();
        sorted.sort();
        assert_eq!(sorted, expected, "{seen:?}");
    }
}

/// A client masks every frame with a new key (5.3).
#[tokio::test(start_paused = true)]
async fn the_close_and_the_pongs_have_different_keys() {
    thread_local!(static KEYS: Cell<u32> = const { Cell::new(0x0102_0304) });
    let (io, mut peer) = duplex(1024);
    let codec = CloseCodec::client(|| KEYS.replace(KEYS.get().wrapping_mul(0x9e37_79b9)).to_be_bytes());
    let mut framed = Framed::new(io, codec);
    let peer = async {
        for payload in [b"one", b"two"] {
            peer.write_all(&frame(Role::Server, 0x89, payload)).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        peer.write_all(&their_close(Role::Client)).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut bytes = vec![];
        peer.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let ((), bytes) = tokio::join!(
        async {
            finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
            drop(framed);
        },
        peer
    );
    let seen = parse(&bytes);
    let payloads: Vec<_> = seen.iter().map(|(byte0, _, payload)| (*byte0, payload.as_slice())).collect();
    assert_eq!(payloads, [(0x88, &b"\x03\xe8bye"[..]), (0x8a, b"one"), (0x8a, b"two")]);
    let mut keys: Vec<_> = seen.iter().map(|(_, key, _)| key.unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

/// Yields one whole frame a call.
#[derive(Default)]
struct Frames {}

impl Decoder for Frames {
    type Item = Bytes;
    type Error = io::Error;
    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let Some(&second) = src.get(1) else { return Ok(None) };
        let len = usize::from(second & 0x7f) + if second & 0x80 == 0 { 2 } else { 6 };
        Ok((src.len() >= len).then(|| src.split_to(len).freeze()))
    }
}

/// The short frames in `bytes`, which must be whole: byte 0, masking key, payload.
fn parse(mut bytes: &[u8]) -> Vec<(u8, Option<[u8; 4]>, Vec<u8>)> {
    let mut frames = vec![];
    while let [byte0, byte1, rest @ ..] = bytes {
        let (key, rest) =
            if byte1 & 0x80 == 0 { (None, rest) } else { (Some(rest[..4].try_into().unwrap()), &rest[4..]) };
        let (payload, rest) = rest.split_at(usize::from(byte1 & 0x7f));
        let mask: [u8; 4] = key.unwrap_or_default();
        frames.push((*byte0, key, payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a frame: {bytes:02x?}");
    frames
}
