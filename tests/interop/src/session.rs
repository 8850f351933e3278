//! Runs one connection over loopback for every scenario, role and codec, and compares the outcome with the table.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use actix_http::ws;
use futures_util::SinkExt;
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, Encoder, Framed};
use websocket_close::codec::{CloseCodec, Discard, Message, Timeouts, finish};
use websocket_close::{CloseEvent, CloseFrame, Role};
use websocket_codec::MessageCodec;
use yawc::codec::Codec as YawcCodec;

use crate::inner::Inner;
use crate::table::{Deviation, LONG, Ours, ROWS, Row, Theirs};
use crate::{echo, open};

/// How long an end waits for a silent one.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a silent end is silent. The other end has given up by then.
pub const SILENCE: Duration = Duration::from_secs(3);
/// How long an end waits for one that is not silent. Normally it does not wait so long.
const LEISURE: Duration = Duration::from_secs(8);
/// The longest that one connection may take.
const LIMIT: Duration = Duration::from_secs(9);

/// A WebSocket library at the other end.
pub trait Peer {
    /// Whether the library does the opening handshake. If not, it gets a transport on which the handshake is done.
    const OPENS: bool;

    /// Starts the library as a client of the port `dial`, or as a server. Returns the port, and a task that ends with
    /// the library's report: code and reason of the Close that it received.
    fn start(&self, dial: Option<u16>, task: Task) -> impl Future<Output = io::Result<(u16, JoinHandle<String>)>>;
}

/// What a peer has to do.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    pub theirs: Theirs,
    /// How long it waits for our Close. Some libraries have a setting for this.
    pub patience: Duration,
}

/// A report in the form that the table has.
#[must_use]
pub fn report(code: u16, reason: &str) -> String {
    let space = if reason.is_empty() { "" } else { " " };
    format!("{code}{space}{}", reason.replace(LONG, "LONG"))
}

/// A whole Close frame, legal or not. A masking key of zeros leaves the payload as it is.
#[must_use]
pub fn raw_close(local: Role, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let header: &[u8] = match local {
        Role::Client => &[0x88, 0x80 | length, 0, 0, 0, 0],
        Role::Server => &[0x88, length],
    };
    [header, payload].concat()
}

/// A running connection. It ends with our event and the peer's report.
type Session<'a> = Pin<Box<dyn Future<Output = (String, String)> + 'a>>;

/// Runs the whole table against `peer` at the same time. Panics with every row whose outcome is neither right nor a
/// known deviation.
pub async fn check<P: Peer>(peer: &P, deviations: &[Deviation]) {
    for name in deviations.iter().flat_map(|known| known.rows) {
        assert!(ROWS.iter().any(|row| row.name == *name), "no scenario is called {name:?}");
    }

    let mut names = Vec::new();
    let mut sessions: Vec<Session<'_>> = Vec::new();
    for row in ROWS {
        for local in [Role::Client, Role::Server] {
            // Without an inner codec we cannot echo.
            if !matches!(row.theirs, Theirs::Talk) {
                names.push((row, local, "alone"));
                sessions.push(Box::pin(session::<P, Discard>(peer, row, local)));
            }
            names.push((row, local, "around actix-http"));
            sessions.push(Box::pin(session::<P, ws::Codec>(peer, row, local)));
            names.push((row, local, "around websocket-codec"));
            sessions.push(Box::pin(session::<P, MessageCodec>(peer, row, local)));
            names.push((row, local, "around yawc"));
            sessions.push(Box::pin(session::<P, YawcCodec>(peer, row, local)));
        }
    }

    let mut faults = Vec::new();
    for ((row, local, codec), (our_event, their_report)) in names.into_iter().zip(join_all(sessions).await) {
        let known = deviations.iter().find(|known| known.rows.contains(&row.name));
        let expected_event = known.and_then(|known| known.our_event).unwrap_or(row.our_event);
        let expected_report = known.and_then(|known| known.their_report).unwrap_or(row.their_report);
        if !agrees(expected_event, &our_event) || !agrees(expected_report, &their_report) {
            faults.push(format!(
                "{}, we are the {local:?}, {codec}: our event {our_event:?} for {expected_event:?}, \
                 their report {their_report:?} for {expected_report:?}{}",
                row.name,
                known.map_or_else(String::new, |known| format!("; known so far: {}", known.why))
            ));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Whether `text` is as expected. ` *` matches any reason.
fn agrees(expected: &str, text: &str) -> bool {
    match expected.split_once(" *") {
        None => text == expected,
        Some((code, rest)) => text.starts_with(code) && text.ends_with(rest),
    }
}

async fn session<P, C>(peer: &P, row: &Row, local: Role) -> (String, String)
where
    P: Peer,
    C: Inner + Encoder<<C as Inner>::Out, Error = <C as Decoder>::Error>,
{
    let patience = if matches!(row.ours, Ours::Silent) { PATIENCE } else { LEISURE };
    let task = Task { theirs: row.theirs, patience };
    let connection = async {
        let (stream, theirs) = match local {
            Role::Client => {
                let (port, theirs) = peer.start(None, task).await?;
                (TcpStream::connect(("127.0.0.1", port)).await?, theirs)
            }
            Role::Server => {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                let (_, theirs) = peer.start(Some(listener.local_addr()?.port()), task).await?;
                (listener.accept().await?.0, theirs)
            }
        };
        let event = our_end::<C>(stream, local, P::OPENS, row).await?;
        let end = if event.was_clean() { "clean" } else { "unclean" };
        Ok::<_, io::Error>((format!("{}, {end}", report(event.code(), event.reason())), theirs.await?))
    };
    match timeout(LIMIT, connection).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => (error.to_string(), String::new()),
        Err(elapsed) => (elapsed.to_string(), String::new()),
    }
}

async fn our_end<C>(stream: TcpStream, local: Role, opens: bool, row: &Row) -> io::Result<CloseEvent>
where
    C: Inner + Encoder<<C as Inner>::Out, Error = <C as Decoder>::Error>,
{
    let codec = match local {
        Role::Client => CloseCodec::client(|| [0x12, 0x34, 0x56, 0x78]),
        Role::Server => CloseCodec::server(),
    };
    let codec = codec.wrap(C::new(local));
    let mut framed = match (opens, local) {
        (false, _) => Framed::new(stream, codec),
        (true, Role::Client) => open::client(stream, codec).await?,
        (true, Role::Server) => open::server(stream, codec).await?,
    };

    let mut frame = CloseFrame::EMPTY;
    match row.ours {
        Ours::Finish(ours) => frame = ours,
        Ours::Cross(ours) => {
            frame = ours;
            if framed.read_buffer().is_empty() {
                // This may be the end of the transport. `finish` finds out.
                framed.get_ref().peek(&mut [0]).await.ok();
            }
            // Their Close has arrived, but we have not read it.
            framed.send(Message::<C::Out>::from(ours)).await.ok();
        }
        // The event shows what went wrong.
        Ours::Echo => drop(echo(&mut framed).await),
        Ours::Raw(payload) => {
            framed.get_mut().write_all(&raw_close(local, payload)).await?;
            drop(echo(&mut framed).await);
        }
        Ours::Silent => sleep(SILENCE).await,
        Ours::Drop => return Ok(framed.codec().closing().event()),
    }
    let close = if matches!(row.theirs, Theirs::Silent) { PATIENCE } else { LEISURE };
    Ok(finish(&mut framed, frame, Timeouts::DEFAULT.close(close)).await.ending.event())
}
