//! TLS in front of upstreams of the tests, which themselves speak without.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{
    ALL_VERSIONS, ServerConfig, SupportedProtocolVersion, crypto::aws_lc_rs,
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{copy, copy_bidirectional, split},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    authority::{Authority, Identity},
    wait_until,
};

/// The running front; stops when dropped.
pub(crate) struct TlsFront {
    address: SocketAddr,
    state: Arc<State>,
    _stop: DropGuard,
}

/// What the front shows and offers.
pub(crate) struct Showing<'i> {
    identity: &'i Identity,
    versions: &'i [&'static SupportedProtocolVersion],
    alpn: &'i [&'i str],
    clients: Option<&'i Authority>,
}

struct State {
    config: Mutex<Arc<ServerConfig>>,
    http1: SocketAddr,
    http2: Option<SocketAddr>,
    accepted: AtomicUsize,
    served: AtomicUsize,
    ended: AtomicUsize,
    names: Mutex<Vec<Option<String>>>,
    cuts_off: AtomicBool,
    /// Ends the connections that are open.
    generation: Mutex<CancellationToken>,
}

impl<'i> Showing<'i> {
    /// Every version; HTTP/2 and HTTP/1.1.
    pub(crate) fn new(identity: &'i Identity) -> Self {
        Self { identity, versions: ALL_VERSIONS, alpn: &["h2", "http/1.1"], clients: None }
    }

    pub(crate) fn versions(self, versions: &'i [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    pub(crate) fn alpn(self, alpn: &'i [&'i str]) -> Self {
        Self { alpn, ..self }
    }

    /// Only clients with a certificate of that authority.
    pub(crate) fn clients(self, clients: &'i Authority) -> Self {
        Self { clients: Some(clients), ..self }
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let roots = Arc::new(clients.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![self.identity.certificate.clone()];
        let mut config = builder.with_single_cert(chain, self.identity.key()).unwrap();
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
        Arc::new(config)
    }
}

impl TlsFront {
    /// In front of an upstream for HTTP/1.1, and of another for HTTP/2 if there is one.
    pub(crate) fn start(
        showing: &Showing<'_>,
        http1: SocketAddr,
        http2: Option<SocketAddr>,
    ) -> Self {
        Self::with(showing.config(), http1, http2)
    }

    /// The same with a configuration that was made before.
    pub(crate) fn with(
        config: Arc<ServerConfig>,
        http1: SocketAddr,
        http2: Option<SocketAddr>,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            config: Mutex::new(config),
            http1,
            http2,
            accepted: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            names: Mutex::default(),
            cuts_off: AtomicBool::new(false),
            generation: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let (stopped, state_there) = (stop.clone(), Arc::clone(&state));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = accept(listener, state_there) => {}
                }
            });
        });
        Self { address, state, _stop: stop.drop_guard() }
    }

    /// For certificates of `localhost`.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// What the next connections see.
    pub(crate) fn show(&self, showing: &Showing<'_>) {
        *self.state.config.lock().unwrap() = showing.config();
    }

    /// From now on, connections end without `close_notify`.
    pub(crate) fn cut_off(&self) {
        self.state.cuts_off.store(true, Ordering::SeqCst);
    }

    /// Ends the connections that are open, and waits until they are.
    pub(crate) fn close_all(&self) {
        std::mem::take(&mut *self.state.generation.lock().unwrap()).cancel();
        let State { accepted, ended, .. } = &*self.state;
        wait_until("the end of connections", || {
            ended.load(Ordering::SeqCst) == accepted.load(Ordering::SeqCst)
        });
    }

    /// How many connections have come so far.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// How many of them have completed their handshake.
    pub(crate) fn served(&self) -> usize {
        self.state.served.load(Ordering::SeqCst)
    }

    /// The names that they have asked for (SNI).
    pub(crate) fn names(&self) -> Vec<Option<String>> {
        self.state.names.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((socket, _)) = listener.accept().await {
        state.accepted.fetch_add(1, Ordering::SeqCst);
        let state = Arc::clone(&state);
        let ends = state.generation.lock().unwrap().clone();
        tokio::spawn(async move {
            // A client that refuses, or goes away, ends its connection and nothing else.
            let _ = ends.run_until_cancelled(serve(socket, &state)).await;
            state.ended.fetch_add(1, Ordering::SeqCst);
        });
    }
}

async fn serve(socket: TcpStream, state: &State) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let acceptor = TlsAcceptor::from(Arc::clone(&*state.config.lock().unwrap()));
    let mut client = acceptor.accept(socket).await?;
    let session = client.get_ref().1;
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    state.names.lock().unwrap().push(session.server_name().map(str::to_owned));
    state.served.fetch_add(1, Ordering::SeqCst);
    let address = state.http2.filter(|_| is_http2).unwrap_or(state.http1);
    let mut upstream = TcpStream::connect(address).await?;
    upstream.set_nodelay(true)?;
    if !state.cuts_off.load(Ordering::SeqCst) {
        copy_bidirectional(&mut client, &mut upstream).await?;
        return Ok(());
    }
    let (mut from_client, mut to_client) = split(client);
    let (mut from_upstream, mut to_upstream) = upstream.split();
    tokio::select! {
        copied = copy(&mut from_client, &mut to_upstream) => copied?,
        copied = copy(&mut from_upstream, &mut to_client) => copied?,
    };
    Ok(())
}
