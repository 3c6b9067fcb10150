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

/// The body of `/public/large`.
const LARGE: usize = 1_000_000;

/// The body of `/public/huge`: more than what sockets buffer.
const HUGE: usize = 100_000_000;

/// Between two bytes of `/public/slow`.
const TRICKLE: Duration = Duration::from_secs(2);

/// The upstream; it ends when it is dropped.
pub(super) struct FloodUpstream {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

impl FloodUpstream {
    pub(super) fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || serve(&runtime, listener, stopped));
        Self { address, stop: Some(stop) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for FloodUpstream {
    fn drop(&mut self) {
        self.stop.take().into_iter().for_each(|stop| stop.send(()).unwrap_or_default());
    }
}

fn serve(runtime: &Runtime, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async move {
        let accepting = async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream));
            }
        };
        tokio::select! {
            () = accepting => {}
            _ = stopped => {}
        }
    });
}

async fn converse(stream: TcpStream) -> Option<()> {
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
        answer(&target, stream.get_mut()).await?;
    }
}

async fn answer(target: &str, stream: &mut TcpStream) -> Option<()> {
    match target {
        "/public/large" => zeros(stream, LARGE).await?,
        "/public/huge" => zeros(stream, HUGE).await?,
        "/public/slow" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await.ok()?;
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

async fn zeros(stream: &mut TcpStream, length: usize) -> Option<()> {
    static PART: [u8; 50_000] = [0; 50_000];
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    for _ in 0..length / PART.len() {
        stream.write_all(&PART).await.ok()?;
    }
    Some(())
}
