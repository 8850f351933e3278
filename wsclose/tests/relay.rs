//! The example `relay`: what it sees, and that no peer holds it up.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "`main` is not called here")]
#[path = "../examples/relay.rs"]
mod relay;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use wsclose::{Because, Observer, Relation, Role};

const PATIENCE: Duration = Duration::from_millis(400);

/// Lets two peers talk through the relay.
fn between(
    client: impl FnOnce(TcpStream) + Send + 'static,
    server: impl FnOnce(TcpStream) + Send + 'static,
) -> Observer {
    let (near_client, from_client) = relay::pair().unwrap();
    let (to_server, near_server) = relay::pair().unwrap();
    let peers = [thread::spawn(move || client(near_client)), thread::spawn(move || server(near_server))];
    let started = Instant::now();
    let observer = relay::relay(&from_client, &to_server, PATIENCE).unwrap();
    assert!(started.elapsed() < 8 * PATIENCE, "{:?}", started.elapsed());
    drop((from_client, to_server));
    for peer in peers {
        peer.join().unwrap();
    }
    observer
}

fn because(observer: &Observer) -> [Because; 2] {
    [Role::Client, Role::Server].map(|end| observer.report(end).because())
}

/// Reads to the end, whatever that is.
fn to_end(mut stream: &TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

#[test]
fn a_closing_handshake() {
    let observer = between(
        |mut client| {
            client.write_all(b"\x88\x82\0\0\0\0\x03\xe8").unwrap();
            to_end(&client);
        },
        |mut server| {
            server.read_exact(&mut [0; 8]).unwrap();
            server.write_all(b"\x88\x02\x03\xe8").unwrap();
        },
    );
    assert_eq!((observer.first(), observer.relation()), (Some(Role::Client), Some(Relation::Answer)));
    assert_eq!(because(&observer), [Because::Seen; 2]);
    assert!(relay::line("client", &observer.report(Role::Client)).contains("1000"));
}

#[test]
fn silent_peers_and_a_reset() {
    let observer = between(|client| to_end(&client), |server| to_end(&server));
    assert_eq!(because(&observer), [Because::NoClose; 2]);

    let observer =
        between(|client| to_end(&client), |server| SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap());
    assert_eq!(because(&observer), [Because::NoClose; 2]);
}

/// One end sends more than the sockets hold, and the other does not read.
#[test]
fn a_peer_that_does_not_read() {
    let observer = between(
        |client| {
            thread::sleep(4 * PATIENCE);
            drop(client);
        },
        |mut server| {
            let block = vec![0; 1 << 16];
            let flood = [b"\x82\x7f\0\0\0\x01\0\0\0\0".as_slice(), &block].concat();
            server.set_write_timeout(Some(4 * PATIENCE)).unwrap();
            while server.write_all(&flood).is_ok() {}
            let _ = server.shutdown(Shutdown::Both);
        },
    );
    assert_eq!(because(&observer), [Because::NoClose; 2]);
    assert!(observer.sent_by(Role::Server).is_inside_frame());
}

/// A frame that comes byte by byte is no silence.
#[test]
fn a_trickling_peer() {
    let observer = between(
        |client| to_end(&client),
        |mut server| {
            for byte in b"\x88\x0a\x03\xe8slowly!!" {
                server.write_all(&[*byte]).unwrap();
                thread::sleep(PATIENCE / 8);
            }
        },
    );
    assert_eq!(because(&observer), [Because::Unanswered, Because::NoClose]);
}
