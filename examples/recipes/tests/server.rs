//! The server recipe as a program: each code, TLS, and a restart with a crowd of clients, some of them bad.

mod process;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use process::{Process, connect, frame, open};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use websocket_close::{Awaited, CloseFrame, ClosingHandshake, Loss, Role, TransportEnd};

/// Never reached by a client that behaves.
const LEISURE: Duration = Duration::from_secs(30);
const RESTART: &[u8] = b"\x88\x12\x03\xf4back in a minute";

async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(LEISURE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    bytes
}

async fn hear(stream: &mut (impl AsyncRead + Unpin), expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    timeout(LEISURE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(bytes, expected);
}

/// What comes behind the address of the client in the line of an ending.
fn line(process: &Process) -> String {
    let line = process.line(LEISURE).expect("no line");
    line.split_once(": ").unwrap().1.to_owned()
}

/// Stops the server, and returns what it counted.
fn tally(process: Process) -> BTreeMap<u16, usize> {
    process.terminate();
    let (status, lines) = process.wait(LEISURE);
    assert!(status.success(), "{status}");
    let counts = lines.iter().filter_map(|line| line.split_once(" times "));
    counts.map(|(count, code)| (code[..4].parse().unwrap(), count.parse().unwrap())).collect()
}

/// What a client sends, the Close that it gets, the event, and the code that is counted.
#[tokio::test]
async fn each_code() {
    let lost = "1006 (abnormal closure), not clean; ";
    let mut too_big = frame(0x82, &vec![0; (1 << 20) + 1]);
    too_big.truncate(14);
    let half = vec![b'x'; 1 << 19];
    let in_pieces = [frame(0x01, &half), frame(0x00, &half), frame(0x80, b"x")].concat();
    let cases: [(&[u8], &[u8], &str, u16); 13] = [
        (&frame(0x88, b"\x03\xe8done"), b"\x88\x02\x03\xe8", "1000 (normal closure) \"done\", clean; ", 1000),
        (&frame(0x88, b"\x0f\xa1"), b"\x88\x02\x0f\xa1", "4001 (private use), clean; ", 4001),
        (&frame(0x88, b""), b"\x88\x00", "1005 (no status received), clean; ", 1005),
        (&frame(0x88, b"\x03\xed"), b"\x88\x02\x03\xea", lost, 1002),
        (&frame(0x88, b"\x03\xe8\xff"), b"\x88\x02\x03\xef", lost, 1007),
        (&frame(0x81, b"\xff"), b"\x88\x02\x03\xef", lost, 1007),
        (&too_big, b"\x88\x02\x03\xf1", lost, 1009),
        (&in_pieces, b"\x88\x02\x03\xf1", lost, 1009),
        (&frame(0x83, b""), b"\x88\x02\x03\xea", lost, 1002),
        (&frame(0x80, b"x"), b"\x88\x02\x03\xea", lost, 1002),
        (&frame(0xc1, b"x"), b"\x88\x02\x03\xea", lost, 1002),
        (&frame(0x09, b""), b"\x88\x02\x03\xea", lost, 1002),
        (b"\x81\x01x", b"\x88\x02\x03\xea", lost, 1002),
    ];
    let process = Process::start(&["server", "127.0.0.1:0"]);
    let mut counted = BTreeMap::new();
    for (sent, close, event, code) in cases {
        let mut client = connect(&process.address).await;
        client.write_all(sent).await.unwrap();
        let received = read_to_end(&mut client).await;
        drop(client);
        let line = line(&process);
        assert_eq!(received, close, "{code}: {line}");
        assert!(line.starts_with(event), "{code}: {line}");
        *counted.entry(code).or_insert(0) += 1;
    }
    // It echoes and answers pings, also between the pieces of a message.
    let mut client = connect(&process.address).await;
    client.write_all(&[frame(0x01, b"hel"), frame(0x89, b"p"), frame(0x80, b"lo")].concat()).await.unwrap();
    hear(&mut client, b"\x8a\x01p\x81\x05hello").await;
    drop(client);
    assert!(line(&process).starts_with(lost));
    // A reset is told as one.
    let client = connect(&process.address).await;
    client.set_zero_linger().unwrap();
    drop(client);
    let reset = ClosingHandshake::new(Role::Server).into_ending(TransportEnd::Lost(Loss::Reset));
    assert_eq!(line(&process), reset.to_string());
    // So is one that the server meets while it writes: it waits for this client, which does not read.
    let mut client = connect(&process.address).await;
    let texts = frame(0x81, &[b'x'; 100]).repeat(1000);
    while timeout(Duration::from_millis(500), client.write_all(&texts)).await.is_ok() {}
    client.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(line(&process), reset.to_string());
    counted.insert(1006, 3);
    assert_eq!(tally(process), counted);
}

#[tokio::test]
async fn over_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = std::env::temp_dir().join(format!("close-recipes-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| directory.join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    let process = Process::start(&["server", "127.0.0.1:0", certificate, key]);
    std::fs::remove_dir_all(&directory).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let connect = async || {
        let stream = TcpStream::connect(&process.address).await.unwrap();
        let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        open(&mut stream).await.unwrap();
        stream
    };
    let mut client = connect().await;
    client.write_all(&[frame(0x81, b"hi"), frame(0x88, b"\x03\xe8")].concat()).await.unwrap();
    // `read_to_end` fails without the server's close_notify.
    assert_eq!(read_to_end(&mut client).await, b"\x81\x02hi\x88\x02\x03\xe8");
    client.shutdown().await.unwrap();
    assert!(line(&process).starts_with("1000 (normal closure), clean; "));

    let mut told = connect().await;
    // Its echo says that it is being served.
    told.write_all(&frame(0x81, b"hi")).await.unwrap();
    hear(&mut told, b"\x81\x02hi").await;
    process.terminate();
    hear(&mut told, RESTART).await;
    told.write_all(&frame(0x88, b"\x03\xf4")).await.unwrap();
    assert_eq!(read_to_end(&mut told).await, b"");
    told.shutdown().await.unwrap();
    let (status, lines) = process.wait(LEISURE);
    assert!(status.success() && lines.contains(&"1 times 1012 Service Restart".to_owned()), "{lines:?}");
}

/// What a client of the crowd does when the server restarts.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Answers,
    /// It says nothing more, and reads.
    Silent,
    Floods,
    /// It has sent so much that the server's echo is stuck, and reads nothing.
    DoesNotRead,
    /// It sends a byte now and then, of a frame that never ends.
    Trickles,
    HangsUp,
}

/// Of a hundred clients five are bad.
fn kind(number: usize) -> Kind {
    match number % 100 {
        11 => Kind::Silent,
        22 => Kind::Floods,
        33 => Kind::DoesNotRead,
        44 => Kind::Trickles,
        55 => Kind::HangsUp,
        _ => Kind::Answers,
    }
}

/// Reads frames until a Close, whose payload it returns. None of them is longer than 125 bytes.
async fn read_close(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    loop {
        let mut header = [0; 2];
        stream.read_exact(&mut header).await.unwrap();
        let mut payload = vec![0; header[1].into()];
        stream.read_exact(&mut payload).await.unwrap();
        if header[0] == 0x88 {
            return payload;
        }
    }
}

/// A client from the moment on at which the server serves it.
async fn member(mut stream: TcpStream, kind: Kind) {
    match kind {
        Kind::HangsUp => {}
        Kind::DoesNotRead => {
            let text = frame(0x81, &vec![b'x'; 1 << 16]);
            while let Ok(Ok(())) = timeout(Duration::from_secs(1), stream.write_all(&text)).await {}
            sleep(LEISURE).await;
        }
        Kind::Answers => {
            let close = timeout(LEISURE, read_close(&mut stream)).await.unwrap();
            assert_eq!(close, RESTART[2..]);
            stream.write_all(&frame(0x88, &close[..2])).await.unwrap();
            assert_eq!(read_to_end(&mut stream).await, b"");
        }
        Kind::Silent => {
            let _ = timeout(LEISURE, stream.read_to_end(&mut Vec::new())).await;
        }
        Kind::Floods => {
            let (mut from, mut to) = stream.split();
            let flood = frame(0x81, b"x").repeat(1000);
            let mut nowhere = tokio::io::sink();
            tokio::select! {
                _ = tokio::io::copy(&mut from, &mut nowhere) => {}
                () = async { while to.write_all(&flood).await.is_ok() {} } => {}
            }
        }
        Kind::Trickles => {
            let mut frame = frame(0x82, &vec![0; 60000]).into_iter();
            while stream.write_all(&[frame.next().unwrap()]).await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_told_to_go() {
    // A descriptor for each client, and some for the rest. The server, a process of its own, asks for its own.
    let descriptors = rlimit::increase_nofile_limit(2048).unwrap();
    let count = usize::try_from(descriptors).unwrap().saturating_sub(200).min(1000) / 100 * 100;
    println!("{count} clients, {descriptors} descriptors");
    assert!(count > 0);
    let process = Process::start(&["server", "127.0.0.1:0"]);
    let mut members = JoinSet::new();
    let mut ready = Vec::new();
    for number in 0..count {
        let mut stream = connect(&process.address).await;
        stream.write_all(&frame(0x81, b"hi")).await.unwrap();
        ready.push((stream, kind(number)));
    }
    for (stream, kind) in ready.drain(..) {
        members.spawn(async move {
            let mut stream = stream;
            // Its echo says that it is being served.
            hear(&mut stream, b"\x81\x02hi").await;
            member(stream, kind).await;
        });
    }
    // The bad ones get going, and those that hang up are gone.
    for _ in 0..count / 100 {
        let hung_up = ClosingHandshake::new(Role::Server).into_ending(TransportEnd::InOrder);
        assert_eq!(line(&process), hung_up.to_string());
    }
    sleep(Duration::from_secs(2)).await;
    process.terminate();
    let waiting = tokio::task::spawn_blocking(|| process.wait(LEISURE));
    let (status, lines) = waiting.await.unwrap();
    assert!(status.success(), "{status}");
    members.abort_all();
    while let Some(member) = members.join_next().await {
        assert!(member.is_ok() || member.unwrap_err().is_cancelled(), "a client is not content");
    }

    let share = count / 100;
    let told = format!("{} connections are told to go", count - share);
    assert!(lines.contains(&told), "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with(" are left")), "no progress: {lines:?}");
    assert!(lines.contains(&"0 are cut off".to_owned()), "{lines:?}");
    assert!(lines.contains(&format!("{} times 1012 Service Restart", 95 * share)), "{lines:?}");
    assert!(lines.contains(&format!("{} times 1006 Abnormal Closure", 5 * share)), "{lines:?}");
    // Why each of them ended is in the log.
    let ended = |written: bool, awaited, discarded| {
        let mut closing = ClosingHandshake::new(Role::Server);
        let _close = closing.start(CloseFrame::from_static(1012, ""));
        if written {
            closing.mark_written();
        }
        let end = TransportEnd::Cut { awaited, after: Duration::from_secs(5), discarded };
        let ending = closing.into_ending(end).to_string();
        lines.iter().filter(|line| line.split_once(": ").is_some_and(|(_, line)| line.starts_with(&ending))).count()
    };
    assert_eq!(ended(true, Awaited::Close, Some(0)), share, "silent");
    // How much they sent differs. An echo that is stuck keeps our Close back, but a flood may do the same.
    let (unanswered, unwritten) = (ended(true, Awaited::Close, None), ended(false, Awaited::Write, None));
    assert_eq!(unanswered + unwritten, 4 * share);
    assert!(unwritten >= share, "not reading: {unwritten}");
}
