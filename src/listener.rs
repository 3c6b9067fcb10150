//! Listening sockets, and the one loop that accepts their connections.

mod accept;
pub mod settings;
mod systemd;

use std::{
    fs, io,
    net::IpAddr,
    os::unix::{fs::PermissionsExt, net::UnixListener as StdUnixListener},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};
use tokio_util::sync::CancellationToken;

use crate::listener::settings::ListenAddress;

pub(crate) use systemd::PassedSockets;

/// Connections that wait in the kernel until they are accepted.
const BACKLOG: i32 = 1024;

/// The mode of a private unix socket: to connect takes permission to write.
const OWNER_ONLY: u32 = 0o600;

/// A bound socket, not yet part of any runtime.
#[derive(Debug)]
pub enum Listener {
    /// TCP; each worker has a socket of its own, and the kernel spreads connections over them.
    Tcp(std::net::TcpListener),
    /// A unix socket, shared by the workers. A TCP socket of systemd's is shared as well: it can't
    /// be bound again.
    Unix(StdUnixListener),
}

/// What a connection may be made of.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for S {}

/// What serves the connections of a listener.
pub(crate) trait ConnectionHandler {
    /// Held by a connection for as long as it is open.
    type Slot;

    /// Resolves when one more connection may be accepted. Until then it waits in the kernel.
    fn slot(&self) -> impl Future<Output = io::Result<Self::Slot>>;

    /// Begins to serve a connection; `peer` is the client's address, if it has one.
    fn serve(&self, socket: impl ByteStream, peer: Option<IpAddr>, slot: Self::Slot);
}

/// A listener that is part of a runtime.
enum AsyncListener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds one listener per worker.
    ///
    /// # Errors
    /// The system's error, e.g. that the address is in use.
    pub(crate) fn bind(
        address: &ListenAddress,
        workers: usize,
        passed: &mut PassedSockets,
    ) -> io::Result<Vec<Self>> {
        match address {
            ListenAddress::Tcp(address) => {
                // Shared ports are for the workers of one process: another process on the same
                // port, another Countersign too, has to be an error.
                let exclusive = bind_tcp(*address, false)?;
                if workers <= 1 {
                    return Ok(vec![Self::Tcp(exclusive)]);
                }
                // Port 0 is chosen once, by the kernel.
                let address = exclusive.local_addr()?;
                drop(exclusive);
                (0..workers).map(|_| bind_tcp(address, true).map(Self::Tcp)).collect()
            }
            ListenAddress::Unix(path) => {
                remove_stale_socket(path)?;
                let listener = StdUnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Self::Unix(listener).shared(workers)
            }
            ListenAddress::Systemd(name) => passed.copy(name)?.shared(workers),
        }
    }

    /// Binds one listener that only this user may connect to, if it is a unix socket: it is
    /// connected to once it listens, and has its mode before that.
    ///
    /// # Errors
    /// The system's error, e.g. that the address is in use.
    pub(crate) fn bind_private(
        address: &ListenAddress,
        passed: &mut PassedSockets,
    ) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => bind_tcp(*address, false).map(Self::Tcp),
            ListenAddress::Unix(path) => {
                remove_stale_socket(path)?;
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.set_nonblocking(true)?;
                socket.bind(&SockAddr::unix(path)?)?;
                fs::set_permissions(path, fs::Permissions::from_mode(OWNER_ONLY))?;
                socket.listen(BACKLOG)?;
                Ok(Self::Unix(socket.into()))
            }
            ListenAddress::Systemd(name) => passed.copy(name),
        }
    }

    /// One for each worker, of one socket.
    fn shared(self, workers: usize) -> io::Result<Vec<Self>> {
        (0..workers).map(|_| self.try_clone()).collect()
    }

    /// Another handle of the same socket.
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Self::Unix),
        }
    }

    /// The address bound, for logs and tests.
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

    /// Accepts connections until `stop` is cancelled, then those that the kernel has accepted
    /// already: closing the socket would reset them.
    ///
    /// # Errors
    /// If the socket can't join the current runtime.
    pub(crate) async fn accept(
        self,
        handler: &impl ConnectionHandler,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let listener = match self {
            Self::Tcp(listener) => AsyncListener::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(listener) => AsyncListener::Unix(UnixListener::from_std(listener)?),
        };
        accept::until(stop, || listener.accept(handler)).await;
        Ok(())
    }
}

impl AsyncListener {
    /// Accepts one connection.
    async fn accept(&self, handler: &impl ConnectionHandler) -> io::Result<()> {
        let slot = handler.slot().await?;
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                socket.set_nodelay(true)?;
                handler.serve(socket, Some(peer.ip()), slot);
            }
            Self::Unix(listener) => {
                let (socket, _) = listener.accept().await?;
                handler.serve(socket, None, slot);
            }
        }
        Ok(())
    }
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

/// A socket file without a listener is left over from a killed process.
fn remove_stale_socket(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A listener whose backlog is full would have it wait.
    probe.set_nonblocking(true)?;
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if probe.connect(&SockAddr::unix(path)?).is_err_and(refused) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix_socket() -> Socket {
        Socket::new(Domain::UNIX, Type::STREAM, None).unwrap()
    }

    #[test]
    fn a_listener_that_accepts_nothing_keeps_its_socket_and_nothing_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.sock");
        let (address, listener) = (SockAddr::unix(&path).unwrap(), unix_socket());
        listener.bind(&address).unwrap();
        listener.listen(0).unwrap();
        let filling = || {
            let client = unix_socket();
            client.set_nonblocking(true).unwrap();
            client.connect(&address).map(|()| client)
        };
        let waiting: Vec<_> = std::iter::from_fn(|| filling().ok()).collect();
        assert!(!waiting.is_empty(), "its backlog is full now");
        remove_stale_socket(&path).unwrap();
        assert!(path.exists());
        drop((waiting, listener));
        remove_stale_socket(&path).unwrap();
        assert!(!path.exists(), "what is left over is removed");
    }
}
