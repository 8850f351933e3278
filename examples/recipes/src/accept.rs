//! The next client of a server, whatever happens to those before.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long to wait after a client that could not be accepted.
pub const PAUSE: Duration = Duration::from_millis(100);

/// Goes on when a client cannot be accepted: it may have hung up already, or there are no descriptors left, and some
/// will be when a connection has ended. It may be cancelled.
pub async fn next_client(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                eprintln!("{error}");
                sleep(PAUSE).await;
            }
        }
    }
}
