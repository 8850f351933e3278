//! An echo server that goes down well, over TCP or TLS: the program to copy. Every wait in it has a bound, every error
//! a code, and every connection a line in the log.
//! A connection ends within 27 seconds of the last frame in either direction.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_tungstenite::accept_async;
use tokio_util::codec::{Decoder, Encoder, Framed};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use websocket_close::codec::{CloseCodec, Error, Message, Timeouts, finish};
use websocket_close::wire::{self, Header, Peek};
use websocket_close::{CloseCode, CloseFrame, Ending, Loss, Role, TransportEnd, registry};
use websocket_codec::{Message as Item, MessageCodec, Opcode};

use crate::accept::next_client;

/// How long the opening of a connection may take, TLS included.
pub(crate) const OPENING: Duration = Duration::from_secs(10);
/// How long a client may be silent. A ping counts as a word.
const IDLE: Duration = Duration::from_secs(20);
/// How long an echo may take.
const SENDING: Duration = Duration::from_secs(10);
/// How long the end of a connection may take.
const ENDING: Timeouts = Timeouts::DEFAULT.close(Duration::from_secs(5)).end(Duration::from_secs(2));
/// How long the end of the server may take. It is more than `ENDING`, and an echo is cut short, so nobody is cut off
/// who could be told.
const DRAIN: Duration = Duration::from_secs(10);
/// The longest message that this server takes, in bytes.
const MAX_MESSAGE: u64 = 1 << 20;

const RESTART: CloseFrame<'static> = CloseFrame::from_static(1012, "back in a minute");
const SILENT: CloseFrame<'static> = CloseFrame::from_static(3008, "are you still there?");
const TOO_SLOW: CloseFrame<'static> = CloseFrame::from_static(3008, "you read too slowly");

/// How many connections ended with each code.
type Tally = Arc<Mutex<BTreeMap<u16, usize>>>;

#[tokio::main]
pub async fn run(address: &str, certificate_and_key: Option<(&str, &str)>) -> Result<(), Box<dyn std::error::Error>> {
    // Many systems give a process 1,024 descriptors unless it asks for more.
    let descriptors = rlimit::increase_nofile_limit(u64::MAX)?;
    let tls = certificate_and_key.map(|(certificate, key)| acceptor(certificate, key, &[])).transpose()?;
    let listener = TcpListener::bind(address).await?;
    // The signals count from here on.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("listening on {}", listener.local_addr()?);
    eprintln!("up to {descriptors} descriptors");

    let (stop, connections, tally) = (CancellationToken::new(), TaskTracker::new(), Tally::default());
    loop {
        let (stream, client) = tokio::select! {
            client = next_client(&listener) => client,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let (tls, stop, tally) = (tls.clone(), stop.clone(), tally.clone());
        connections.spawn(async move {
            match connection(stream, tls, &stop).await {
                Ok(Some(ending)) => {
                    println!("{client}: {ending}");
                    *tally.lock().unwrap_or_else(PoisonError::into_inner).entry(counted(&ending)).or_default() += 1;
                }
                // The server went down before the connection was open.
                Ok(None) => {}
                Err(error) => eprintln!("{client}: {error}"),
            }
        });
    }
    // New clients are refused from here on, and go elsewhere.
    drop(listener);

    println!("{} connections are told to go", connections.len());
    stop.cancel();
    connections.close();
    let deadline = Instant::now() + DRAIN;
    loop {
        tokio::select! {
            () = connections.wait() => break,
            () = sleep_until(deadline) => break,
            () = sleep(Duration::from_secs(1)) => println!("{} are left", connections.len()),
        }
    }
    println!("{} are cut off", connections.len());
    for (code, count) in &*tally.lock().unwrap_or_else(PoisonError::into_inner) {
        println!("{count} times {code} {}", registry::name(*code));
    }
    Ok(())
}

/// The code to count: what we failed the connection with, or what the application is told. A message that is too big
/// counts as 1009, although its event is 1006.
fn counted(ending: &Ending) -> u16 {
    let failure = ending.closing().failure().and_then(CloseFrame::code);
    failure.map_or(ending.event().code(), CloseCode::get)
}

/// TLS with the certificate and the key in these files, for these protocols (ALPN).
pub(crate) fn acceptor(
    certificate: &str,
    key: &str,
    protocols: &[&str],
) -> Result<TlsAcceptor, Box<dyn std::error::Error>> {
    let certificates = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Opens a connection, and serves it.
async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    stop: &CancellationToken,
) -> Result<Option<Ending>, Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let opening = async {
        let stream: Box<dyn Transport> = match tls {
            Some(tls) => Box::new(tls.accept(stream).await?),
            None => Box::new(stream),
        };
        // A client may send nothing more until it has the answer, so nothing is lost here.
        let socket = accept_async(stream).await.map_err(io::Error::other)?.into_inner();
        Ok::<_, io::Error>(socket)
    };
    let socket = tokio::select! {
        socket = timeout(OPENING, opening) => socket??,
        () = stop.cancelled() => return Ok(None),
    };
    Ok(Some(serve(socket, stop).await))
}

pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Echoes until one end has enough, and ends the connection.
pub(crate) async fn serve(socket: impl Transport, stop: &CancellationToken) -> Ending {
    let mut socket = Framed::new(socket, CloseCodec::server().wrap(Limited::default()));
    let mut reset_in_send = false;
    let talking = async {
        loop {
            let item = match timeout(IDLE, socket.next()).await {
                Ok(Some(Ok(Message::Other(item)))) => item,
                Ok(Some(Err(Error::Inner(refused)))) => break Ok(refused.close()),
                Ok(Some(Err(Error::Io(error)))) => break Err(error),
                // The client's Close, its fault, or the end. `finish` knows, and this frame is not sent.
                Ok(_) => break Ok(CloseFrame::EMPTY),
                Err(_) => break Ok(SILENT),
            };
            let answer = match item.opcode() {
                Opcode::Ping => Item::pong(item.into_data()),
                Opcode::Text | Opcode::Binary => item,
                // No Close comes here.
                Opcode::Pong | Opcode::Close => continue,
            };
            match timeout(SENDING, socket.send(Message::Other(answer))).await {
                Ok(Ok(())) => {}
                // A client that no longer reads may have sent a Close.
                Ok(Err(error)) => {
                    reset_in_send = matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset);
                    break Ok(CloseFrame::EMPTY);
                }
                Err(_) => break Ok(TOO_SLOW),
            }
        }
    };
    let goodbye = tokio::select! {
        goodbye = talking => goodbye,
        () = stop.cancelled() => Ok(RESTART),
    };
    match goodbye {
        Ok(goodbye) => {
            let ending = finish(&mut socket, goodbye, ENDING).await.ending;
            if reset_in_send && !ending.event().was_clean() {
                return ending.closing().clone().into_ending(TransportEnd::Lost(Loss::Reset));
            }
            ending
        }
        // TCP tells a reset once, and then reads as if it had ended in order. So `finish` could not tell it any more.
        Err(error) => {
            let end = match error.kind() {
                io::ErrorKind::UnexpectedEof => TransportEnd::WithoutCloseNotify,
                kind => TransportEnd::Lost(kind.into()),
            };
            socket.codec().closing().clone().into_ending(end)
        }
    }
}

/// websocket-codec's codec, and what it leaves out: how long a message may be, and some checks of the header. It gets
/// whole frames only; at a header it would reserve memory for whatever length a client announces.
struct Limited {
    inner: MessageCodec,
    /// The length of the message so far, whose last fragment has not come.
    message_len: u64,
}

impl Default for Limited {
    fn default() -> Self {
        Self { inner: MessageCodec::server(), message_len: 0 }
    }
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("a message of {0} bytes")]
    TooBig(u64),
    #[error("a text that is not UTF-8")]
    NotUtf8,
    #[error("{0}")]
    Protocol(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Refused {
    fn close(&self) -> CloseFrame<'static> {
        CloseFrame::from_code(match self {
            Self::TooBig(_) => CloseCode::MESSAGE_TOO_BIG,
            Self::NotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::Protocol(_) => CloseCode::PROTOCOL_ERROR,
            Self::Io(_) => CloseCode::INTERNAL_ERROR,
        })
    }
}

/// An error of websocket-codec is a box. What is in it, if it is not bad UTF-8, is a fault in a frame.
impl From<websocket_codec::Error> for Refused {
    fn from(error: websocket_codec::Error) -> Self {
        if error.is::<std::str::Utf8Error>() { Self::NotUtf8 } else { Self::Protocol(error) }
    }
}

impl Decoder for Limited {
    type Item = Item;
    type Error = Refused;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Item>, Refused> {
        loop {
            // `CloseCodec` has taken every Close out.
            let Ok(Peek::NotClose(header)) = wire::peek(Role::Server, src) else { return Ok(None) };
            let Header { fin, opcode, .. } = header;
            if header.masked == Some(false) || header.is_minimal() == Some(false) || (opcode >= 8 && !fin) {
                return Err(Refused::Protocol("a header that RFC 6455 forbids".into()));
            }
            let (Some(payload_len), Some(len)) = (header.payload_len, header.frame_len) else { return Ok(None) };
            let message_len = if opcode < 8 { self.message_len.saturating_add(payload_len) } else { payload_len };
            if message_len > MAX_MESSAGE {
                return Err(Refused::TooBig(message_len));
            }
            let len = usize::try_from(len).map_err(|_| Refused::TooBig(len))?;
            if src.len() < len {
                src.reserve(len - src.len());
                return Ok(None);
            }
            if opcode < 8 {
                self.message_len = if fin { 0 } else { message_len };
            }
            let item = self.inner.decode(&mut src.split_to(len))?;
            if item.is_some() {
                return Ok(item);
            }
        }
    }
}

impl Encoder<Item> for Limited {
    type Error = Refused;

    fn encode(&mut self, item: Item, dst: &mut BytesMut) -> Result<(), Refused> {
        Ok(self.inner.encode(item, dst)?)
    }
}
