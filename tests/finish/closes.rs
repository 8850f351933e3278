//! Who closes first, what counts, and who ends the transport.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_peer_closes_first() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        peer.write_all(&their_close(local)).await.unwrap();
        assert!(matches!(framed.next().await, Some(Ok(Message::Close(_)))));
        let peer = tokio::spawn(async move {
            let mut answer = vec![0; frame(local, 0x88, b"\x03\xe9").len()];
            peer.read_exact(&mut answer).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            peer.shutdown().await.unwrap();
            answer
        });
        // The server has ended its side at once, and waits for theirs as the client does.
        assert_eq!(expect(&mut framed, CLEAN, 1_000).await, None);
        // The answer has their code, not ours.
        assert_eq!(peer.await.unwrap(), frame(local, 0x88, b"\x03\xe9"));
    }
}

/// The server ends the transport first, the client when it has seen that; neither before both Closes.
#[tokio::test(start_paused = true)]
async fn the_server_ends_first() {
    for (server_waits, client_waits) in [(0, 0), (1, 0), (0, 1)] {
        let (server, client) = duplex(1024);
        let (mut server, mut client) = (connection(Role::Server, server), connection(Role::Client, client));
        client.get_mut().log = server.get_ref().log.clone();
        let both = async {
            tokio::join!(
                async {
                    sleep(Duration::from_secs(server_waits)).await;
                    finish(&mut server, CloseFrame::from_static(1001, ""), Timeouts::DEFAULT).await
                },
                async {
                    sleep(Duration::from_secs(client_waits)).await;
                    finish(&mut client, CloseFrame::from_static(1001, ""), Timeouts::DEFAULT).await
                },
            )
        };
        let ((of_server, of_client), took) = timed(both).await;
        for finished in [&of_server, &of_client] {
            assert_event(finished, (1001, "", true), "");
        }
        assert!(of_server.io_error.is_none() && of_client.io_error.is_none());
        assert!(took < Duration::from_millis(1_100), "{took:?}");

        let log = server.get_ref().log.borrow();
        let place = |entry: &(Role, Call)| log.iter().position(|other| other == entry).unwrap();
        let ends = [
            (Role::Server, Call::Shutdown),
            (Role::Client, Call::End),
            (Role::Client, Call::Shutdown),
            (Role::Server, Call::End),
        ];
        assert!(ends.windows(2).all(|pair| place(&pair[0]) < place(&pair[1])), "{log:?}");
        for local in ROLES {
            let shutdown = place(&(local, Call::Shutdown));
            let close = |from| frame(from, 0x88, b"\x03\xe9");
            assert!(place(&(local, Call::Write(close(local)))) < shutdown);
            assert!(place(&(local, Call::Read(close(local.peer())))) < shutdown);
        }
        drop(log);
    }
}

/// Nothing is shut down while the peer's Close is awaited, which some stacks take for the end.
#[tokio::test(start_paused = true)]
async fn half_closed_after_both_closes_only() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let ending = async {
            sleep(Duration::from_secs(5)).await;
            peer.write_all(&their_close(local)).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            peer.shutdown().await.unwrap();
        };
        let (error, ()) = tokio::join!(expect(&mut framed, CLEAN, 6_000), ending);
        assert_eq!(error, None);
        let (write, read) = (Call::Write(our_close(local)), Call::Read(their_close(local)));
        match local {
            Role::Server => assert_eq!(framed.get_ref().calls(), [write, read, Call::Shutdown, Call::End]),
            Role::Client => assert_eq!(framed.get_ref().calls(), [write, read, Call::End, Call::Shutdown]),
        }
    }
}

/// A Close that has been read and not yet yielded is answered, not crossed by ours.
#[tokio::test(start_paused = true)]
async fn a_close_in_the_read_buffer() {
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        framed.read_buffer_mut().extend_from_slice(&their_close(local));
        assert_eq!(expect(&mut framed, CLEAN, 2_000).await, None);
        assert_eq!(framed.get_ref().written(), our_echo(local));
        assert_eq!(framed.codec().closing().closed_first(), Some(local.peer()));
    }
}

#[tokio::test(start_paused = true)]
async fn unsent_data_goes_before_the_close() {
    for local in ROLES {
        let (mut framed, mut peer) = pair(local);
        let data = frame(local, 0x82, b"data");
        framed.feed(other(&data)).await.unwrap();
        peer.write_all(&their_close(local)).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
        assert_eq!(framed.get_ref().written(), [data, our_echo(local)].concat());
    }
}

/// A Close that was fed but not flushed is not written twice, and is the one that counts.
#[tokio::test(start_paused = true)]
async fn a_close_that_was_sent_before() {
    for local in ROLES {
        for flush in [false, true] {
            let (mut framed, mut peer) = pair(local);
            framed.feed(Message::<Bytes>::from(CloseFrame::from_static(4000, "first"))).await.unwrap();
            if flush {
                SinkExt::<Message<Bytes>>::flush(&mut framed).await.unwrap();
            }
            peer.write_all(&their_close(local)).await.unwrap();
            peer.shutdown().await.unwrap();
            assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
            assert_eq!(framed.get_ref().written(), frame(local, 0x88, b"\x0f\xa0first"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_discarded() {
    for local in ROLES {
        let from = local.peer();
        let (mut framed, mut peer) = pair(local);
        // Some of it is in the read buffer already, cut inside a frame.
        let text = frame(from, 0x81, b"text");
        let in_flight = [
            &text[..],
            &text,
            &frame(from, 0x89, b"ping"),
            &frame(from, 0x01, b"frag"),
            &their_close(local),
            &text,
            b"\xff",
        ];
        let (now, later) = (&in_flight.concat()[..text.len() + 3], &in_flight.concat()[text.len() + 3..]);
        peer.write_all(now).await.unwrap();
        assert!(matches!(framed.next().await, Some(Ok(Message::Other(_)))));
        peer.write_all(later).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
        // Neither pong nor second Close.
        assert_eq!(framed.get_ref().written(), our_echo(local));
    }
}

/// Whatever the codec had seen of the buffer when `finish` is called.
#[tokio::test(start_paused = true)]
async fn what_is_in_the_read_buffer_counts() {
    for local in ROLES {
        let from = local.peer();
        let bytes = [frame(from, 0x81, b"text"), their_close(local), frame(from, 0x81, b"text")].concat();
        // At once and in two parts, after as many items as there are, and some more that wait for the second part.
        for cut in 1..=bytes.len() {
            for items in 0..12 {
                let (ours, mut peer) = duplex(1024);
                let mut framed = Framed::new(ours, codec(local).wrap(Bytewise));
                peer.write_all(&bytes[..cut]).await.unwrap();
                for _ in 0..items {
                    let _ = framed.next().now_or_never();
                }
                peer.write_all(&bytes[cut..]).await.unwrap();
                peer.shutdown().await.unwrap();
                let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
                assert_event(&finished, CLEAN, &format!("{cut} bytes, {items} items"));
                assert!(finished.io_error.is_none());
            }
        }
    }
}

/// Whoever empties the read buffer has lost what was in it, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_read_buffer_that_was_emptied() {
    for local in ROLES {
        let (ours, mut peer) = duplex(1024);
        let mut framed = Framed::new(ours, codec(local).wrap(Bytewise));
        let bytes = [frame(local.peer(), 0x81, b"text"), their_close(local)].concat();
        peer.write_all(&bytes).await.unwrap();
        assert!(matches!(framed.next().await, Some(Ok(Message::Other(_)))));
        framed.read_buffer_mut().clear();
        let finished = finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await;
        assert_event(&finished, CLEAN, "");
    }
}

/// More than is read in one go, all of it there: it takes no time.
#[tokio::test(start_paused = true)]
async fn much_at_once() {
    for local in ROLES {
        let (ours, mut peer) = duplex(1 << 20);
        let mut framed = connection(local, ours);
        let data = frame(local.peer(), 0x82, &[b'x'; 100]).repeat(2_000);
        for bytes in [&data, &their_close(local), &data] {
            peer.write_all(bytes).await.unwrap();
        }
        peer.shutdown().await.unwrap();
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
    }
}

/// Two ends that each wait for the other to read would hang.
#[tokio::test(start_paused = true)]
async fn both_with_full_pipes() {
    let (server, client) = duplex(64);
    let (mut server, mut client) = (connection(Role::Server, server), connection(Role::Client, client));
    for framed in [&mut server, &mut client] {
        let local = framed.get_ref().local;
        framed.set_backpressure_boundary(usize::MAX);
        for _ in 0..1000 {
            framed.feed(other(&frame(local, 0x82, &[b'x'; 100]))).await.unwrap();
        }
    }
    let (server, client) = tokio::join!(
        finish(&mut server, CloseFrame::from_static(1001, "s"), Timeouts::DEFAULT),
        finish(&mut client, CloseFrame::from_static(1001, "c"), Timeouts::DEFAULT),
    );
    assert_event(&server, (1001, "c", true), "");
    assert_event(&client, (1001, "s", true), "");
    assert!(server.io_error.is_none() && client.io_error.is_none());
}

/// Neither does one that has more to say behind its Close, and reads only then.
#[tokio::test(start_paused = true)]
async fn a_peer_that_writes_before_it_reads() {
    for local in ROLES {
        let (ours, mut peer) = duplex(64);
        let mut framed = connection(local, ours);
        let unsent = frame(local, 0x82, &[b'x'; 100]);
        framed.feed(other(&unsent)).await.unwrap();
        let peer = tokio::spawn(async move {
            peer.write_all(&their_close(local)).await.unwrap();
            peer.write_all(&[0xff; 1000]).await.unwrap();
            peer.shutdown().await.unwrap();
            let mut bytes = vec![];
            peer.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        assert_eq!(expect(&mut framed, CLEAN, 0).await, None);
        drop(framed);
        assert_eq!(peer.await.unwrap(), [unsent, our_close(local)].concat());
    }
}

/// A `shutdown` that has something to write waits for the peer to read, and the peer perhaps for us.
#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_shutting_down() {
    let (io, mut peer) = duplex(8);
    let peer = tokio::spawn(async move {
        // More than there is room for, and only then a look at what has come.
        peer.write_all(&[&their_close(Role::Server)[..], &[b'x'; 64]].concat()).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut bytes = vec![];
        peer.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    let mut wire = Wire::new(Role::Server, io);
    // Says goodbye before it shuts down, as TLS does.
    let mut goodbye = &b"that was all"[..];
    wire.on_shutdown = Box::new(move |io, cx| {
        while !goodbye.is_empty() {
            let Poll::Ready(count) = Pin::new(&mut *io).poll_write(cx, goodbye)? else { return Poll::Pending };
            goodbye = &goodbye[count..];
        }
        Pin::new(io).poll_shutdown(cx)
    });
    let mut framed = Framed::new(wire, CloseCodec::server());
    let (finished, took) = timed(finish(&mut framed, GOODBYE, Timeouts::DEFAULT)).await;
    assert_event(&finished, CLEAN, "");
    assert_eq!(took.as_secs(), 0);
    drop(framed);
    assert_eq!(peer.await.unwrap(), [&our_close(Role::Server)[..], b"that was all"].concat());
}

/// On TCP, closing a socket with unread bytes in it resets the connection, and the reset destroys our Close on its way.
#[tokio::test]
async fn unread_data_resets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (io, _) = listener.accept().await.unwrap();
        let mut framed = Framed::new(io, CloseCodec::server());
        finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await
    };
    let client = async {
        let mut io = TcpStream::connect(address).await.unwrap();
        // A megabyte that nobody wants, then the Close, then more; read only when all is sent.
        for _ in 0..10_000 {
            io.write_all(&frame(Role::Client, 0x82, &[b'x'; 100])).await.unwrap();
        }
        io.write_all(&their_close(Role::Server)).await.unwrap();
        for _ in 0..10_000 {
            io.write_all(&frame(Role::Client, 0x82, &[b'x'; 100])).await.unwrap();
        }
        let mut bytes = vec![];
        io.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let (finished, bytes) = timeout(Duration::from_secs(30), async { tokio::join!(server, client) }).await.unwrap();
    assert_event(&finished, CLEAN, "");
    assert!(finished.io_error.is_none());
    assert_eq!(bytes, our_close(Role::Server));
}

#[tokio::test(start_paused = true)]
async fn twice() {
    for local in ROLES {
        // Silent; closed; reset; failed.
        for (sent, fails, event, millis) in [
            (vec![], false, ABNORMAL, 10_000),
            (their_close(local), false, CLEAN, 2_000),
            (their_close(local), true, ABNORMAL, 0),
            (frame(local.peer(), 0x88, b"\x03"), false, ABNORMAL, 2_000),
        ] {
            let (mut framed, mut peer) = pair(local);
            peer.write_all(&sent).await.unwrap();
            framed.get_mut().fails = Box::new(move |_, _| RESET.filter(|_| fails));
            expect(&mut framed, event, millis).await;
            let written = framed.get_ref().written();
            // With another frame, which comes too late.
            let again = finish(&mut framed, CloseFrame::from_static(4000, ""), Timeouts::DEFAULT);
            let (finished, took) = timed(again).await;
            assert_event(&finished, event, "");
            assert!(took < Duration::from_millis(5), "{took:?}");
            assert_eq!(framed.get_ref().written(), written);
        }
    }
}

/// The loops that programs write all end at the peer's Close, by `Closed` or before, and reach `finish`, which answers it.
#[tokio::test]
async fn every_loop_ends_at_their_close() {
    /// Takes every item apart, and leaves at an error.
    async fn matching(framed: &mut Framed<TcpStream, CloseCodec<BytesCodec>>) {
        while let Some(message) = framed.next().await {
            match message {
                Ok(Message::Close(_) | Message::Other(_)) => {}
                Err(error) => {
                    assert!(error.is_closed());
                    break;
                }
            }
        }
    }
    /// Looks at nothing, as `for_each` does.
    async fn draining(framed: &mut Framed<TcpStream, CloseCodec<BytesCodec>>) {
        framed.for_each(|_| std::future::ready(())).await;
    }
    /// Leaves at a Close.
    async fn leaving(framed: &mut Framed<TcpStream, CloseCodec<BytesCodec>>) {
        while let Some(Ok(Message::Other(_))) = framed.next().await {}
    }
    /// Passes errors on. `Closed` is one of them, and no failure.
    async fn asking(framed: &mut Framed<TcpStream, CloseCodec<BytesCodec>>) -> Result<(), Error<io::Error>> {
        while let Some(message) = framed.next().await {
            let _ = message?;
        }
        Ok(())
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for variant in 0..4 {
        let (peer, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut peer, server) = (peer.unwrap(), server.unwrap().0);
        peer.write_all(&[frame(Role::Client, 0x82, b"data"), their_close(Role::Server)].concat()).await.unwrap();
        let mut framed = Framed::new(server, CloseCodec::server().wrap(BytesCodec::new()));
        let looped = async {
            match variant {
                0 => matching(&mut framed).await,
                1 => draining(&mut framed).await,
                2 => leaving(&mut framed).await,
                _ => assert!(asking(&mut framed).await.is_err_and(|error| error.is_closed())),
            }
        };
        // The peer waits for the answer, and ends nothing before.
        timeout(Duration::from_secs(5), looped).await.unwrap();
        let answered = async {
            let mut answer = vec![0; our_echo(Role::Server).len()];
            peer.read_exact(&mut answer).await.unwrap();
            drop(peer);
            answer
        };
        let (finished, answer) = tokio::join!(finish(&mut framed, GOODBYE, Timeouts::DEFAULT), answered);
        assert_event(&finished, CLEAN, "");
        assert_eq!(answer, our_echo(Role::Server));
    }
}
