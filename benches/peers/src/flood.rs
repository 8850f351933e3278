//! CPU time of a thread that throws away what a flooding peer sends over loopback, beside a plain read of the same
//! bytes.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::runtime::Builder;
use websocket_close::CloseFrame;
use websocket_close::codec::{Bare, CloseCodec, Timeouts};

use crate::measure::Random;

const FLOOD: usize = 512 << 20;
const ROUNDS: usize = 5;

/// CPU seconds of this thread so far, in the kernel and outside.
fn cpu() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 =
        stat.split(' ').next().and_then(|field| field.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(nanoseconds / 1e9)
}

/// A peer that sends masked binary frames of so many bytes, then a Close, and the end.
fn flooded(payload_len: u16) -> io::Result<tokio::net::TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut peer = TcpStream::connect(listener.local_addr()?)?;
    let header = match payload_len {
        0..=125 => vec![0x82, 0x80 | payload_len.to_be_bytes()[1]],
        _ => [&[0x82, 0xfe][..], &payload_len.to_be_bytes()].concat(),
    };
    let frame = [&header, &[0; 4][..], &vec![7; payload_len.into()]].concat();
    let frames = frame.repeat((256 << 10) / frame.len());
    thread::spawn(move || {
        for _ in 0..FLOOD / frames.len() {
            peer.write_all(&frames)?;
        }
        peer.write_all(b"\x88\x82\0\0\0\0\x03\xe8")?;
        peer.shutdown(Shutdown::Write)?;
        // Unread bytes would reset the connection.
        peer.read_to_end(&mut Vec::new())
    });
    let (socket, _) = listener.accept()?;
    socket.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(socket)
}

/// CPU seconds for each GiB.
fn plain(payload_len: u16) -> io::Result<f64> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut socket = flooded(payload_len)?;
        let (mut buffer, before) = ([0; 8192], cpu()?);
        while socket.read(&mut buffer).await? > 0 {}
        Ok((cpu()? - before) * (1 << 30) as f64 / FLOOD as f64)
    })
}

/// The same by `finish`.
fn finish(payload_len: u16) -> io::Result<f64> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut bare = Bare::new(flooded(payload_len)?, CloseCodec::server());
        let (limit, before) = (Duration::from_secs(60), cpu()?);
        let finished = bare.finish(CloseFrame::from_static(1001, ""), Timeouts::DEFAULT.close(limit).end(limit)).await;
        assert!(finished.ending.event().was_clean(), "{}", finished.ending);
        Ok((cpu()? - before) * (1 << 30) as f64 / FLOOD as f64)
    })
}

pub fn print() -> io::Result<()> {
    let mut random = Random(1);
    println!("CPU seconds of the reading thread for each GiB over loopback, best of {ROUNDS}");
    println!("  {:>24} {:>12} {:>12} {:>7}", "bytes in a data frame", "plain read", "finish", "ratio");
    for payload_len in [16, 125, 1024, 65_000] {
        let mut best = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            let mut turns: [(usize, fn(u16) -> io::Result<f64>); 2] = [(0, plain), (1, finish)];
            random.shuffle(&mut turns);
            for (index, turn) in turns {
                best[index] = best[index].min(turn(payload_len)?);
            }
        }
        println!("  {payload_len:>24} {:>12.3} {:>12.3} {:>7.2}", best[0], best[1], best[1] / best[0]);
    }
    Ok(())
}
