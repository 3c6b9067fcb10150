//! Accepting connections, within a budget.

use std::{
    io,
    net::IpAddr,
    os::unix::net::UnixListener as StdUnixListener,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, UnixListener},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{proxy::settings::listen::ListenAddress, telemetry::Metrics};

use super::{
    connection::{self, Accepted},
    tls,
    worker::Worker,
};

/// Connections that wait in the kernel until a worker accepts them.
const BACKLOG: i32 = 1024;

/// How long to leave a listener alone that can't accept, e.g. because the process has no file
/// descriptor left (threats D-10): trying again at once would take the whole core.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// A bound socket, not yet part of any runtime.
#[derive(Debug)]
pub enum Listener {
    /// TCP; each worker has a socket of its own, and the kernel spreads connections over them.
    Tcp(std::net::TcpListener),
    /// A unix socket, shared by the workers.
    Unix(StdUnixListener),
}

/// How many connections may be open, over all workers.
#[derive(Debug)]
pub struct ConnectionBudget {
    open: AtomicUsize,
    max: usize,
    metrics: Metrics,
}

/// One connection's part of the budget.
#[derive(Debug)]
pub(super) struct ConnectionPermit(Arc<ConnectionBudget>);

impl Listener {
    /// Binds one listener per worker.
    ///
    /// # Errors
    /// What the system says, e.g. that the address is in use.
    pub fn bind(address: &ListenAddress, workers: usize) -> io::Result<Vec<Self>> {
        match address {
            ListenAddress::Tcp(address) => {
                // Shared ports are for the workers of one process: another process on the same
                // port, another Countersign too, has to be an error.
                let alone = bind_tcp(*address, false)?;
                if workers <= 1 {
                    return Ok(vec![Self::Tcp(alone)]);
                }
                // Port 0 is chosen once, by the kernel.
                let address = alone.local_addr()?;
                drop(alone);
                (0..workers).map(|_| bind_tcp(address, true).map(Self::Tcp)).collect()
            }
            ListenAddress::Unix(path) => {
                remove_stale_socket(path)?;
                let listener = StdUnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                (0..workers).map(|_| listener.try_clone().map(Self::Unix)).collect()
            }
        }
    }

    /// The address bound, for people and tests.
    pub fn local_address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().unwrap_or_else(|| std::path::Path::new(""));
                Ok(ListenAddress::Unix(path.to_owned()))
            }
        }
    }

    /// Accepts connections for a worker until `stop` is cancelled.
    ///
    /// # Errors
    /// If the socket can't join the worker's runtime.
    pub async fn serve(
        self,
        worker: Rc<Worker>,
        budget: Arc<ConnectionBudget>,
        stop: CancellationToken,
    ) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => {
                let listener = TcpListener::from_std(listener)?;
                accept_loop(&stop, async || {
                    let (socket, peer) = listener.accept().await?;
                    socket.set_nodelay(true)?;
                    start(&worker, &budget, socket, Some(peer.ip()));
                    Ok(())
                })
                .await;
            }
            Self::Unix(listener) => {
                let listener = UnixListener::from_std(listener)?;
                accept_loop(&stop, async || {
                    let (socket, _) = listener.accept().await?;
                    start(&worker, &budget, socket, None);
                    Ok(())
                })
                .await;
            }
        }
        Ok(())
    }
}

impl ConnectionBudget {
    /// A budget of `max` connections.
    pub fn new(max: usize, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), max, metrics })
    }

    fn take(self: &Arc<Self>) -> Option<ConnectionPermit> {
        self.metrics.connections_accepted.inc();
        let taken = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < self.max).then_some(open + 1)
        });
        if taken.is_err() {
            self.metrics.connections_refused.inc();
            return None;
        }
        self.metrics.connections.inc();
        Some(ConnectionPermit(Arc::clone(self)))
    }
}

/// A connection that is parked, as long as this is held.
#[derive(Debug)]
pub(super) struct Parked<'p>(&'p ConnectionBudget);

impl ConnectionPermit {
    /// Counts the connection as parked.
    pub(super) fn park(&self) -> Parked<'_> {
        self.0.metrics.connections_parked.inc();
        Parked(&self.0)
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections_parked.dec();
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.connections.dec();
    }
}

async fn accept_loop(stop: &CancellationToken, mut accept: impl AsyncFnMut() -> io::Result<()>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept() => accepted,
        };
        if let Err(error) = accepted
            && !concerns_one_connection(&error)
        {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
        }
    }
    // Closing the socket would reset the connections that the kernel has accepted for us.
    for _ in 0..BACKLOG {
        if !matches!(timeout(Duration::ZERO, accept()).await, Ok(Ok(()))) {
            return;
        }
    }
}

fn start<S>(worker: &Rc<Worker>, budget: &Arc<ConnectionBudget>, socket: S, peer: Option<IpAddr>)
where
    S: connection::Socket,
{
    // Over the budget the socket is dropped, which closes it at once.
    let Some(permit) = budget.take() else { return };
    let accepted = Accepted::now(peer, permit);
    let worker = Rc::clone(worker);
    let tasks = worker.tasks.clone();
    match worker.tls_acceptor() {
        None => tasks.spawn_local(connection::serve(worker, socket, accepted)),
        Some(tls) => tasks.spawn_local(tls::serve(worker, tls, socket, accepted)),
    };
}

fn bind_tcp(address: std::net::SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket file that nobody listens on is left over from a process that was killed.
fn remove_stale_socket(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::{fs::FileTypeExt, net::UnixStream};
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if is_socket && UnixStream::connect(path).is_err_and(refused) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Errors of `accept` that are about the connection that was to be accepted (accept(2)).
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotConnected
    )
}
