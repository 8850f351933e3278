//! `wsclose tap`: a TCP relay that changes no byte and tells how each connection ended.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::connection::{Connection, Piece, Side};
use super::output::Output;
use super::summary::Summary;
use super::time::Time;
use super::{Result, printable};

/// What a connection keeps of each direction; the rest waits at its sender.
const BUFFER: usize = 1 << 14;

/// The addresses to listen on: a number alone is a port of this machine. Others than loopback need `--lan`.
pub(crate) fn listen_on(listen: &str, lan: bool) -> Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = match listen.parse::<u16>() {
        Ok(port) => vec![SocketAddr::from(([127, 0, 0, 1], port))],
        Err(_) => listen.to_socket_addrs().map_err(|error| format!("{listen}: {error}"))?.collect(),
    };
    match addresses.iter().find(|address| !address.ip().is_loopback()) {
        Some(address) if !lan => Err(format!("{address} can be reached from other machines; --lan allows that").into()),
        _ => Ok(addresses),
    }
}

/// What comes from the task of a connection.
enum News {
    Over(Box<Summary>),
    NotReached(SocketAddr, io::Error),
}

enum Event {
    Accepted(io::Result<(TcpStream, SocketAddr)>),
    News(News),
    Interrupted,
}

/// Relays until an interrupt, and returns the exit status.
pub(crate) fn run(
    listen: &[SocketAddr],
    target: &str,
    output: &mut Output<impl Write>,
    err: &mut dyn Write,
) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let (sender, mut receiver) = unbounded_channel();
    let relayed: Result<()> = tasks.block_on(&runtime, async {
        let listener = TcpListener::bind(listen).await?;
        writeln!(err, "wsclose: {} to {}; stop with ctrl-c", listener.local_addr()?, printable(target))?;
        let mut interrupt = pin!(tokio::signal::ctrl_c());
        loop {
            let event = poll_fn(|context| {
                if interrupt.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Event::Interrupted);
                }
                if let Poll::Ready(Some(news)) = receiver.poll_recv(context) {
                    return Poll::Ready(Event::News(news));
                }
                listener.poll_accept(context).map(Event::Accepted)
            });
            match event.await {
                Event::Interrupted => return Ok(()),
                Event::News(news) => tell(news, target, output, err)?,
                Event::Accepted(Ok((client, address))) => {
                    let watch = Watch::new(address, target, &sender);
                    tokio::task::spawn_local(watch.relay(client));
                }
                Event::Accepted(Err(error)) => {
                    // Mostly there are too many open files. Some will be closed soon.
                    writeln!(err, "wsclose: {error}")?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    relayed?;
    // What is still open tells so when its task goes.
    drop(tasks);
    while let Ok(news) = receiver.try_recv() {
        tell(news, target, output, err)?;
    }
    Ok(output.status())
}

fn tell(news: News, target: &str, output: &mut Output<impl Write>, err: &mut dyn Write) -> io::Result<()> {
    match news {
        News::Over(summary) => output.show(&summary).and_then(|()| output.out.flush()),
        News::NotReached(client, error) => {
            output.not_clean();
            let target = printable(target);
            writeln!(err, "wsclose: {client}: {target} not reached: {error}")
        }
    }
}

/// The observed connection of a task. It is told however the task ends.
struct Watch {
    connection: RefCell<Connection>,
    client: SocketAddr,
    target: String,
    sender: UnboundedSender<News>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let connection = self.connection.replace(Connection::new(true, None));
        let name = |side| if side == Side::A { self.client.to_string() } else { self.target.clone() };
        if let Some(summary) = connection.finish(Some(Time::now()), name) {
            // Nobody listens any more if the program has ended.
            let _ = self.sender.send(News::Over(Box::new(summary)));
        }
    }
}

/// How one direction of a relay ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Its sender ended it in order.
    Fin,
    /// Its sender reset the connection.
    Reset,
    /// Its receiver takes nothing any more.
    Refused,
}

impl Watch {
    fn new(client: SocketAddr, target: &str, sender: &UnboundedSender<News>) -> Self {
        let connection = RefCell::new(Connection::new(true, Some(Time::now())));
        Self { connection, client, target: target.to_owned(), sender: sender.clone() }
    }

    async fn relay(self, mut client: TcpStream) {
        let mut server = match TcpStream::connect(&self.target).await {
            Ok(server) => server,
            Err(error) => {
                // As a closed port would.
                let _ = client.set_zero_linger();
                let _ = self.sender.send(News::NotReached(self.client, error));
                return;
            }
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        if self.both(&mut client, &mut server).await == Ended::Reset {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
    }

    /// Relays both directions until both have ended, or one was reset.
    async fn both(&self, client: &mut TcpStream, server: &mut TcpStream) -> Ended {
        let ((client_reads, client_writes), (server_reads, server_writes)) = (client.split(), server.split());
        let mut up = pin!(self.one(Side::A, client_reads, server_writes));
        let mut down = pin!(self.one(Side::B, server_reads, client_writes));
        let (mut up_ended, mut down_ended) = (None, None);
        let (up, down) = poll_fn(|context| {
            for (pump, ended) in [(up.as_mut(), &mut up_ended), (down.as_mut(), &mut down_ended)] {
                // One that has ended must not be polled again.
                if ended.is_none() {
                    if let Poll::Ready(how) = pump.poll(context) {
                        *ended = Some(how);
                    }
                }
            }
            match (up_ended, down_ended) {
                (Some(up), Some(down)) => Poll::Ready((up, down)),
                (Some(Ended::Reset), None) => Poll::Ready((Ended::Reset, Ended::Fin)),
                (None, Some(Ended::Reset)) => Poll::Ready((Ended::Fin, Ended::Reset)),
                // After a refusal, the other direction ends at once: it may still hold what its sender said before.
                _ => Poll::Pending,
            }
        })
        .await;
        // An end that takes nothing any more has reset the connection, although nothing is left to read that says so.
        for (side, is_reset, is_refused) in [
            (Side::A, up == Ended::Reset, down == Ended::Refused),
            (Side::B, down == Ended::Reset, up == Ended::Refused),
        ] {
            if is_reset || is_refused {
                self.connection.borrow_mut().reset(side, None, Some(Time::now()));
                return Ended::Reset;
            }
        }
        Ended::Fin
    }

    /// Relays what `side` sends.
    async fn one(&self, side: Side, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Ended {
        let (mut buffer, mut at) = (vec![0; BUFFER], 0);
        loop {
            let read = from.read(&mut buffer).await;
            let time = Some(Time::now());
            let bytes = match read {
                Err(_) => return Ended::Reset,
                Ok(0) => {
                    self.connection.borrow_mut().fin(side, time);
                    // If the receiver is gone, its own direction tells.
                    let _ = to.shutdown().await;
                    return Ended::Fin;
                }
                Ok(len) => buffer.get(..len).unwrap_or_default(),
            };
            self.connection.borrow_mut().bytes(side, Piece { time, ack: None, at, bytes });
            at += bytes.len() as u64;
            if to.write_all(bytes).await.is_err() {
                return Ended::Refused;
            }
        }
    }
}
