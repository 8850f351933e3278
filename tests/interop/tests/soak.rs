//! A server ends many connections with bad peers, over TCP and over TLS. Each ends within its time, and each peer that
//! goes on reading sees our Close and then the end. `SOAK=1000` runs 1,000 connections of each kind; the default is
//! 100.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::codec::Framed;
use websocket_close::codec::{Bare, CloseCodec, Finished, Timeouts, finish};
use websocket_close::{Awaited, CloseFrame, Loss, TransportEnd};

const GOODBYE: CloseFrame<'static> = CloseFrame::from_static(1001, "bye");
/// How long the server waits for the Closes, and for the end.
const CLOSE: Duration = Duration::from_millis(800);
const END: Duration = Duration::from_millis(400);
/// How many connections run at the same time.
const AT_ONCE: usize = 100;

const OUR_CLOSE: &[u8] = b"\x88\x05\x03\xe9bye";
const OUR_ECHO: &[u8] = b"\x88\x02\x0f\xa0";
const THEIR_CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x0f\xa0";

/// What a peer does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Peer {
    NeverReads,
    /// Sends one long frame, a byte now and then.
    Trickles,
    /// Sends and reads as fast as it can.
    Floods,
    /// Resets the connection before it does anything else, after it has read our Close, or after it has sent its own.
    ResetsAtOnce,
    ResetsAfterOurClose,
    ResetsAfterItsClose,
    HalfClosesAfterItsClose,
    HalfClosesAfterOurs,
    /// Sends the bytes of a Close inside a frame of 2^62 bytes.
    ClosesInsideAGiantFrame,
}

const PEERS: [Peer; 9] = [
    Peer::NeverReads,
    Peer::Trickles,
    Peer::Floods,
    Peer::ResetsAtOnce,
    Peer::ResetsAfterOurClose,
    Peer::ResetsAfterItsClose,
    Peer::HalfClosesAfterItsClose,
    Peer::HalfClosesAfterOurs,
    Peer::ClosesInsideAGiantFrame,
];

impl Peer {
    fn resets(self) -> bool {
        matches!(self, Self::ResetsAtOnce | Self::ResetsAfterOurClose | Self::ResetsAfterItsClose)
    }

    /// Whether it reads until the connection ends.
    fn reads_on(self) -> bool {
        !self.resets() && self != Self::NeverReads
    }
}

/// Plays the peer, and returns what it has read. If the socket has a linger time of zero, dropping it resets the
/// connection.
async fn act(peer: Peer, io: impl AsyncRead + AsyncWrite + Unpin) -> Vec<u8> {
    let mut bytes = vec![];
    let (mut reader, mut writer) = tokio::io::split(io);
    let mut buffer = vec![0; 64 * 1024];
    match peer {
        Peer::NeverReads => sleep(CLOSE + 2 * END).await,
        Peer::ResetsAtOnce => {}
        Peer::ResetsAfterOurClose => _ = reader.read(&mut buffer).await,
        Peer::ResetsAfterItsClose => {
            let _ = writer.write_all(THEIR_CLOSE).await;
            let _ = writer.flush().await;
        }
        Peer::HalfClosesAfterItsClose | Peer::HalfClosesAfterOurs => {
            if peer == Peer::HalfClosesAfterOurs {
                let count = reader.read(&mut buffer).await.unwrap();
                bytes.extend(&buffer[..count]);
            }
            let _ = writer.write_all(THEIR_CLOSE).await;
            let _ = writer.shutdown().await;
            read_on(&mut reader, &mut bytes).await;
        }
        Peer::Trickles | Peer::Floods | Peer::ClosesInsideAGiantFrame => {
            let giant = b"\x82\xff\x40\0\0\0\0\0\0\0\0\0\0\0";
            let sending = async {
                let _ = writer.write_all(giant).await;
                loop {
                    let unit: &[u8] = match peer {
                        Peer::Trickles => b"x",
                        Peer::Floods => &[b'x'; 16 * 1024],
                        _ => THEIR_CLOSE,
                    };
                    if writer.write_all(unit).await.is_err() || writer.flush().await.is_err() {
                        break;
                    }
                    if peer != Peer::Floods {
                        sleep(Duration::from_millis(20)).await;
                    }
                }
                // It can no longer write to the server, but it goes on reading.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = read_on(&mut reader, &mut bytes) => {}
                () = sending => {}
            }
        }
    }
    bytes
}

/// Reads until the end or an error.
async fn read_on(reader: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        bytes.extend(&buffer[..count]);
    }
}

/// Ends a connection with a `Bare` or with a `Framed`.
async fn end(io: impl AsyncRead + AsyncWrite + Unpin, bare: bool, blocked: bool) -> Finished {
    let timeouts = Timeouts::DEFAULT.close(CLOSE).end(END);
    // More than the buffers of both sockets hold.
    let queued = if blocked { [&[0x82, 0x7f, 0, 0, 0, 0, 2, 0, 0, 0][..], &vec![0; 1 << 25]].concat() } else { vec![] };
    if bare {
        let mut bare = Bare::new(io, CloseCodec::server());
        bare.write_buffer.extend_from_slice(&queued);
        bare.finish(GOODBYE, timeouts).await
    } else {
        let mut framed = Framed::new(io, CloseCodec::server());
        framed.write_buffer_mut().extend_from_slice(&queued);
        finish(&mut framed, GOODBYE, timeouts).await
    }
}

/// Checks what both ends have seen of one connection.
fn check(peer: Peer, finished: &Finished, took: Duration, read: &[u8], tls: bool) {
    let (ending, case) = (&finished.ending, format!("{peer:?}, TLS: {tls}: {}, {took:?}", finished.ending));
    // Deadlines are kept. The factor leaves room for a busy machine.
    assert!(took < 4 * (CLOSE + END), "{case}");
    let (event, closing, end) = (ending.event(), ending.closing(), ending.transport_end());
    // Clean means that both Closes are done.
    assert_eq!(event.was_clean(), closing.theirs().is_some() && closing.is_written(), "{case}");
    match peer {
        Peer::NeverReads => {
            assert!(matches!(end, TransportEnd::Cut { awaited: Awaited::Write, after: CLOSE, .. }), "{case}");
        }
        Peer::Trickles | Peer::Floods | Peer::ClosesInsideAGiantFrame => {
            let TransportEnd::Cut { awaited: Awaited::Close, after: CLOSE, discarded: Some(bytes) } = end else {
                panic!("{case}");
            };
            assert!(bytes > 0, "{case}");
            assert_eq!((event.code(), closing.is_written()), (1006, true), "{case}");
        }
        Peer::ResetsAtOnce | Peer::ResetsAfterOurClose => {
            assert_eq!(event.code(), 1006, "{case}");
            // With TLS a reset can hit the last messages of the TLS handshake, and the kernel reports a broken pipe.
            assert!(matches!(end, TransportEnd::Lost(Loss::Reset | Loss::BrokenPipe)), "{case}");
        }
        Peer::ResetsAfterItsClose => {
            // The reset may destroy their Close on its way.
            assert!([1006, 4000].contains(&event.code()), "{case}");
        }
        Peer::HalfClosesAfterItsClose | Peer::HalfClosesAfterOurs => {
            assert_eq!((event.code(), event.was_clean()), (4000, true), "{case}");
            assert_eq!(end, TransportEnd::InOrder, "{case}");
            assert!(finished.io_error.is_none(), "{case}");
        }
    }
    if peer.reads_on() {
        // It has read one Close and nothing else: the answer if its Close was first, otherwise our own.
        assert!([OUR_CLOSE, OUR_ECHO].contains(&read), "{case} {read:02x?}");
    }
}

async fn soak(connections: usize, tls: Option<(TlsAcceptor, TlsConnector)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for peer in PEERS {
        let begun = Instant::now();
        let (mut done, mut tasks) = (0, JoinSet::new());
        for number in 0..connections {
            if tasks.len() == AT_ONCE {
                tasks.join_next().await.unwrap().unwrap();
            }
            let (theirs, ours) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (theirs, ours) = (theirs.unwrap(), ours.unwrap().0);
            if peer.resets() {
                socket2::SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
            }
            let (bare, blocked, tls) = (number % 2 == 0, peer == Peer::NeverReads, tls.clone());
            done += 1;
            tasks.spawn(async move {
                let with_tls = tls.is_some();
                let both = async {
                    match tls {
                        None => tokio::join!(timed(end(ours, bare, blocked)), act(peer, theirs)),
                        Some((acceptor, connector)) => {
                            let name = ServerName::try_from("localhost").unwrap();
                            let (ours, theirs) = tokio::join!(acceptor.accept(ours), connector.connect(name, theirs));
                            tokio::join!(timed(end(ours.unwrap(), bare, blocked)), act(peer, theirs.unwrap()))
                        }
                    }
                };
                let ((finished, took), read) = timeout(Duration::from_secs(100), both).await.expect("a hang");
                check(peer, &finished, took, &read, with_tls);
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        println!("{peer:?}, TLS: {}: {done} connections in {:?}", tls.is_some(), begun.elapsed());
    }
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    (work.await, begun.elapsed())
}

fn connections() -> usize {
    std::env::var("SOAK").map_or(100, |number| number.parse().expect("SOAK is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_peers_over_tcp_are_ended_in_time() {
    soak(connections(), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_peers_over_tls_are_ended_in_time() {
    soak(connections(), Some(tls())).await;
}

/// TCP ends without TLS's `close_notify`. After both Closes this is harmless. Before, somebody may have truncated the
/// stream.
#[tokio::test]
async fn tls_that_ends_without_close_notify_is_reported() {
    for closes in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (theirs, ours) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (acceptor, connector) = tls();
        let name = ServerName::try_from("localhost").unwrap();
        let (ours, theirs) = tokio::join!(acceptor.accept(ours.unwrap().0), connector.connect(name, theirs.unwrap()));
        let peer = async {
            let mut theirs = theirs.unwrap();
            if closes {
                theirs.write_all(THEIR_CLOSE).await.unwrap();
                theirs.read_exact(&mut [0; OUR_ECHO.len()]).await.unwrap();
            }
            // Shuts down the socket below, so that TLS sends no `close_notify`.
            theirs.into_inner().0.shutdown().await.unwrap();
        };
        let (finished, ()) = tokio::join!(end(ours.unwrap(), false, false), peer);
        println!("{}", finished.ending);
        assert_eq!(finished.ending.transport_end(), TransportEnd::WithoutCloseNotify);
        assert_eq!(finished.ending.event().was_clean(), closes);
        let kind = finished.io_error.map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::UnexpectedEof).filter(|_| !closes));
    }
}

/// Both ends of TLS, with a self-signed certificate.
fn tls() -> (TlsAcceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert);
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}
