//! An upstream with thousands of connections: one thread for all of them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::sleep,
};

use crate::support::{DEADLINE, bare::Meter};

/// The body of `/public/large`.
const LARGE: usize = 1_000_000;

/// The body of `/public/huge`: more than what sockets buffer.
const HUGE: usize = 100_000_000;

/// Between two bytes of `/public/slow`.
const TRICKLE: Duration = Duration::from_secs(5);

/// On a busy machine a flood pauses, too.
const STILL: Duration = Duration::from_millis(600);

/// What the system keeps of an answer besides: little, so that a flood stands soon.
const SEND_BUFFER: usize = 64 * 1024;

/// The upstream; it ends when it is dropped.
pub(super) struct FloodUpstream {
    address: SocketAddr,
    written: Meter,
    stop: Option<oneshot::Sender<()>>,
}

impl FloodUpstream {
    pub(super) fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let written = Meter::default();
        let of_thread = written.clone();
        thread::spawn(move || serve(&runtime, listener, stopped, &of_thread));
        Self { address, written, stop: Some(stop) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until nothing more is taken of its answers.
    pub(super) fn standstill(&self) {
        let until = Instant::now() + DEADLINE;
        let (mut last, mut since) = (0, Instant::now());
        while last == 0 || since.elapsed() < STILL {
            assert!(Instant::now() < until, "the flood goes on");
            thread::sleep(Duration::from_millis(20));
            if self.written.total() != last {
                (last, since) = (self.written.total(), Instant::now());
            }
        }
    }
}

impl Drop for FloodUpstream {
    fn drop(&mut self) {
        self.stop.take().into_iter().for_each(|stop| stop.send(()).unwrap_or_default());
    }
}

fn serve(
    runtime: &Runtime,
    listener: TcpListener,
    stopped: oneshot::Receiver<()>,
    written: &Meter,
) {
    runtime.block_on(async move {
        let accepting = async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, written.clone()));
            }
        };
        tokio::select! {
            () = accepting => {}
            _ = stopped => {}
        }
    });
}

async fn converse(stream: TcpStream, written: Meter) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER).ok()?;
    let mut stream = BufReader::with_capacity(2048, stream);
    let mut line = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let target = line.split(' ').nth(1)?.to_owned();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        }
        answer(&target, stream.get_mut(), &written).await?;
    }
}

async fn answer(target: &str, stream: &mut TcpStream, written: &Meter) -> Option<()> {
    match target {
        "/public/large" => zeros(stream, LARGE, written).await?,
        "/public/huge" => zeros(stream, HUGE, written).await?,
        "/public/slow" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await.ok()?;
            written.add(1);
            loop {
                stream.write_all(b"x").await.ok()?;
                sleep(TRICKLE).await;
            }
        }
        _ => {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.ok()?;
        }
    }
    Some(())
}

async fn zeros(stream: &mut TcpStream, length: usize, written: &Meter) -> Option<()> {
    static PART: [u8; 50_000] = [0; 50_000];
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    for _ in 0..length / PART.len() {
        stream.write_all(&PART).await.ok()?;
        written.add(PART.len());
    }
    Some(())
}
