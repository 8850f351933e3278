//! Runs the table against libraries for Python and Node. Each peer is a script that runs many connections at the same
//! time.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use close_interop::session::{Peer, SILENCE, Task, check, raw_close, report};
use close_interop::table::{Deviation, Theirs};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use websocket_close::Role;

const WEBSOCKETS: &[Deviation] = &[];
const WS: &[Deviation] = &[];

#[tokio::test]
async fn python_websockets_ends_as_the_table_says() {
    let script = Script::new("../../target/interop/venv/bin/python", "peers/websockets_peer.py", None);
    check(&script, WEBSOCKETS).await;
}

#[tokio::test]
async fn node_ws_ends_as_the_table_says() {
    let script = Script::new("node", "peers/ws_peer.mjs", Some("peers/node_modules/ws"));
    check(&script, WS).await;
}

/// The receiver of the lines about each connection, by its id.
type Waiting = Arc<Mutex<HashMap<u64, mpsc::UnboundedSender<Value>>>>;

/// A running script. A task is a line of JSON with an `id`. The answers are lines with the same `id`: the `port` if it
/// is a server, then the report.
struct Script {
    _child: Child,
    input: Mutex<ChildStdin>,
    waiting: Waiting,
    next_id: AtomicU64,
}

impl Script {
    /// Starts `script`, which needs the installed file `needed`.
    fn new(interpreter: &str, script: &str, needed: Option<&str>) -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let interpreter = if interpreter.contains('/') { home.join(interpreter) } else { interpreter.into() };
        let installed = needed.is_none_or(|needed| home.join(needed).exists());
        let child = Command::new(interpreter)
            .arg(home.join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = match child {
            Ok(child) if installed => child,
            _ => panic!("{script}: a program or library is missing; run tests/interop/setup.sh first"),
        };
        let waiting = Waiting::default();
        tokio::spawn(listen(child.stdout.take().unwrap(), waiting.clone()));
        let input = Mutex::new(child.stdin.take().unwrap());
        Self { _child: child, input, waiting, next_id: AtomicU64::new(0) }
    }
}

/// Hands every line of a script to the receiver for its `id`.
async fn listen(output: ChildStdout, waiting: Waiting) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line: Value = serde_json::from_str(&line).unwrap();
        if let Some(receiver) = waiting.lock().await.get(&line["id"].as_u64().unwrap()) {
            receiver.send(line).ok();
        }
    }
    // The script has ended. This wakes everybody who waits for a line.
    waiting.lock().await.clear();
}

impl Peer for Script {
    const OPENS: bool = true;

    async fn start(&self, dial: Option<u16>, task: Task) -> io::Result<(u16, JoinHandle<String>)> {
        let role = if dial.is_some() { Role::Client } else { Role::Server };
        let mut line = match task.theirs {
            Theirs::Wait => json!({"act": "wait"}),
            Theirs::Close(None) => json!({"act": "close", "arguments": []}),
            Theirs::Close(Some((code, reason))) => json!({"act": "close", "arguments": [code, reason]}),
            Theirs::TellAndClose => json!({"act": "tell and close", "arguments": [4001, "theirs"]}),
            Theirs::Talk => json!({"act": "talk", "arguments": [1000, "bye"]}),
            Theirs::Raw(payload) => json!({"act": "raw", "frame": raw_close(role, payload)}),
            Theirs::Silent => json!({"act": "silent", "seconds": SILENCE.as_secs_f64()}),
            Theirs::Drop => json!({"act": "drop"}),
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        line["id"] = id.into();
        line["dial"] = dial.into();
        line["patience"] = task.patience.as_secs_f64().into();

        let (sender, mut receiver) = mpsc::unbounded_channel();
        self.waiting.lock().await.insert(id, sender);
        self.input.lock().await.write_all(format!("{line}\n").as_bytes()).await?;
        let port = if let Some(port) = dial {
            port
        } else {
            let line = receiver.recv().await.ok_or(io::ErrorKind::UnexpectedEof)?;
            // A line without a port tells what went wrong.
            u16::try_from(line["port"].as_u64().ok_or_else(|| io::Error::other(line.to_string()))?).unwrap()
        };
        let reported = async move {
            let Some(line) = receiver.recv().await else { return "the script has ended".into() };
            match (line["code"].as_u64(), line["reason"].as_str()) {
                (Some(code), Some(reason)) => report(u16::try_from(code).unwrap(), reason),
                _ => line.to_string(),
            }
        };
        Ok((port, tokio::spawn(reported)))
    }
}
