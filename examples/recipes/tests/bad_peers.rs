//! Every example and recipe as a program, against four bad peers. Within the bound that the program states, it has to
//! print the ending of each connection, and to let go of it. A program that does not is killed, and the test fails. So
//! does a program that is not here, or that states no bound. The twins have the bounds of their recipes, but print no
//! endings. One exception: hyper keeps the stream of an HTTP/2 client that does not read.

mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use process::{Process, open};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink, split};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// What may come on top of a bound: a busy machine, and the time until a peer that does not read is stuck.
const SLACK: Duration = Duration::from_secs(5);

/// How long a peer may take to find out that nobody holds the other end any more.
const LETTING_GO: Duration = Duration::from_secs(2);

/// The examples that are not here. `own_parser` and `reconnect` have no peer. The lab waits for a person at a browser.
const NOT_HERE: [&str; 3] = ["lab", "own_parser", "reconnect"];
/// What the recipes share.
const SHARED: [&str; 7] = ["accept", "actix_codec", "deadline", "device", "fragments", "lib", "main"];

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
#[derive(Clone, Copy, Debug)]
enum Opens {
    Http,
    Http2,
    /// Behind the opening handshake.
    AtOnce,
}

/// What the program is for its bad peers.
#[derive(Clone, Copy, Debug)]
enum Is {
    Server(Opens),
    Client,
    /// A proxy, whose client, whose server, or both are bad.
    ProxyFor(&'static [Role], Opens),
}

struct Row {
    /// `close-recipes`, or the name of an example.
    program: &'static str,
    /// `ADDRESS` is where it listens or connects, `UPSTREAM` where the proxy connects.
    arguments: &'static [&'static str],
    is: Is,
    /// How many seconds a connection may last, as the program states it.
    bound: u64,
    /// How many bad peers of a kind come to one process.
    peers: usize,
    /// The length of a text. Some programs take only short ones.
    text_len: u16,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("close-recipes", &["actix", "ADDRESS"], Is::Server(Opens::Http), 22),
    row("close-recipes", &["axum", "ADDRESS"], Is::Server(Opens::Http), 20),
    row("close-recipes", &["fastwebsockets", "ADDRESS"], Is::Server(Opens::Http), 14),
    row("close-recipes", &["http2", "ADDRESS"], Is::Server(Opens::Http2), 27),
    row("close-recipes", &["hyper", "ADDRESS"], Is::Server(Opens::Http), 32),
    Row { text_len: 125, ..row("close-recipes", &["no_std", "ADDRESS"], Is::Server(Opens::Http), 9) },
    row("close-recipes", &["server", "ADDRESS"], Is::Server(Opens::Http), 27),
    row("close-recipes", &["std_net", "ADDRESS"], Is::Server(Opens::Http), 14),
    row("close-recipes", &["tungstenite", "ADDRESS", "UPSTREAM"], Is::ProxyFor(&[Role::Client], Opens::Http), 40),
    row("close-recipes", &["tungstenite", "ADDRESS", "UPSTREAM"], Is::ProxyFor(&[Role::Server], Opens::Http), 40),
    row("close-recipes", &["tungstenite", "ADDRESS", "UPSTREAM"], Is::ProxyFor(&[Role::Client, Role::Server], Opens::Http), 40),
    row("blocking", &["serve", "ADDRESS"], Is::Server(Opens::AtOnce), 22),
    row("blocking", &["connect", "ADDRESS"], Is::Client, 12),
    // One is a `Framed`, the other a socket.
    Row { peers: 2, ..row("chat", &["ADDRESS"], Is::Server(Opens::AtOnce), 32) },
    row("own_decoder", &["ADDRESS"], Is::Client, 32),
    row("proxy", &["ADDRESS", "UPSTREAM"], Is::ProxyFor(&[Role::Client], Opens::AtOnce), 32),
    row("proxy", &["ADDRESS", "UPSTREAM"], Is::ProxyFor(&[Role::Server], Opens::AtOnce), 32),
    row("proxy", &["ADDRESS", "UPSTREAM"], Is::ProxyFor(&[Role::Client, Role::Server], Opens::AtOnce), 32),
    row("wrap", &["serve", "ADDRESS"], Is::Server(Opens::AtOnce), 22),
    Row { text_len: 125, ..row("wrap", &["listen", "ADDRESS"], Is::Client, 22) },
];

const fn row(program: &'static str, arguments: &'static [&'static str], is: Is, bound: u64) -> Row {
    Row { program, arguments, is, bound, peers: 1, text_len: 4096 }
}

impl Row {
    /// The name of the example or the recipe.
    fn name(&self) -> &'static str {
        if self.program == "close-recipes" { self.arguments[0] } else { self.program }
    }

    /// Its name, and that of its twin, if it has one.
    fn names(&self) -> Vec<String> {
        let names = [self.name().to_owned(), format!("{}_without", self.name())];
        names.into_iter().filter(|name| self.source(name).exists()).collect()
    }

    fn source(&self, name: &str) -> PathBuf {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = if self.program == "close-recipes" { recipes.join("src") } else { recipes.join("..") };
        folder.join(name).with_extension("rs")
    }

    /// The arguments of the program, or of its twin.
    fn arguments<'a>(&self, name: &'a str, address: &'a str, upstream: &'a str) -> Vec<&'a str> {
        let arguments = self.arguments.iter().map(|argument| match *argument {
            "ADDRESS" => address,
            "UPSTREAM" => upstream,
            argument if argument == self.name() => name,
            argument => argument,
        });
        arguments.collect()
    }
}

/// The names in a folder, without their extensions.
fn names_in(folder: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
}

#[test]
fn every_program_is_here() {
    let mut programs: BTreeSet<String> =
        names_in("..").filter(|name| name != "recipes").chain(names_in("src")).collect();
    for name in NOT_HERE.iter().chain(&SHARED) {
        assert!(programs.remove(*name), "{name} is no more");
    }
    let here: BTreeSet<String> = ROWS.iter().flat_map(Row::names).collect();
    assert_eq!(here, programs);
}

#[test]
fn each_program_states_its_bound() {
    for row in ROWS {
        for name in row.names() {
            let source = fs::read_to_string(row.source(&name)).unwrap();
            let docs: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
            let stated = format!(" within {} seconds", row.bound);
            assert!(docs.concat().contains(&stated), "{name} does not say{stated:?}");
        }
    }
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
            for name in row.names() {
                meetings.spawn(meet(program.to_owned(), row, name, bad));
            }
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

/// Each server still serves after it had no descriptors left for a client. The sensor of `no_std` takes one client at a
/// time, so it never runs out of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_server_outlives_a_failed_accept() {
    let examples = examples();
    let mut servers = JoinSet::new();
    for row in ROWS.iter().filter(|row| row.name() != "no_std") {
        let program = examples.get(row.program).map_or(env!("CARGO_BIN_EXE_close-recipes"), |example| example);
        // One row of each proxy is enough.
        if let Is::Server(opens) | Is::ProxyFor([Role::Client], opens) = row.is {
            servers.spawn(outlive_a_failed_accept(program.to_owned(), row, opens));
        }
    }
    servers.join_all().await;
}

async fn outlive_a_failed_accept(program: String, row: &'static Row, opens: Opens) {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = upstream.local_addr().unwrap().to_string();
    let here = if matches!(opens, Opens::AtOnce) { here } else { format!("ws://{here}") };
    tokio::spawn(async move {
        loop {
            let (stream, _) = upstream.accept().await.unwrap();
            tokio::spawn(async move {
                let stream: Box<dyn Transport> = if matches!(opens, Opens::AtOnce) {
                    Box::new(stream)
                } else {
                    // The proxy hangs up on some.
                    let Ok(socket) = accept_async(stream).await else { return };
                    Box::new(socket.into_inner())
                };
                behave(stream, Role::Server).await;
            });
        }
    });
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 48; exec "$0" "$@" 2>&1"#, &program]).args(row.arguments(
        row.name(),
        "127.0.0.1:0",
        &here,
    ));
    let process = Process::spawn(command);
    let address = listens_on(&process);
    let mut mute = Vec::new();
    for _ in 0..96 {
        mute.push(TcpStream::connect(&address).await.unwrap());
    }
    // actix logs it elsewhere.
    if row.name() != "actix" {
        assert!(says(&process, "Too many open files", Duration::from_secs(20)), "{} has no limit", row.name());
    }
    drop(mute);

    // It takes a moment until the descriptors are free, and until then a proxy finds none for its upstream.
    let mut served = false;
    for _ in 0..10 {
        if let Ok(mut client) = connect(&address, opens, Bad::Silent).await {
            // A server that hangs up again is asked again.
            let _ = client.write_all(b"\x88\x80\0\0\0\0").await;
            let reading = tokio::spawn(async move { copy(&mut client, &mut sink()).await });
            served = says(&process, "), clean; ", Duration::from_secs(5));
            reading.abort();
        }
        if served {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    assert!(served, "{} serves no more", row.name());
}

/// Lets the peers of other programs go on meanwhile.
fn listens_on(process: &Process) -> String {
    tokio::task::block_in_place(|| process.listens_on())
}

/// Waits for a line with these words.
fn says(process: &Process, words: &str, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    let line = || process.line(deadline.saturating_duration_since(Instant::now()));
    tokio::task::block_in_place(|| std::iter::from_fn(line).any(|line| line.contains(words)))
}

/// Lets a program meet its bad peers. The error says which of them it has not ended in time.
async fn meet(program: String, row: &'static Row, name: String, bad: Bad) -> Result<(), String> {
    let socket = socket(bad);
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(16).unwrap();
    let here = listener.local_addr().unwrap().to_string();
    let upstream = match row.is {
        Is::ProxyFor(_, Opens::AtOnce) => here.clone(),
        _ => format!("ws://{here}"),
    };
    let address = if matches!(row.is, Is::Client) { &here } else { "127.0.0.1:0" };
    let mut command = Command::new(program);
    command.args(row.arguments(&name, address, &upstream));
    let process = Process::spawn(command);
    let address = if matches!(row.is, Is::Client) { String::new() } else { listens_on(&process) };

    let mut bad_ends: Vec<(Box<dyn Transport>, Role)> = Vec::new();
    for _ in 0..row.peers {
        match row.is {
            Is::Server(opens) => bad_ends.push((connect(&address, opens, bad).await.unwrap(), Role::Client)),
            Is::Client => bad_ends.push((Box::new(listener.accept().await.unwrap().0), Role::Server)),
            Is::ProxyFor(bad_roles, opens) => {
                let client = connect(&address, opens, bad);
                let server = async { accept(listener.accept().await.unwrap().0, opens).await };
                let (client, server) = tokio::join!(client, server);
                for (role, end) in [(Role::Client, client.unwrap()), (Role::Server, server)] {
                    if bad_roles.contains(&role) {
                        bad_ends.push((end, role));
                    } else {
                        tokio::spawn(behave(end, role));
                    }
                }
            }
        }
    }
    let deadline = Instant::now() + Duration::from_secs(row.bound) + SLACK;
    let mut peers = JoinSet::new();
    for (end, role) in bad_ends {
        peers.spawn(misbehave(end, bad, row.text_len, role, deadline));
    }
    let lines = match row.is {
        _ if name != row.name() => 0,
        Is::ProxyFor(..) => 2 * row.peers,
        Is::Client | Is::Server(_) => row.peers,
    };
    let started = Instant::now();
    let told = tokio::task::spawn_blocking(move || {
        let line = || process.line(deadline.saturating_duration_since(Instant::now()));
        // Some programs also print what they receive.
        let endings = std::iter::from_fn(line).filter(|line| line.contains(" clean; "));
        (endings.take(lines).collect::<Vec<_>>(), process)
    });
    let (told, _process) = told.await.unwrap();
    let name = format!("{name} {:?}, {bad:?}", row.is);
    if lines > 0 {
        println!("{name}: {:.1?} of {} s", started.elapsed(), row.bound);
    }
    for line in &told {
        println!("    {line}");
    }
    // hyper waits for the client's window. The recipe tells so.
    let is_kept = matches!((row.is, bad), (Is::Server(Opens::Http2), Bad::DoesNotRead));
    let let_go = timeout_at((deadline + LETTING_GO).into(), peers.join_all()).await;
    if told.len() < lines {
        Err(format!("{name} does not tell"))
    } else if let_go.is_err() != is_kept {
        Err(if is_kept { format!("{name} lets go") } else { format!("{name} does not let go") })
    } else {
        Ok(())
    }
}

/// A peer that does not read takes little, so that the program is soon stuck.
fn socket(bad: Bad) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    if let Bad::DoesNotRead = bad {
        socket.set_recv_buffer_size(4096).unwrap();
    }
    socket
}

async fn connect(address: &str, opens: Opens, bad: Bad) -> io::Result<Box<dyn Transport>> {
    let mut stream = socket(bad).connect(address.parse().unwrap()).await?;
    match opens {
        Opens::AtOnce => {}
        Opens::Http => open(&mut stream).await?,
        Opens::Http2 => {
            let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
            let (mut client, connection) = handshake.await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            let request = Request::connect("http://localhost/").header("sec-websocket-version", "13");
            let protocol = hyper::ext::Protocol::from_static("websocket");
            let response = client.send_request(request.extension(protocol).body(Empty::<Bytes>::new()).unwrap());
            let upgraded = hyper::upgrade::on(response.await.map_err(io::Error::other)?).await;
            return Ok(Box::new(TokioIo::new(upgraded.map_err(io::Error::other)?)));
        }
    }
    Ok(Box::new(stream))
}

async fn accept(stream: TcpStream, opens: Opens) -> Box<dyn Transport> {
    match opens {
        Opens::Http => Box::new(accept_async(stream).await.unwrap().into_inner()),
        Opens::Http2 | Opens::AtOnce => Box::new(stream),
    }
}

/// Reads until the end, answers a Close, and echoes texts. It does not wait for an echo to be taken.
async fn behave(transport: Box<dyn Transport>, role: Role) {
    let (mut to, mut from) = WebSocketStream::from_raw_socket(transport, role, None).await.split();
    let (echo, mut echoes) = mpsc::unbounded_channel();
    let reading = async move {
        while let Some(Ok(message)) = from.next().await {
            if let Message::Text(_) = message {
                let _ = echo.send(message);
            }
        }
    };
    let writing = async {
        while let Some(message) = echoes.recv().await {
            let _ = to.send(message).await;
        }
    };
    tokio::join!(reading, writing);
}

/// Goes on until the program ends the transport, keeps its own end until the deadline, and then waits until nobody
/// holds the other one.
async fn misbehave(transport: Box<dyn Transport>, bad: Bad, text_len: u16, role: Role, deadline: Instant) {
    // A client masks its frames; the key is zero.
    let (mask, key): (u8, &[u8]) = if role == Role::Client { (0x80, &[0; 4]) } else { (0, &[]) };
    let len = match u8::try_from(text_len) {
        Ok(len @ ..126) => vec![mask | len],
        _ => [&[mask | 0x7e], &text_len.to_be_bytes()[..]].concat(),
    };
    let text = [&[0x81], &len[..], key, &vec![b'x'; text_len.into()]].concat();
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
            // If they are echoed, far more than the buffers on the way hold.
            Bad::DoesNotRead => {
                for _ in 0..2000 {
                    to.write_all(&text).await?;
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
    sleep_until(deadline.into()).await;
    while to.write_all(&[0]).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
}
