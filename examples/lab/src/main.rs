//! A lab for the end of a WebSocket: a page in a browser, a server made of `websocket-close`, and what each reports.
//!
//! `cargo run -p close-lab` serves the page. `cargo run -p close-lab -- check` runs thousands of endings in a headless
//! browser, and compares what the browser reports with what the crate reports.
#![forbid(unsafe_code)]

mod browser;
mod check;
mod run;

use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lexopt::prelude::{Long, Value, ValueExt};
use serde::Deserialize;
use serde_json::json;
use sha1::{Digest, Sha1};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use websocket_close::{registry, script};

use browser::{Browser, Kind};
use run::{Ending, Fault, First, Log, Plan};

const HELP: &str = "\
close-lab: how a WebSocket ends, in your browser

    cargo run -p close-lab [-- --port N]                 serve the page on 127.0.0.1 (port 8455)
    cargo run -p close-lab -- check [--browser PATH]     let a headless browser check it all:
                                                         Chromium (/usr/bin/chromium) or Firefox";

/// The number of addresses for the check, from 127.0.0.2 on. Chromium opens only about a hundred connections a second
/// to one port. Firefox opens only one at a time to one address.
const LANES: u8 = 6;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut port, mut browser, mut checking) = (None, "/usr/bin/chromium".into(), false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("port") => port = Some(args.value()?.parse()?),
            Long("browser") => browser = args.value()?,
            Long("help") => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            Value(word) if word == "check" => checking = true,
            _ => return Err(format!("{}\n\n{HELP}", arg.unexpected()).into()),
        }
    }
    let port = port.unwrap_or(if checking { 0 } else { 8455 });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.map_err(|error| format!("port {port}: {error}; choose another with `--port N`"))?;
    let address = format!("http://{}", listener.local_addr()?);
    if checking {
        let browser = Browser::at(browser);
        let (lab, findings) = Lab::with_cases(browser.kind);
        tokio::spawn(serve(lab.clone(), listener));
        let mut hosts = Vec::new();
        for lane in 0..LANES {
            let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2 + lane), 0)).await?;
            hosts.push(listener.local_addr()?.to_string());
            tokio::spawn(serve(lab.clone(), listener));
        }
        return check::check(&lab, findings, &browser, &format!("{address}/check?hosts={}", hosts.join(","))).await;
    }
    println!("The lab is open at {address}. Ctrl-C ends it.");
    serve(Arc::new(Lab::default()), listener).await;
    Ok(ExitCode::SUCCESS)
}

/// All runs. The number of a run is its index.
#[derive(Default)]
struct Lab {
    runs: Mutex<Vec<Arc<Run>>>,
    check: Option<Check>,
}

struct Run {
    plan: Plan,
    log: watch::Sender<Option<Log>>,
}

/// The part of the lab that only `check` needs.
struct Check {
    cases: Vec<check::Case>,
    findings: mpsc::Sender<check::Findings>,
}

impl Lab {
    fn with_cases(kind: Kind) -> (Arc<Self>, mpsc::Receiver<check::Findings>) {
        let (findings, receiver) = mpsc::channel(1);
        let cases = check::cases(kind);
        let runs = cases.iter().map(|case| Run::new(case.plan.clone())).collect();
        (Arc::new(Self { runs: Mutex::new(runs), check: Some(Check { cases, findings }) }), receiver)
    }

    fn add(&self, plan: Plan) -> usize {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push(Run::new(plan));
        runs.len() - 1
    }

    fn run(&self, number: &str) -> Option<Arc<Run>> {
        let number: usize = number.parse().ok()?;
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned()
    }
}

impl Run {
    fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan, log: watch::Sender::new(None) })
    }

    /// Waits for the end of the run.
    async fn log(&self) -> Option<Log> {
        self.log.subscribe().wait_for(Option::is_some).await.ok()?.clone()
    }
}

/// What the page asks for.
#[derive(Deserialize)]
struct Ask {
    first: First,
    code: Option<u16>,
    reason: String,
    fault: Fault,
    ending: Ending,
}

impl Ask {
    /// What the browser's `close()` does with these arguments, according to this crate.
    fn script(&self) -> serde_json::Value {
        match script::close(self.code, (!self.reason.is_empty()).then_some(&self.reason)) {
            Ok(frame) => json!({ "sends": frame.to_string() }),
            Err(error) => json!({ "throws": error.name(), "why": error.to_string() }),
        }
    }
}

impl From<Ask> for Plan {
    fn from(ask: Ask) -> Self {
        let payload = ask.code.map(|code| [&code.to_be_bytes(), ask.reason.as_bytes()].concat()).unwrap_or_default();
        Self { first: ask.first, payload, fault: ask.fault, ending: ask.ending }
    }
}

async fn serve(lab: Arc<Lab>, listener: TcpListener) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // The browser has hung up already, or there are no descriptors left. Some will be.
            Err(error) => {
                eprintln!("{error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // A Close that is written byte by byte must also be sent byte by byte.
        let _ = stream.set_nodelay(true);
        let lab = lab.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(answer(&lab, request).await) });
            // An error means that the browser has gone away.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(lab: &Lab, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let (method, path) = (request.method().clone(), path.trim_matches('/'));
    let route = path.split_once('/').unwrap_or((path, ""));
    match (method, route, &lab.check) {
        (Method::GET, ("", ""), _) => page("text/html", include_str!("../page/index.html")),
        (Method::GET, ("wsclose", ""), _) => page("text/plain", include_str!("../../../wsclose/README.md")),
        (Method::GET, ("lab.css", ""), _) => page("text/css", include_str!("../page/lab.css")),
        (Method::GET, ("lab.js", ""), _) => page("text/javascript", include_str!("../page/lab.js")),
        (Method::GET, ("codes", ""), _) => {
            let rows = registry::REGISTRY.iter();
            data(&rows.map(|row| json!({ "first": row.first, "last": row.last, "name": row.name })).collect::<Vec<_>>())
        }
        (Method::POST, ("runs", ""), _) => match body::<Ask>(request).await {
            Ok(ask) => {
                let script = ask.script();
                data(&json!({ "id": lab.add(ask.into()), "script": script }))
            }
            Err(error) => status(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        (Method::GET, ("ws", number), _) => match lab.run(number) {
            Some(run) => upgrade(run, request),
            None => status(StatusCode::NOT_FOUND, "no such run"),
        },
        (Method::GET, ("log", number), _) => match lab.run(number) {
            Some(run) => data(&run.log().await),
            None => status(StatusCode::NOT_FOUND, "no such run"),
        },
        (Method::GET, ("check", ""), Some(_)) => page("text/html", include_str!("../page/check.html")),
        (Method::GET, ("check", "cases"), Some(check)) => {
            data(&check.cases.iter().map(|case| &case.close).collect::<Vec<_>>())
        }
        (Method::POST, ("check", "findings"), Some(check)) => match body(request).await {
            Ok(findings) => {
                let _ = check.findings.send(findings).await;
                status(StatusCode::OK, "thank you")
            }
            Err(error) => status(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        _ => status(StatusCode::NOT_FOUND, "no such page"),
    }
}

/// Accepts the WebSocket and hands its bytes to the run.
/// [RFC 6455, 4.2.2](https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2)
fn upgrade(run: Arc<Run>, request: Request<Incoming>) -> Answer {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return status(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket");
    };
    let accept = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header(SEC_WEBSOCKET_ACCEPT, BASE64_STANDARD.encode(accept));
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
        let log = run::run(&run.plan, parts.io.into_inner(), &parts.read_buf).await;
        run.log.send_replace(Some(log));
    });
    answer.body(Full::default()).unwrap_or_default()
}

async fn body<T: serde::de::DeserializeOwned>(request: Request<Incoming>) -> Result<T, Box<dyn Error + Send + Sync>> {
    Ok(serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?)
}

fn page(kind: &str, text: &'static str) -> Answer {
    let answer =
        Response::builder().header(CONTENT_TYPE, format!("{kind}; charset=utf-8")).header(CACHE_CONTROL, "no-store");
    answer.body(text.into()).unwrap_or_default()
}

fn data(value: &impl serde::Serialize) -> Answer {
    let answer = Response::builder().header(CONTENT_TYPE, "application/json").header(CACHE_CONTROL, "no-store");
    match serde_json::to_vec(value) {
        Ok(json) => answer.body(json.into()).unwrap_or_default(),
        Err(error) => status(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn status(status: StatusCode, text: &str) -> Answer {
    Response::builder().status(status).body(text.to_owned().into()).unwrap_or_default()
}
