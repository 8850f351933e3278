//! Raw clients for the mass shutdown. They keep what they get. Of each hundred one hangs up, and one never answers.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Connects `count` clients and waits for their ends. Returns a line for each outcome, with its count.
pub async fn visit(address: SocketAddr, count: usize) -> Vec<String> {
    let mut clients = JoinSet::new();
    for number in 0..count {
        clients.spawn(client(address, number));
    }
    let mut counts = BTreeMap::<String, usize>::new();
    for outcome in clients.join_all().await {
        let outcome = outcome.map_or_else(|error| error.to_string(), |bytes| format!("got {bytes:02x?}"));
        *counts.entry(outcome).or_default() += 1;
    }
    counts.into_iter().map(|(outcome, count)| format!("{count} clients {outcome}")).collect()
}

async fn client(address: SocketAddr, number: usize) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(stream.read_u8().await?);
    }
    let mut received = Vec::new();
    match number % 100 {
        1 => {}
        2 => drop(stream.read_to_end(&mut received).await?),
        _ => {
            received = vec![0; 2];
            stream.read_exact(&mut received).await?;
            received.resize(2 + usize::from(received[1]), 0);
            stream.read_exact(&mut received[2..]).await?;
            // The code that came, masked with a key of zeros.
            let answer = [&[0x88, 0x82, 0, 0, 0, 0], &received[2..4]].concat();
            stream.write_all(&answer).await?;
            stream.read_to_end(&mut received).await?;
        }
    }
    Ok(received)
}
