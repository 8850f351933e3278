//! The chat example, both kinds of its connections, against raw clients on loopback: what they hear, how each
//! connection ends, and that it ends in time.
#![cfg(feature = "codec")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use websocket_close::codec::Timeouts;
use websocket_close::{Awaited, Ending, Loss, Role, TransportEnd};

#[path = "../examples/chat.rs"]
#[allow(dead_code, reason = "its `main`")]
mod chat;

use chat::Room;

/// How long clients that misbehave are waited for.
const SHORT: Duration = Duration::from_millis(300);
/// For clients that behave; never reached.
const LONG: Duration = Duration::from_secs(30);

const RESTART: &[u8] = b"\x88\x12\x03\xf4back in a minute";

fn short() -> Room {
    Room::new(SHORT, Timeouts::DEFAULT.close(SHORT).end(SHORT))
}

fn long() -> Room {
    Room::new(LONG, Timeouts::DEFAULT.close(LONG).end(LONG))
}

/// A client's frame. The key is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let header = match len {
        0..=125 => vec![first, 0x80 | u8::try_from(len).unwrap(), 0, 0, 0, 0],
        _ => [&[first, 0xfe], &u16::try_from(len).unwrap().to_be_bytes()[..], &[0; 4]].concat(),
    };
    [&header, payload].concat()
}

/// A connection: the client's end, and the ending that the server reports. Its buffers are small, so they fill up soon.
async fn connect(room: &Room, bare: bool) -> (TcpStream, JoinHandle<Ending>) {
    let [server, client] = [(); 2].map(|()| TcpSocket::new_v4().unwrap());
    server.set_send_buffer_size(4096).unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = server.listen(1).unwrap();
    let client = client.connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let room = room.clone();
    let serving = tokio::spawn(async move {
        if bare {
            chat::serve_bare(server, room).await.unwrap()
        } else {
            chat::serve_framed(server, room).await.unwrap()
        }
    });
    (client, serving)
}

async fn hear(client: &mut TcpStream, expected: &[u8]) {
    let mut heard = vec![0; expected.len()];
    timeout(LONG, client.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_client_resets() {
    for bare in [false, true] {
        let (mut client, serving) = connect(&long(), bare).await;
        // Its pong tells that it is in the room.
        client.write_all(&frame(0x89, b"in?")).await.unwrap();
        hear(&mut client, b"\x8a\x03in?").await;
        client.set_zero_linger().unwrap();
        drop(client);
        let ending = timeout(LONG, serving).await.unwrap().unwrap();
        assert_eq!(ending.transport_end(), TransportEnd::Lost(Loss::Reset), "{ending}");
        assert_eq!(ending.closing().ours(), None, "{ending}");
    }
}

/// Reads to the end, closes, and returns what was read and how the server says it ended.
async fn rest(mut client: TcpStream, serving: JoinHandle<Ending>) -> (Vec<u8>, Ending) {
    let mut rest = Vec::new();
    timeout(LONG, client.read_to_end(&mut rest)).await.unwrap().unwrap();
    drop(client);
    (rest, timeout(LONG, serving).await.unwrap().unwrap())
}

#[tokio::test]
async fn they_talk_and_the_server_stops() {
    let room = long();
    let mut clients = Vec::new();
    for bare in [false, true] {
        let (mut client, serving) = connect(&room, bare).await;
        // Its pong tells that it is in the room.
        client.write_all(&frame(0x89, b"in?")).await.unwrap();
        hear(&mut client, b"\x8a\x03in?").await;
        clients.push((client, serving));
    }
    clients[0].0.write_all(&frame(0x81, b"hello")).await.unwrap();
    for (client, _) in &mut clients {
        hear(client, b"\x81\x05hello").await;
    }
    // Byte by byte, and long enough for the longer header.
    let long = "é".repeat(100);
    for byte in frame(0x81, long.as_bytes()) {
        clients[1].0.write_all(&[byte]).await.unwrap();
    }
    for (client, _) in &mut clients {
        hear(client, &[&[0x81, 126, 0, 200], long.as_bytes()].concat()).await;
    }
    room.stop.cancel();
    for (mut client, serving) in clients {
        hear(&mut client, RESTART).await;
        client.write_all(&frame(0x88, b"\x03\xf4")).await.unwrap();
        let (nothing, ending) = rest(client, serving).await;
        assert_eq!(nothing, b"");
        assert_eq!(ending.event().to_string(), "1012 (service restart), clean");
        assert_eq!(ending.closing().closed_first(), Some(Role::Server));
        assert_eq!(ending.transport_end(), TransportEnd::InOrder);
    }
}

/// What a client sends, the Close that it gets, and the event.
const ENDS: [(&[u8], &[u8], &str); 9] = [
    (b"\x88\x85\0\0\0\0\x0f\xa1bye", b"\x88\x02\x0f\xa1", r#"4001 (private use) "bye", clean"#),
    (b"\x88\x80\0\0\0\0", b"\x88\x00", "1005 (no status received), clean"),
    (b"\x88\x82\0\0\0\0\x03\xed", b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean"),
    (b"\x81\x81\0\0\0\0\xff", b"\x88\x02\x03\xef", "1006 (abnormal closure), not clean"),
    (b"\x82\x81\0\0\0\0x", b"\x88\x02\x03\xeb", "1006 (abnormal closure), not clean"),
    (b"\x01\x81\0\0\0\0x", b"\x88\x02\x03\xeb", "1006 (abnormal closure), not clean"),
    (b"\x81\xfe\x10\x01\0\0\0\0", b"\x88\x02\x03\xf1", "1006 (abnormal closure), not clean"),
    (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean"),
    (b"\x83\x80\0\0\0\0", b"\x88\x02\x03\xea", "1006 (abnormal closure), not clean"),
];

#[tokio::test]
async fn a_client_ends() {
    let room = long();
    for (sent, answer, event) in ENDS {
        for bare in [false, true] {
            let (mut client, serving) = connect(&room, bare).await;
            client.write_all(sent).await.unwrap();
            let (heard, ending) = rest(client, serving).await;
            assert_eq!((&heard[..], &*ending.event().to_string()), (answer, event), "{sent:x?}, {bare}: {ending}");
        }
    }
    for bare in [false, true] {
        for (sent, end) in [(&b""[..], TransportEnd::InOrder), (b"\x81\x85\0\0\0\0h", TransportEnd::InsideFrame)] {
            let (mut client, serving) = connect(&room, bare).await;
            client.write_all(sent).await.unwrap();
            drop(client);
            let ending = timeout(LONG, serving).await.unwrap().unwrap();
            assert_eq!((ending.event().code(), ending.transport_end()), (1006, end), "{bare}: {ending}");
        }
    }
}

/// Fills the buffers on the way to a client that does not read.
async fn fill(client: &mut TcpStream) {
    let text = frame(0x81, &[b'x'; 4096]).repeat(10);
    while timeout(Duration::from_millis(100), client.write_all(&text)).await.is_ok() {}
}

/// The writer is stopped in the middle of a message. The rest of the message comes, and then our Close.
#[tokio::test]
async fn a_half_message_becomes_whole() {
    for bare in [false, true] {
        let room = long();
        let (client, serving) = connect(&room, bare).await;
        let (mut from_server, mut to_server) = client.into_split();
        // Another client talks, until this one has more than it can take.
        let (mut talker, _) = connect(&room, bare).await;
        let text = frame(0x81, &[b'x'; 4096]);
        for _ in 0..60 {
            talker.write_all(&text).await.unwrap();
            hear(&mut talker, &[&[0x81, 126, 16, 0], &[b'x'; 4096][..]].concat()).await;
        }
        room.stop.cancel();
        let mut heard = Vec::new();
        let reading = timeout(LONG, async {
            loop {
                assert_ne!(from_server.read_buf(&mut heard).await.unwrap(), 0, "our Close does not come");
                if heard.ends_with(RESTART) {
                    break;
                }
            }
        });
        reading.await.unwrap();
        let texts = heard.len() - RESTART.len();
        assert_eq!(texts % (4 + 4096), 0, "a message is not whole");
        assert!(texts / (4 + 4096) < 60, "the writer was not stopped in between");
        assert!(heard[..texts].chunks(4 + 4096).all(|frame| frame[..4] == [0x81, 126, 16, 0]));
        to_server.write_all(&frame(0x88, b"\x03\xf4")).await.unwrap();
        let ending = timeout(LONG, async { serving.await.unwrap() });
        drop((from_server, to_server));
        assert!(ending.await.unwrap().event().was_clean());
    }
}

/// What a client does that never closes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bad {
    Silent,
    Trickles,
    Floods,
    DoesNotRead,
}

/// Each ends in time, whatever it does, and also when the server stops meanwhile.
#[tokio::test]
async fn bad_clients() {
    let mut cases = JoinSet::new();
    for bare in [false, true] {
        for bad in [Bad::Silent, Bad::Trickles, Bad::Floods, Bad::DoesNotRead] {
            for stopped in [false, true] {
                cases.spawn(bad_client(bare, bad, stopped));
            }
        }
    }
    cases.join_all().await;
}

async fn bad_client(bare: bool, bad: Bad, stopped: bool) {
    let room = if stopped { Room::new(LONG, Timeouts::DEFAULT.close(SHORT).end(SHORT)) } else { short() };
    let (mut client, serving) = connect(&room, bare).await;
    let misbehave = async {
        match bad {
            Bad::Silent => {}
            Bad::Trickles => {
                // A message that is never whole.
                let _ = client.write_all(b"\x81\xfe\x10\0\0\0\0\0").await;
                while client.write_all(b"x").await.is_ok() {
                    sleep(SHORT / 10).await;
                }
            }
            Bad::Floods => {
                // The room sends the texts back, and the client does not read them.
                let frames = [frame(0x89, b"x"), frame(0x81, &[b'x'; 1000])].concat().repeat(100);
                while client.write_all(&frames).await.is_ok() {}
            }
            Bad::DoesNotRead => fill(&mut client).await,
        }
        std::future::pending::<()>().await;
    };
    let stop = async {
        sleep(3 * SHORT).await;
        if stopped {
            room.stop.cancel();
        }
        std::future::pending::<()>().await;
    };
    let bound = timeout(Duration::from_secs(15), serving);
    let ending = tokio::select! {
        ending = bound => ending.unwrap_or_else(|_| panic!("{bad:?} lasts, {bare}, {stopped}")).unwrap(),
        () = misbehave => unreachable!(),
        () = stop => unreachable!(),
    };
    assert_eq!(ending.event().code(), 1006, "{bad:?}");
    assert_eq!(ending.closing().closed_first(), Some(Role::Server), "{bad:?}, {stopped}: {ending}");
    let TransportEnd::Cut { awaited, .. } = ending.transport_end() else { panic!("{bad:?}: {ending}") };
    if matches!(bad, Bad::Silent | Bad::Trickles) {
        assert_eq!(awaited, Awaited::Close, "{bad:?}: {ending}");
    }
}
