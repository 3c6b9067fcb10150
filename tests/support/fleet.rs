//! Instances of one service, each of which can be killed and started again at its address.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{authority::Identity, client::Request as ClientRequest, proxy::Proxy};

/// How an instance is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    H2c,
}

/// One instance.
pub(crate) struct Instance {
    address: SocketAddr,
    protocol: Protocol,
    /// With `https://`.
    tls: Option<TlsAcceptor>,
    seen: Arc<Seen>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: DropGuard,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    /// How often each request came, by method and target.
    received: Mutex<HashMap<String, usize>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    delay_millis: AtomicU64,
    status: AtomicU16,
    is_unhealthy: AtomicBool,
    checks: AtomicUsize,
}

/// What clients were answered.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) count: usize,
    /// Those that are not 200: method and target, status.
    pub(crate) failed: Vec<(String, u16)>,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::H2c];

    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Http1 => "http",
            Self::H2c => "h2c",
        }
    }

    fn alpn(self) -> Vec<u8> {
        match self {
            Self::Http1 => b"http/1.1".to_vec(),
            Self::H2c => b"h2".to_vec(),
        }
    }
}

impl Instance {
    pub(crate) fn start(protocol: Protocol) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), protocol)
    }

    /// At that address, whose port may be 0.
    pub(crate) fn start_at(address: SocketAddr, protocol: Protocol) -> Self {
        Self::start_with(address, protocol, None)
    }

    /// The same over TLS, by that certificate.
    pub(crate) fn start_tls_at(
        address: SocketAddr,
        protocol: Protocol,
        identity: &Identity,
    ) -> Self {
        let certificates = vec![identity.certificate.clone()];
        let builder = ServerConfig::builder().with_no_client_auth();
        let mut config = builder.with_single_cert(certificates, identity.key()).unwrap();
        config.alpn_protocols = vec![protocol.alpn()];
        Self::start_with(address, protocol, Some(Arc::new(config).into()))
    }

    fn start_with(address: SocketAddr, protocol: Protocol, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let mut instance = Self { address, protocol, tls, seen: Arc::default(), running: None };
        instance.run(listener);
        instance
    }

    pub(crate) fn several(count: usize, protocol: Protocol) -> Vec<Self> {
        (0..count).map(|_| Self::start(protocol)).collect()
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { self.protocol.scheme() };
        format!("{scheme}://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes its port and all of its connections, whatever is in flight.
    pub(crate) fn kill(&mut self) {
        let Some(Running { stop, thread }) = self.running.take() else { return };
        drop(stop);
        thread.join().unwrap();
    }

    pub(crate) fn revive(&mut self) {
        self.run(TcpListener::bind(self.address).unwrap());
    }

    /// From now on it takes so long for each answer.
    pub(crate) fn delay(&self, delay: Duration) {
        self.seen.delay_millis.store(delay.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// From now on it answers with that status; 0: with 200.
    pub(crate) fn answer(&self, status: u16) {
        self.seen.status.store(status, Ordering::SeqCst);
    }

    /// What it answers at `/healthz`: 200 or 503.
    pub(crate) fn is_healthy(&self, healthy: bool) {
        self.seen.is_unhealthy.store(!healthy, Ordering::SeqCst);
    }

    /// How many requests came, health checks apart.
    pub(crate) fn count(&self) -> usize {
        self.seen.received.lock().unwrap().values().sum()
    }

    pub(crate) fn checks(&self) -> usize {
        self.seen.checks.load(Ordering::SeqCst)
    }

    /// How many connections it has now.
    pub(crate) fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// How many connections it has had in all.
    pub(crate) fn opened(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many connections it has had at once.
    pub(crate) fn most_open(&self) -> usize {
        self.seen.most_open.load(Ordering::SeqCst)
    }

    /// How often that request came.
    pub(crate) fn times(&self, request: &str) -> usize {
        self.seen.received.lock().unwrap().get(request).copied().unwrap_or_default()
    }

    fn run(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let (stop, seen) = (CancellationToken::new(), Arc::clone(&self.seen));
        let (protocol, tls) = (self.protocol, self.tls.clone());
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = accept(listener, protocol, tls, &seen) => {}
                }
            });
            drop(runtime);
            seen.open.store(0, Ordering::SeqCst);
        });
        self.running = Some(Running { stop: stop.drop_guard(), thread });
    }
}

async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    tls: Option<TlsAcceptor>,
    seen: &Arc<Seen>,
) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        socket.set_nodelay(true).unwrap();
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_open.fetch_max(open, Ordering::SeqCst);
        let (seen, tls) = (Arc::clone(seen), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(socket, protocol, &seen).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(socket).await {
                        serve(stream, protocol, &seen).await;
                    }
                }
            }
            seen.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    protocol: Protocol,
    seen: &Arc<Seen>,
) {
    let of_service = Arc::clone(seen);
    let service = service_fn(move |request| answer(request, Arc::clone(&of_service)));
    let io = TokioIo::new(socket);
    match protocol {
        Protocol::Http1 => {
            let _ = conn::http1::Builder::new().serve_connection(io, service).await;
        }
        Protocol::H2c => {
            let http2 = conn::http2::Builder::new(TokioExecutor::new());
            let _ = http2.serve_connection(io, service).await;
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let status = |code| Response::builder().status(code).body(Full::default()).unwrap();
    if request.uri().path() == "/healthz" {
        seen.checks.fetch_add(1, Ordering::SeqCst);
        let is_unhealthy = seen.is_unhealthy.load(Ordering::SeqCst);
        return Ok(status(if is_unhealthy { 503 } else { 200 }));
    }
    let name = format!("{} {}", request.method(), request.uri().path());
    *seen.received.lock().unwrap().entry(name).or_default() += 1;
    let delay = Duration::from_millis(seen.delay_millis.load(Ordering::SeqCst));
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    Ok(match seen.status.load(Ordering::SeqCst) {
        0 => status(200),
        code => status(code),
    })
}

/// Sends requests with unlike targets from several clients until `is_over`, some 400 a second each.
/// Every fourth is a POST if `posts`.
pub(crate) fn load(
    proxy: &Proxy,
    clients: usize,
    posts: bool,
    is_over: impl Fn() -> bool + Sync,
) -> Answers {
    let one = |client: usize| {
        let mut answers = Answers::default();
        let mut connection = proxy.client();
        while !is_over() {
            let number = answers.count;
            let method = if posts && number % 4 == 3 { "POST" } else { "GET" };
            let target = format!("/public/{client}-{number}");
            let status = connection.exchange(&ClientRequest::new(method, &target)).status;
            if status != 200 {
                answers.failed.push((format!("{method} {target}"), status));
            }
            answers.count += 1;
            thread::sleep(Duration::from_millis(2));
        }
        answers
    };
    thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = (0..clients).map(|client| scope.spawn(move || one(client))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).fold(
            Answers::default(),
            |mut all, mut some| {
                all.count += some.count;
                all.failed.append(&mut some.failed);
                all
            },
        )
    })
}
