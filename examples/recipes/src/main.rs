//! Runs one recipe, or its twin without the crate: `cargo run -p close-recipes -- hyper 127.0.0.1:9001`.
#![forbid(unsafe_code)]

mod accept;
mod actix;
mod actix_codec;
mod actix_without;
mod axum;
mod axum_without;
mod deadline;
mod device;
mod fastwebsockets;
mod fastwebsockets_without;
mod fragments;
mod http2;
mod hyper;
mod hyper_without;
mod server;
mod std_net;
mod std_net_without;
mod tungstenite;
mod tungstenite_without;

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["actix", address] => actix::run(address)?,
        ["actix_without", address] => actix_without::run(address)?,
        ["axum", address] => axum::run(address)?,
        ["axum_without", address] => axum_without::run(address)?,
        ["fastwebsockets", address] => fastwebsockets::run(address)?,
        ["fastwebsockets_without", address] => fastwebsockets_without::run(address)?,
        ["http2", address] => http2::run(address, None)?,
        ["http2", address, certificate, key] => http2::run(address, Some((certificate, key)))?,
        ["hyper", address] => hyper::run(address)?,
        ["hyper_without", address] => hyper_without::run(address)?,
        ["no_std", address] => close_recipes::no_std::serve(device::sockets(address)?, |line| println!("{line}")),
        ["no_std_without", address] => {
            close_recipes::no_std_without::serve(device::sockets(address)?, |line| println!("{line}"));
        }
        ["server", address] => server::run(address, None)?,
        ["server", address, certificate, key] => server::run(address, Some((certificate, key)))?,
        ["std_net", address] => std_net::run(address)?,
        ["std_net_without", address] => std_net_without::run(address)?,
        ["tungstenite", address, upstream] => tungstenite::run(address, upstream)?,
        ["tungstenite_without", address, upstream] => tungstenite_without::run(address, upstream)?,
        _ => return Err("usage: close-recipes RECIPE ADDRESS, see the README".into()),
    }
    Ok(())
}
