//! An upstream with thousands of connections: one thread for all of them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::sleep,
};

use crate::support::bare::Meter;

/// The body of `/public/large`.
const LARGE: usize = 1_000_000;

/// The body of `/public/huge`: more than what sockets buffer.
const HUGE: usize = 100_000_000;

/// Between two bytes of `/public/slow`.
const TRICKLE: Duration = Duration::from_secs(2);

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

    /// Waits until it sends nothing more, since nothing more is taken.
    pub(super) fn standstill(&self) {
        self.written.standstill();
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
