//! Every example and recipe as a program, against four bad peers. Each connection has to end within the bound that
//! follows from the program's constants, which is when the program prints its ending. One that does not is killed, and
//! the test fails.
//!
//! `own_parser`, `reconnect` and `wsclose` are not here: they have no peer.

mod process;

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use process::{Process, open};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// What may come on top of a bound: a busy machine, and the time until the buffers of a peer that does not read are
/// full.
const SLACK: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug)]
enum Bad {
    /// It says nothing, and reads.
    Silent,
    /// It sends a frame that nobody may send, and then texts as fast as it goes. It reads.
    Floods,
    /// It sends a text, a byte now and then. It reads.
    Trickles,
    /// It sends texts until they are stuck, and reads nothing.
    DoesNotRead,
}

/// How a connection begins.
#[derive(Clone, Copy)]
enum Opens {
    Http,
    Http2,
    /// Behind the opening handshake.
    AtOnce,
}

/// What the program is for its bad peers.
#[derive(Clone, Copy)]
enum Is {
    Server(Opens),
    Client,
    /// A proxy, whose client or whose server is bad.
    ProxyFor(Role, Opens),
}

struct Row {
    /// `close-recipes`, or the name of an example.
    program: &'static str,
    /// `ADDRESS` is where it listens or connects, `UPSTREAM` where the proxy connects.
    arguments: &'static [&'static str],
    is: Is,
    /// How many bad peers of a kind come to one process.
    peers: usize,
    /// How many seconds each connection may last, by the constants of the program.
    bound: u64,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // A frame, its echo, and the closing.
    row("close-recipes", &["actix", "ADDRESS"], Is::Server(Opens::Http), 1, 10 + 10 + 10 + 2),
    row("close-recipes", &["fastwebsockets", "ADDRESS"], Is::Server(Opens::Http), 1, 10 + 10 + 2 + 2),
    row("close-recipes", &["server", "ADDRESS"], Is::Server(Opens::Http), 1, 20 + 10 + 5 + 2),
    row("close-recipes", &["http2", "ADDRESS"], Is::Server(Opens::Http2), 1, 20 + 10 + 5 + 2),
    // A frame together with its echo, and the closing.
    row("close-recipes", &["std_net", "ADDRESS"], Is::Server(Opens::Http), 1, 10 + 2 + 2),
    // The client's question, and the closing.
    row("close-recipes", &["axum", "ADDRESS"], Is::Server(Opens::Http), 1, 10 + 10),
    // A stay, and the closing.
    row("close-recipes", &["hyper", "ADDRESS"], Is::Server(Opens::Http), 1, 20 + 10 + 2),
    row("close-recipes", &["no_std", "ADDRESS"], Is::Server(Opens::Http), 1, 5 + 2 + 2),
    // Silence and a message on its way, then one closing after the other.
    row("close-recipes", &["tungstenite", "ADDRESS", "UPSTREAM"], Is::ProxyFor(Role::Client, Opens::Http), 1, 20 + 10 + 10 + 10),
    row("close-recipes", &["tungstenite", "ADDRESS", "UPSTREAM"], Is::ProxyFor(Role::Server, Opens::Http), 1, 20 + 10 + 10 + 10),
    // The same, with both closings at once.
    row("proxy", &["ADDRESS", "UPSTREAM"], Is::ProxyFor(Role::Client, Opens::AtOnce), 1, 20 + 10 + 10 + 2),
    row("proxy", &["ADDRESS", "UPSTREAM"], Is::ProxyFor(Role::Server, Opens::AtOnce), 1, 20 + 10 + 10 + 2),
    row("blocking", &["serve", "ADDRESS"], Is::Server(Opens::AtOnce), 1, 10 + 10 + 2),
    row("blocking", &["connect", "ADDRESS"], Is::Client, 1, 10 + 2),
    // One is a `Framed`, the other a socket.
    row("chat", &["ADDRESS"], Is::Server(Opens::AtOnce), 2, 20 + 10 + 2),
    row("own_decoder", &["ADDRESS"], Is::Client, 1, 20 + 10 + 2),
    row("wrap", &["serve", "ADDRESS"], Is::Server(Opens::AtOnce), 1, 10 + 10 + 2),
    row("wrap", &["listen", "ADDRESS"], Is::Client, 1, 10 + 10 + 2),
];

const fn row(program: &'static str, arguments: &'static [&'static str], is: Is, peers: usize, bound: u64) -> Row {
    Row { program, arguments, is, peers, bound }
}

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connection_ends_in_time() {
    let examples = examples();
    let mut meetings = JoinSet::new();
    for row in ROWS {
        let program = examples.get(row.program).map_or(env!("CARGO_BIN_EXE_close-recipes"), |example| example);
        for bad in [Bad::Silent, Bad::Floods, Bad::Trickles, Bad::DoesNotRead] {
            meetings.spawn(meet(program.to_owned(), row, bad));
        }
    }
    let late: Vec<String> = meetings.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(late.is_empty(), "{late:#?}");
}

/// The programs of all examples. Cargo builds them, if need be.
fn examples() -> BTreeMap<String, String> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "websocket-close", "--all-features", "--examples"])
        .args(["--message-format", "json"])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = built.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let messages = messages.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
    let program = |message: serde_json::Value| {
        let [name, path] = [&message["target"]["name"], &message["executable"]].map(|text| text.as_str());
        Some((name?.to_owned(), path?.to_owned()))
    };
    messages.filter_map(program).collect()
}

/// Lets a program meet its bad peers. The error says which of them it has not ended in time.
async fn meet(program: String, row: &'static Row, bad: Bad) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().to_string();
    let upstream = match row.is {
        Is::ProxyFor(_, Opens::AtOnce) => here.clone(),
        _ => format!("ws://{here}"),
    };
    let address = if matches!(row.is, Is::Client) { &here } else { "127.0.0.1:0" };
    let arguments = row.arguments.iter().map(|argument| match *argument {
        "ADDRESS" => address,
        "UPSTREAM" => &*upstream,
        argument => argument,
    });
    let mut command = Command::new(program);
    command.args(arguments);
    let process = Process::spawn(command);
    let address = if matches!(row.is, Is::Client) { String::new() } else { process.listens_on() };

    let mut peers = JoinSet::new();
    for _ in 0..row.peers {
        match row.is {
            Is::Server(opens) => peers.spawn(misbehave(connect(&address, opens).await, bad, Role::Client)),
            Is::Client => peers.spawn(misbehave(Box::new(listener.accept().await.unwrap().0), bad, Role::Server)),
            Is::ProxyFor(role, opens) => {
                let client = async { connect(&address, opens).await };
                let server = async { accept(listener.accept().await.unwrap().0, opens).await };
                let (client, server) = tokio::join!(client, server);
                let (peer, other) = if role == Role::Client { (client, server) } else { (server, client) };
                let role_of_other = if role == Role::Client { Role::Server } else { Role::Client };
                peers.spawn(behave(other, role_of_other));
                peers.spawn(misbehave(peer, bad, role))
            }
        };
    }
    let lines = row.peers * if matches!(row.is, Is::ProxyFor(..)) { 2 } else { 1 };
    let started = Instant::now();
    let told = tokio::task::spawn_blocking(move || {
        let deadline = started + Duration::from_secs(row.bound) + SLACK;
        let line = || process.line(deadline.saturating_duration_since(Instant::now()));
        // Some programs also print what they receive.
        let endings = std::iter::from_fn(line).filter(|line| line.contains(" clean; "));
        endings.take(lines).collect::<Vec<_>>()
    });
    let told = told.await.unwrap();
    let name = format!("{} {}, {bad:?}", row.program, row.arguments.join(" "));
    println!("{name}: {:.1?} of {} s", started.elapsed(), row.bound);
    for line in &told {
        println!("    {line}");
    }
    if told.len() == lines { Ok(()) } else { Err(name) }
}

async fn connect(address: &str, opens: Opens) -> Box<dyn Transport> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    match opens {
        Opens::AtOnce => {}
        Opens::Http => open(&mut stream).await,
        Opens::Http2 => {
            let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
            let (mut client, connection) = handshake.await.unwrap();
            tokio::spawn(connection);
            let request = Request::connect("http://localhost/").header("sec-websocket-version", "13");
            let protocol = hyper::ext::Protocol::from_static("websocket");
            let response = client.send_request(request.extension(protocol).body(Empty::<Bytes>::new()).unwrap());
            return Box::new(TokioIo::new(hyper::upgrade::on(response.await.unwrap()).await.unwrap()));
        }
    }
    Box::new(stream)
}

async fn accept(stream: TcpStream, opens: Opens) -> Box<dyn Transport> {
    match opens {
        Opens::Http => Box::new(accept_async(stream).await.unwrap().into_inner()),
        Opens::Http2 | Opens::AtOnce => Box::new(stream),
    }
}

/// Reads until the end, and answers a Close.
async fn behave(transport: Box<dyn Transport>, role: Role) {
    let mut socket = WebSocketStream::from_raw_socket(transport, role, None).await;
    while let Some(Ok(_)) = socket.next().await {}
}

/// Goes on until the program ends the transport, and keeps its own end.
async fn misbehave(transport: Box<dyn Transport>, bad: Bad, role: Role) {
    // A client masks its frames; the key is zero.
    let (mask, key): (u8, &[u8]) = if role == Role::Client { (0x80, &[0; 4]) } else { (0, &[]) };
    let text = [&[0x81, mask | 0x7d], key, &[b'x'; 125]].concat();
    let (mut from, mut to) = split(transport);
    let sending = async {
        match bad {
            Bad::Silent => {}
            Bad::Floods => {
                to.write_all(&[&[0xf3, mask], key].concat()).await?;
                let texts = text.repeat(100);
                loop {
                    to.write_all(&texts).await?;
                }
            }
            Bad::Trickles => loop {
                for byte in &text {
                    to.write_all(&[*byte]).await?;
                    sleep(Duration::from_millis(200)).await;
                }
            },
            // Far more than the buffers on the way hold.
            Bad::DoesNotRead => {
                let texts = text.repeat(1000);
                for _ in 0..200 {
                    to.write_all(&texts).await?;
                }
            }
        }
        io::Result::Ok(())
    };
    let reading = async {
        if !matches!(bad, Bad::DoesNotRead) {
            let _ = copy(&mut from, &mut sink()).await;
        }
    };
    // An error of either is the end of the transport.
    let _ = tokio::join!(sending, reading);
    pending::<()>().await;
}
