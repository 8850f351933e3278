//! A server that restarts. It says so on all its connections at once, and counts how they end.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::accept_async;
use tokio_util::codec::Framed;
use websocket_close::CloseFrame;
use websocket_close::codec::{CloseCodec, Timeouts, finish};

use crate::crowd;

const PATIENCE: Duration = Duration::from_secs(5);
const RESTART: CloseFrame<'static> = CloseFrame::from_static(1012, "back in a minute");

#[tokio::main(flavor = "current_thread")]
pub async fn run(count: u32) -> io::Result<()> {
    // Both ends of a connection are in this process. Many systems give it 1,024 descriptors unless it asks for more.
    let descriptors = rlimit::increase_nofile_limit(u64::from(count) * 2 + 50)?;
    let count = usize::try_from(descriptors.saturating_sub(50) / 2).map_or(0, |most| most.min(count as usize));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let clients = tokio::spawn(crowd::visit(listener.local_addr()?, count));
    let mut sockets = Vec::new();
    while sockets.len() < count {
        let (stream, _) = listener.accept().await?;
        // The opening handshake. No client may send more before the answer, so nothing is lost here.
        let socket = accept_async(stream).await.map_err(io::Error::other)?;
        sockets.push(socket.into_inner());
    }
    println!("{count} connections are open");

    let mut endings = JoinSet::new();
    for socket in sockets {
        endings.spawn(end(socket));
    }
    let mut ended = 0;
    let mut counts = BTreeMap::<String, usize>::new();
    while let Some(ending) = endings.join_next().await {
        *counts.entry(ending?).or_default() += 1;
        ended += 1;
        if ended % 100 == 0 {
            println!("{ended} have ended");
        }
    }
    for (ending, count) in counts {
        println!("{count} times {ending}");
    }
    println!("{}", clients.await?.join("\n"));
    Ok(())
}

async fn end(socket: TcpStream) -> String {
    let mut socket = Framed::new(socket, CloseCodec::server());
    finish(&mut socket, RESTART, Timeouts::DEFAULT.close(PATIENCE)).await.ending.to_string()
}
