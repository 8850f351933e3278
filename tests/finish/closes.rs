//! Who closes first, what counts, and who ends the transport.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_first_gets_its_code_back() {
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
        // The server ends its side at once. Then it waits for the peer's end, as the client does.
        assert_eq!(expect(&mut framed, CLEAN, 1_000).await, None);
        // The answer has their code, not ours.
        assert_eq!(peer.await.unwrap(), frame(local, 0x88, b"\x03\xe9"));
    }
}

/// The server ends the transport first. The client ends its side when it has seen that. Neither does so before both
/// Closes.
#[tokio::test(start_paused = true)]
async fn the_server_ends_the_transport_first() {
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

/// Some stacks take a half-closed transport for its end. So nothing is shut down while the peer's Close is awaited.
#[tokio::test(start_paused = true)]
async fn nothing_is_shut_down_before_both_closes() {
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

/// Their Close has been read but not yielded. Our Close answers it.
#[tokio::test(start_paused = true)]
async fn a_close_in_the_read_buffer_is_answered() {
    for local in ROLES {
        let (mut framed, _peer) = pair(local);
        framed.read_buffer_mut().extend_from_slice(&their_close(local));
        assert_eq!(expect(&mut framed, CLEAN, 2_000).await, None);
        assert_eq!(framed.get_ref().written(), our_echo(local));
        assert_eq!(framed.codec().closing().closed_first(), Some(local.peer()));
    }
}

#[tokio::test(start_paused = true)]
async fn unsent_data_goes_out_before_the_close() {
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

/// The program has fed a Close, and perhaps flushed it. `finish` writes no other one.
#[tokio::test(start_paused = true)]
async fn a_close_sent_before_finish_is_the_only_one() {
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
async fn frames_in_flight_are_discarded() {
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
        // There is no pong and no second Close.
        assert_eq!(framed.get_ref().written(), our_echo(local));
    }
}

/// It does not matter how much of the buffer the codec had seen before `finish` was called.
#[tokio::test(start_paused = true)]
async fn bytes_in_the_read_buffer_count() {
    for local in ROLES {
        let from = local.peer();
        let bytes = [frame(from, 0x81, b"text"), their_close(local), frame(from, 0x81, b"text")].concat();
        // The bytes come at once or in two parts, and the program reads any number of items, or tries to read more.
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

/// A program that clears the read buffer loses what was in it, and nothing else.
#[tokio::test(start_paused = true)]
async fn clearing_the_read_buffer_loses_only_its_content() {
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

/// More data than one read takes. All of it has arrived.
#[tokio::test(start_paused = true)]
async fn data_that_has_already_arrived_takes_no_time() {
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

/// Both ends have more to write than the pipe takes. They would hang if each waited for the other to read.
#[tokio::test(start_paused = true)]
async fn two_ends_with_full_pipes_do_not_hang() {
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

/// The peer sends more behind its Close, and reads only after that.
#[tokio::test(start_paused = true)]
async fn a_peer_that_writes_everything_before_it_reads_does_not_hang() {
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

/// A `shutdown` that has something to write waits for the peer to read. The peer may be waiting for us to read.
#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_shutting_down() {
    let (io, mut peer) = duplex(8);
    let peer = tokio::spawn(async move {
        // Writes more than there is room for, and reads only after that.
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

/// Closing a TCP socket with unread bytes in it resets the connection. The reset can destroy our Close on its way.
#[tokio::test]
async fn unread_data_does_not_reset_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (io, _) = listener.accept().await.unwrap();
        let mut framed = Framed::new(io, CloseCodec::server());
        finish(&mut framed, GOODBYE, Timeouts::DEFAULT).await
    };
    let client = async {
        let mut io = TcpStream::connect(address).await.unwrap();
        // A megabyte of data, the Close, and another megabyte. The client reads only when all is sent.
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
async fn a_second_finish_returns_the_same_event() {
    for local in ROLES {
        // A peer that is silent, that closes, that resets, and that sends a malformed Close.
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
            // The other Close comes too late.
            let again = finish(&mut framed, CloseFrame::from_static(4000, ""), Timeouts::DEFAULT);
            let (finished, took) = timed(again).await;
            assert_event(&finished, event, "");
            assert!(took < Duration::from_millis(5), "{took:?}");
            assert_eq!(framed.get_ref().written(), written);
        }
    }
}

/// Programs write different loops. Each of them ends at the peer's Close, and then `finish` answers it.
#[tokio::test]
async fn every_loop_ends_at_their_close() {
    /// Matches every item, and leaves at an error.
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
    /// Ignores every item.
    async fn draining(framed: &mut Framed<TcpStream, CloseCodec<BytesCodec>>) {
        framed.for_each(|_| std::future::ready(())).await;
    }
    /// Leaves at a Close.
    async fn leaving(framed: &mut Framed<TcpStream, CloseCodec<BytesCodec>>) {
        while let Some(Ok(Message::Other(_))) = framed.next().await {}
    }
    /// Returns errors. `Closed` is one of them, although it is not a failure.
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
        // The peer ends nothing before it has the answer.
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
