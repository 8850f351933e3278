//! A chat server with two tasks for each connection: one reads, the other writes. It shows how to stop the writer, put
//! the halves together again, and end the connection with `finish`. It does so twice: for the halves of a `Framed`, and
//! for the halves of a bare `TcpStream`, whose program has a parser of its own.
//! A connection ends within 32 seconds of the last frame in either direction.
//!
//! `cargo run --example chat --features codec` lets two clients talk and then shuts down. With an address, such as
//! `127.0.0.1:9001`, it serves clients that begin behind the opening handshake. This crate has nothing to do with that.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinError;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, Encoder, Framed};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use websocket_close::codec::{Bare, CloseCodec, Error, Message, Timeouts, finish};
use websocket_close::wire::{self, Header, Peek};
use websocket_close::{CloseCode, CloseFrame, Ending, Role, TransportEnd};

/// How long a client may be silent, and how long a message to it may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest message that this server takes, in bytes.
const MAX_TEXT: u64 = 4096;

const RESTART: CloseFrame<'static> = CloseFrame::from_static(1012, "back in a minute");
const TOO_SLOW: CloseFrame<'static> = CloseFrame::from_static(1008, "you read too slowly");
const SILENT: CloseFrame<'static> = CloseFrame::from_static(3008, "are you still there?");

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Room {
    messages: broadcast::Sender<Arc<str>>,
    /// Cancelled when the server shuts down.
    pub(crate) stop: CancellationToken,
    patience: Duration,
    timeouts: Timeouts,
}

impl Room {
    /// A client may be silent for as long as `patience`, and a message to it may take as long. `timeouts` bound its
    /// end.
    pub(crate) fn new(patience: Duration, timeouts: Timeouts) -> Self {
        Self { messages: broadcast::channel(64).0, stop: CancellationToken::new(), patience, timeouts }
    }
}

/// What a client says.
enum Item {
    Text(String),
    /// It wants a pong with this payload (RFC 6455, 5.5.2).
    Ping(BytesMut),
}

/// What a client hears.
enum Answer {
    Text(Arc<str>),
    Pong(BytesMut),
}

/// The server's codec: texts in one frame, pings and pongs.
struct Texts;

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("a frame that RFC 6455 forbids")]
    Protocol,
    #[error("a message of another kind than text in one frame")]
    Unsupported,
    #[error("a text that is not UTF-8")]
    NotUtf8,
    #[error("a message of {0} bytes")]
    TooBig(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Refused {
    fn close(&self) -> CloseFrame<'static> {
        CloseFrame::from_code(match self {
            Self::Protocol => CloseCode::PROTOCOL_ERROR,
            Self::Unsupported => CloseCode::UNSUPPORTED_DATA,
            Self::NotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::TooBig(_) => CloseCode::MESSAGE_TOO_BIG,
            Self::Io(_) => CloseCode::INTERNAL_ERROR,
        })
    }
}

impl Decoder for Texts {
    type Item = Item;
    type Error = Refused;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Item>, Refused> {
        loop {
            let header = match wire::peek(Role::Server, src) {
                Ok(Peek::NotClose(header)) => header,
                // No Close comes here: `CloseCodec` takes it, or the caller has looked first.
                Ok(Peek::Incomplete { .. } | Peek::Close(_)) => return Ok(None),
                Err(_) => return Err(Refused::Protocol),
            };
            let Header { rsv: 0, masked: None | Some(true), .. } = header else { return Err(Refused::Protocol) };
            let max = match (header.opcode, header.fin) {
                (1, true) => MAX_TEXT,
                (9 | 10, true) => 125,
                (0..=2, _) => return Err(Refused::Unsupported),
                _ => return Err(Refused::Protocol),
            };
            let (Some(payload_len), Some(len)) = (header.payload_len, header.frame_len) else { return Ok(None) };
            if payload_len > max {
                return Err(if header.opcode == 1 { Refused::TooBig(payload_len) } else { Refused::Protocol });
            }
            #[expect(clippy::cast_possible_truncation, reason = "they are checked")]
            let (payload_len, len) = (payload_len as usize, len as usize);
            if src.len() < len {
                src.reserve(len - src.len());
                return Ok(None);
            }
            let mut payload = src.split_to(len);
            payload.advance(len - payload_len - 4);
            let key = payload.split_to(4);
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            match header.opcode {
                1 => {
                    let text = String::from_utf8(payload.to_vec()).map_err(|_| Refused::NotUtf8)?;
                    return Ok(Some(Item::Text(text)));
                }
                9 => return Ok(Some(Item::Ping(payload))),
                _ => {}
            }
        }
    }
}

impl Encoder<Answer> for Texts {
    type Error = Refused;

    fn encode(&mut self, answer: Answer, dst: &mut BytesMut) -> Result<(), Refused> {
        let (first, payload) = match &answer {
            Answer::Text(text) => (0x81, text.as_bytes()),
            Answer::Pong(payload) => (0x8a, &payload[..]),
        };
        dst.put_u8(first);
        if let Ok(len @ ..126) = u8::try_from(payload.len()) {
            dst.put_u8(len);
        } else {
            // Nothing longer than 4096 bytes came in.
            dst.put_u8(126);
            dst.put_u16(u16::try_from(payload.len()).map_err(io::Error::other)?);
        }
        dst.put_slice(payload);
        Ok(())
    }
}

/// What a writer is given: what the others say, and pongs.
struct Mail {
    messages: broadcast::Receiver<Arc<str>>,
    pongs: mpsc::Receiver<BytesMut>,
    patience: Duration,
}

impl Mail {
    /// The next thing to write, or the Close with which to end.
    async fn next(&mut self) -> Result<Answer, CloseFrame<'static>> {
        tokio::select! {
            Some(payload) = self.pongs.recv() => Ok(Answer::Pong(payload)),
            text = self.messages.recv() => match text {
                Ok(text) => Ok(Answer::Text(text)),
                Err(broadcast::error::RecvError::Lagged(_)) => Err(TOO_SLOW),
                Err(broadcast::error::RecvError::Closed) => Err(RESTART),
            },
        }
    }
}

/// Where a reader puts what it reads.
struct Ears {
    messages: broadcast::Sender<Arc<str>>,
    pongs: mpsc::Sender<BytesMut>,
    patience: Duration,
}

impl Ears {
    fn hear(&self, item: Item) {
        match item {
            // An error means that nobody listens.
            Item::Text(text) => drop(self.messages.send(text.into())),
            // An error means that a pong is still to be written. One for the latest ping is enough (5.5.3).
            Item::Ping(payload) => drop(self.pongs.try_send(payload)),
        }
    }
}

fn mailbox(room: &Room) -> (Ears, Mail) {
    let (to_writer, pongs) = mpsc::channel(4);
    let patience = room.patience;
    let ears = Ears { messages: room.messages.clone(), pongs: to_writer, patience };
    (ears, Mail { messages: room.messages.subscribe(), pongs, patience })
}

type Connection = Framed<TcpStream, CloseCodec<Texts>>;
type ToClient = SplitSink<Connection, Message<Answer>>;

/// Serves a connection that is a `Framed`.
pub(crate) async fn serve_framed(socket: TcpStream, room: Room) -> Result<Ending, JoinError> {
    let (ears, mail) = mailbox(&room);
    let (to_client, mut from_client) = Framed::new(socket, CloseCodec::server().wrap(Texts)).split();
    let stop = room.stop.child_token();
    let mut writer = tokio::spawn(write(to_client, mail, stop.clone()));
    let (goodbye, to_client) = tokio::select! {
        goodbye = read(&mut from_client, &ears) => {
            // The writer may be waiting for messages, or for a client that does not read.
            stop.cancel();
            (goodbye, writer.await?.0)
        }
        written = &mut writer => {
            let (to_client, goodbye) = written?;
            (Ok(goodbye), to_client)
        }
    };
    #[expect(clippy::expect_used, reason = "they come from one `split`")]
    let mut framed = from_client.reunite(to_client).expect("the halves of one");
    Ok(match goodbye {
        Ok(goodbye) => finish(&mut framed, goodbye, room.timeouts).await.ending,
        Err(error) => lost(framed.codec(), &error),
    })
}

/// The ending after an error of reading. TCP tells a reset once, and then reads as if it had ended in order, so
/// `finish` would not hear of it.
fn lost<C>(codec: &CloseCodec<C>, error: &io::Error) -> Ending {
    codec.closing().clone().into_ending(TransportEnd::Lost(error.kind().into()))
}

/// Reads until the client has closed, is gone, has sent something wrong, or is silent. Returns the Close to end with.
async fn read(from_client: &mut SplitStream<Connection>, ears: &Ears) -> io::Result<CloseFrame<'static>> {
    loop {
        match timeout(ears.patience, from_client.next()).await {
            Ok(Some(Ok(Message::Other(item)))) => ears.hear(item),
            Ok(Some(Err(Error::Inner(refused)))) => return Ok(refused.close()),
            Ok(Some(Err(Error::Io(error)))) => return Err(error),
            // The client's Close or its fault, which `finish` answers whatever we say, or the end.
            Ok(_) => return Ok(CloseFrame::EMPTY),
            Err(_) => return Ok(SILENT),
        }
    }
}

/// Writes until it is told to stop, or the client takes nothing more. It always returns its half.
async fn write(mut to_client: ToClient, mut mail: Mail, stop: CancellationToken) -> (ToClient, CloseFrame<'static>) {
    let writing = async {
        loop {
            match mail.next().await {
                Ok(answer) => match timeout(mail.patience, to_client.send(Message::Other(answer))).await {
                    Ok(Ok(())) => {}
                    // A client that does not read may still take a Close. A reset that is met here is told as a client
                    // that hung up.
                    Ok(Err(_)) | Err(_) => break TOO_SLOW,
                },
                Err(goodbye) => break goodbye,
            }
        }
    };
    let goodbye = tokio::select! {
        goodbye = writing => goodbye,
        () = stop.cancelled() => RESTART,
    };
    (to_client, goodbye)
}

/// Serves a connection that is a socket. Both tasks keep their bytes in buffers that `Bare` then takes over.
pub(crate) async fn serve_bare(
    socket: TcpStream,
    room: Room,
) -> Result<Ending, Box<dyn std::error::Error + Send + Sync>> {
    let (ears, mail) = mailbox(&room);
    let (mut from_client, to_client) = socket.into_split();
    let mut unread = BytesMut::new();
    let stop = room.stop.child_token();
    let mut writer = tokio::spawn(write_bytes(to_client, mail, stop.clone()));
    let (goodbye, (to_client, unwritten)) = tokio::select! {
        goodbye = read_bytes(&mut from_client, &mut unread, &ears) => {
            stop.cancel();
            (goodbye, writer.await?.0)
        }
        written = &mut writer => {
            let (half, goodbye) = written?;
            (Ok(goodbye), half)
        }
    };
    let mut bare = Bare::new(from_client.reunite(to_client)?, CloseCodec::server());
    // A Close that has come is still in here.
    bare.read_buffer = unread;
    // Half a message may still be in here. It has to be whole before our Close.
    bare.write_buffer = unwritten;
    let goodbye = match goodbye {
        Ok(goodbye) => goodbye,
        Err(Refused::Io(error)) => return Ok(lost(&bare.codec, &error)),
        Err(refused) => {
            let goodbye = refused.close();
            bare.codec.fail(goodbye);
            goodbye
        }
    };
    Ok(bare.finish(goodbye, room.timeouts).await.ending)
}

/// The same as `read`. What it leaves in `unread` begins with a frame.
async fn read_bytes(
    from_client: &mut OwnedReadHalf,
    unread: &mut BytesMut,
    ears: &Ears,
) -> Result<CloseFrame<'static>, Refused> {
    loop {
        match timeout(ears.patience, next_item(from_client, unread)).await {
            Ok(Ok(Some(item))) => ears.hear(item),
            Ok(Ok(None)) => return Ok(CloseFrame::EMPTY),
            Ok(Err(refused)) => return Err(refused),
            Err(_) => return Ok(SILENT),
        }
    }
}

/// The next item before a Close or the end. `finish` reads both of these for itself.
async fn next_item(from_client: &mut OwnedReadHalf, unread: &mut BytesMut) -> Result<Option<Item>, Refused> {
    loop {
        if unread.first().is_some_and(|first| first & 0x0f == 0x8) {
            return Ok(None);
        }
        if let Some(item) = Texts.decode(unread)? {
            return Ok(Some(item));
        }
        if from_client.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

/// The same as `write`. What it has not written it returns, too.
async fn write_bytes(
    mut to_client: OwnedWriteHalf,
    mut mail: Mail,
    stop: CancellationToken,
) -> ((OwnedWriteHalf, BytesMut), CloseFrame<'static>) {
    let mut unwritten = BytesMut::new();
    let writing = async {
        loop {
            match mail.next().await {
                Ok(answer) => {
                    if let Err(refused) = Texts.encode(answer, &mut unwritten) {
                        break refused.close();
                    }
                    // Unlike `write_all` it leaves in the buffer what is not written, even if it is cancelled.
                    match timeout(mail.patience, to_client.write_all_buf(&mut unwritten)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => break TOO_SLOW,
                    }
                }
                Err(goodbye) => break goodbye,
            }
        }
    };
    let goodbye = tokio::select! {
        goodbye = writing => goodbye,
        () = stop.cancelled() => RESTART,
    };
    ((to_client, unwritten), goodbye)
}

/// Serves until `room` is stopped, and waits until all connections have ended. Every other one is served as a socket.
pub(crate) async fn serve(listener: TcpListener, room: Room) -> io::Result<()> {
    let connections = TaskTracker::new();
    for number in 0_u64.. {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = room.stop.cancelled() => break,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            // The client has hung up already, or there are no descriptors left. Some will be.
            Err(error) => {
                eprintln!("{error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let room = room.clone();
        connections.spawn(async move {
            let ending = if number % 2 == 0 {
                serve_framed(socket, room).await.map_err(Into::into)
            } else {
                serve_bare(socket, room).await
            };
            match ending {
                Ok(ending) => println!("connection {number}: {ending}"),
                Err(error) => eprintln!("connection {number}: {error}"),
            }
        });
    }
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Says `text`, listens until the server closes, and answers.
async fn client(address: SocketAddr, text: &str) -> io::Result<()> {
    let mut socket = TcpStream::connect(address).await?;
    let key = random_key();
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).map_err(io::Error::other)?];
    frame.extend(key);
    frame.extend(text.bytes().zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key));
    socket.write_all(&frame).await?;
    let mut client = Framed::new(socket, CloseCodec::client(random_key));
    // Alone, the codec steps over all data. So this is the server's Close, or the end.
    let _close = client.next().await;
    let finished = finish(&mut client, CloseFrame::EMPTY, Timeouts::DEFAULT).await;
    println!("the client that said {text:?}: {}", finished.ending);
    Ok(())
}

/// A masking key that nobody can predict. The standard library seeds its hash maps with random numbers of the system.
fn random_key() -> [u8; 4] {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    [a, b, c, d]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let room = Room::new(PATIENCE, Timeouts::DEFAULT);
    if let Some(address) = std::env::args().nth(1) {
        let listener = TcpListener::bind(&address).await?;
        println!("listening on {}", listener.local_addr()?);
        return serve(listener, room).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stop = async {
        sleep(Duration::from_millis(200)).await;
        room.stop.cancel();
        Ok(())
    };
    tokio::try_join!(serve(listener, room.clone()), client(address, "hello"), client(address, "hi"), stop)?;
    Ok(())
}
