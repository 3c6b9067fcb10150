//! Requests at a constant rate, and how long each took: what neither wrk (no rate) nor h2load
//! (`--rps` lets requests go in bursts, every 10 ms) does. One connection a thread; the requests
//! of all are spread evenly over time.
//!
//! A request's time runs from when it was due if the answer before it came too late to send it
//! then: what waits behind a slow answer has waited as well. It runs from when it was sent if only
//! this program's own timer was late.
//!
//! In `loadtest/tools`:
//!
//! ```sh
//! cargo run --release --bin constant_rate -- --address 127.0.0.1:8080 --rate 5000 \
//!     --seconds 4 --tokens tokens.txt
//! ```

use std::{
    error::Error,
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;

#[derive(Debug, Clone, Parser)]
struct Args {
    #[arg(long)]
    address: SocketAddr,
    /// Requests a second, of all connections together.
    #[arg(long)]
    rate: f64,
    #[arg(long)]
    seconds: f64,
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// A file of tokens, one a line.
    #[arg(long)]
    tokens: Option<PathBuf>,
    #[arg(long, default_value = "/api/orders/42")]
    path: String,
    /// Of every request's body, which is all `x`; more than none make it a POST.
    #[arg(long, default_value_t = 0)]
    body_bytes: usize,
    /// A detached signature over the body.
    #[arg(long)]
    signature: Option<String>,
}

/// Longer than any proxy here should take: a run has an end.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer's head is smaller.
const BUFFER: usize = 16 * 1024;

/// What one connection has seen: the time of each answer, and how many were no 2xx.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    refused: usize,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "constant_rate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let tokens = args.tokens.as_ref().map(fs::read_to_string).transpose()?.unwrap_or_default();
    let requests: Vec<String> = tokens.lines().map(|token| request(args, Some(token))).collect();
    let requests = if requests.is_empty() { vec![request(args, None)] } else { requests };

    let start = Instant::now() + Duration::from_millis(50);
    let seen: Result<Vec<Seen>, String> = thread::scope(|scope| {
        let requests = &requests;
        let connections: Vec<_> = (0..args.connections)
            .map(|number| scope.spawn(move || connection(args, number, start, requests)))
            .collect();
        let ended = connections.into_iter().map(|thread| match thread.join() {
            Ok(seen) => seen.map_err(|error| error.to_string()),
            Err(_) => Err("a connection's thread panicked".to_owned()),
        });
        ended.collect()
    });
    report(&seen?, start.elapsed())?;
    Ok(())
}

fn request(args: &Args, token: Option<&str>) -> String {
    let authorization =
        token.map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
    let signature = args.signature.as_ref();
    let signature = signature.map_or_else(String::new, |s| format!("X-JWS-Signature: {s}\r\n"));
    let (method, length) = match args.body_bytes {
        0 => ("GET", String::new()),
        bytes => ("POST", format!("Content-Length: {bytes}\r\n")),
    };
    let body = "x".repeat(args.body_bytes);
    format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\n{authorization}{signature}{length}\r\n{body}",
        args.path, args.address
    )
}

/// Sends every `connections`-th request of the schedule.
fn connection(args: &Args, number: u32, start: Instant, requests: &[String]) -> io::Result<Seen> {
    let mut stream = TcpStream::connect(args.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let interval = Duration::from_secs_f64(f64::from(args.connections) / args.rate);
    let end = start + Duration::from_secs_f64(args.seconds);
    let mut due = start + interval * number / args.connections;
    let mine = requests.iter().cycle().skip(number as usize).step_by(args.connections as usize);
    let mut seen = Seen::default();
    for request in mine {
        if due >= end {
            break;
        }
        let mut since = due;
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            thread::sleep(early);
            since = Instant::now();
        }
        stream.write_all(request.as_bytes())?;
        if !read_answer(&mut stream)? {
            seen.refused += 1;
        }
        seen.times.push(since.elapsed());
        due += interval;
    }
    Ok(seen)
}

/// Reads one answer to its end. Whether it is a 2xx.
fn read_answer(stream: &mut TcpStream) -> io::Result<bool> {
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut chunk = [0; BUFFER];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let text = String::from_utf8_lossy(&buffer);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head)?
        {
            return Ok(head.starts_with("HTTP/1.1 2"));
        }
    }
}

fn content_length(head: &str) -> io::Result<usize> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| io::Error::other("an answer without Content-Length"))
}

/// One line of JSON, like that of `requests.lua`.
fn report(connections: &[Seen], elapsed: Duration) -> io::Result<()> {
    let mut times: Vec<Duration> =
        connections.iter().flat_map(|seen| seen.times.iter().copied()).collect();
    times.sort_unstable();
    let refused: usize = connections.iter().map(|seen| seen.refused).sum();
    let at = |per_mille: usize| {
        let index = (times.len() * per_mille / 1000).min(times.len().saturating_sub(1));
        times.get(index).map_or(0, Duration::as_micros)
    };
    writeln!(
        io::stdout(),
        "{{\"requests\":{},\"seconds\":{:.6},\"refused\":{refused},\"failed\":0,\"p50\":{},\
         \"p99\":{},\"p99_9\":{}}}",
        times.len(),
        elapsed.as_secs_f64(),
        at(500),
        at(990),
        at(999),
    )
}
