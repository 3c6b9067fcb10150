//! A key server on loopback with configurable faults.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

/// One listener; ends with the value.
pub(in crate::keys) struct KeyServer {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    requests: Vec<String>,
}

/// What is answered to a path.
#[derive(Debug, Clone)]
pub(in crate::keys) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    manner: Manner,
}

/// How it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::keys) enum Manner {
    /// As it should be.
    Well,
    /// The body byte by byte, with a pause before each.
    DripBody,
    /// The headers byte by byte.
    DripHeaders,
    /// More and more header fields.
    EndlessHeaders,
    /// Chunk after chunk of the body, without end.
    EndlessChunks,
    /// `Content-Length` is larger than the body.
    Truncated,
    /// Nothing, and the connection stays open.
    Hang,
    /// Nothing, and the connection is closed.
    Close,
}

const PAUSE: Duration = Duration::from_millis(50);

impl KeyServer {
    /// Responds 404 to everything until reconfigured.
    pub(in crate::keys) async fn start() -> Self {
        Self::listen(None).await
    }

    pub(in crate::keys) async fn start_tls(config: ServerConfig) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, &state).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(stream) => serve(stream, &state).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, scheme, state, task }
    }

    pub(in crate::keys) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The same place, called by another name.
    pub(in crate::keys) fn url_at(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.address.port())
    }

    pub(in crate::keys) fn answer(&self, path: &str, reply: Reply) {
        self.state.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    /// The heads of all requests for the path so far.
    pub(in crate::keys) fn requests(&self, path: &str) -> Vec<String> {
        let line = format!("GET {path} ");
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|head| head.starts_with(&line)).cloned().collect()
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reply {
    pub(in crate::keys) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), manner: Manner::Well }
    }

    pub(in crate::keys) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body)
    }

    pub(in crate::keys) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(in crate::keys) fn manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// Not modified, if the request names the reply's `etag`.
    fn to(self, head: &str) -> Self {
        let etag = self.headers.iter().find(|(name, _)| name == "etag").map(|(_, etag)| etag);
        let named = etag.is_some_and(|etag| head.contains(&format!("if-none-match: {etag}\r\n")));
        if named {
            return Self { status: 304, body: Vec::new(), ..self };
        }
        self
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Whatever\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        let excess = if self.manner == Manner::Truncated { 10 } else { 0 };
        match self.manner {
            Manner::EndlessChunks => head.push_str("transfer-encoding: chunked\r\n"),
            _ if self.status == 304 => {}
            _ => {
                let length = (self.body.len() + excess).to_string();
                head.extend([
                    "content-length: ",
                    &length,
                    "
",
                ]);
            }
        }
        head + "\r\n"
    }
}

/// One request, one answer. `None` as soon as the other side is gone.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    state: &Mutex<State>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let reply = {
        let mut state = state.lock().unwrap();
        state.requests.push(head.clone());
        state.replies.get(&path).cloned()
    };
    let reply = reply.unwrap_or_else(|| Reply::new(404, "nothing here")).to(&head);
    match reply.manner {
        Manner::Hang => std::future::pending().await,
        Manner::Close => return None,
        Manner::DripHeaders => drip(&mut stream, reply.head().as_bytes()).await?,
        Manner::EndlessHeaders => loop {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok()?;
            for n in 0_u64.. {
                stream
                    .write_all(format!("x-{n}: {}\r\n", "v".repeat(1_000)).as_bytes())
                    .await
                    .ok()?;
            }
        },
        _ => stream.write_all(reply.head().as_bytes()).await.ok()?,
    }
    match reply.manner {
        Manner::DripBody => drip(&mut stream, &reply.body).await?,
        Manner::EndlessChunks => loop {
            stream.write_all(b"400\r\n").await.ok()?;
            stream.write_all(&[b' '; 0x400]).await.ok()?;
            stream.write_all(b"\r\n").await.ok()?;
        },
        _ => stream.write_all(&reply.body).await.ok()?,
    }
    stream.shutdown().await.ok()
}

async fn drip(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Option<()> {
    for byte in bytes {
        sleep(PAUSE).await;
        stream.write_all(&[*byte]).await.ok()?;
        stream.flush().await.ok()?;
    }
    Some(())
}
