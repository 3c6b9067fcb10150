//! Opens a connection: DNS, TCP, TLS, authentication, database, and a first command.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo, RedisError, RedisResult,
    aio::MultiplexedConnection,
};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::spawn_blocking,
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{
    shared::settings::{NodeAddress, SharedSettings},
    tls::{self, ClientTlsError},
};

use super::{
    link::{MAX_UNDER_WAY, RedisConnection, error_code},
    meter::{Allowance, Metered},
};

/// A connection, and what has to be polled for it to work.
pub(super) struct Opened {
    pub(super) connection: Arc<RedisConnection>,
    pub(super) driver: Driver,
}

pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that is used for a few commands, one after the other.
pub(super) struct Session {
    redis: MultiplexedConnection,
    allowance: Arc<Allowance>,
    driver: Driver,
}

/// Why there is no connection. Holds nothing secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("cannot find the host: {0}")]
    Host(io::Error),
    #[error("cannot connect: {0}")]
    Tcp(io::Error),
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("{0}")]
    Files(String),
    #[error(transparent)]
    Authorities(#[from] ClientTlsError),
    #[error("refused: {}", error_code(.0))]
    Refused(RedisError),
    #[error("closed by the server")]
    Closed,
    #[error("not done within {CONNECT_DEADLINE:?}")]
    Deadline,
    #[error("no sentinel knows the primary {0:?}")]
    UnknownMaster(String),
    #[error("{0} is not the primary that the sentinels say it is")]
    NotMaster(NodeAddress),
    #[error("its answer about the cluster is not usable")]
    NoTopology,
}

/// From DNS to the first response. No request waits for it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// For one address of a name, so that one that swallows packets leaves time for the next.
const ADDRESS_DEADLINE: Duration = Duration::from_secs(1);

/// `PONG`, or a refusal.
const MAX_PING_BYTES: usize = 256;

/// Read again for each connection, so that replacing it needs no reload.
struct Secrets {
    password: Option<Zeroizing<String>>,
    sentinel_password: Option<Zeroizing<String>>,
    tls: Option<ClientConfig>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to that server of the store.
pub(super) async fn connect(
    settings: &SharedSettings,
    node: &NodeAddress,
    generation: u64,
) -> Result<Opened, ConnectError> {
    let mut session = connect_once(settings, node).await?;
    // A server reports a missing password only in response to a command.
    let ping = redis::cmd("PING");
    within(CONNECT_DEADLINE, session.ask::<redis::Value>(&ping, MAX_PING_BYTES)).await?;
    let Session { redis, allowance, driver } = session;
    let connection = RedisConnection::new(redis, allowance, node.clone(), generation);
    Ok(Opened { connection: Arc::new(connection), driver })
}

/// The same for a few commands only.
pub(super) async fn connect_once(
    settings: &SharedSettings,
    node: &NodeAddress,
) -> Result<Session, ConnectError> {
    let opened = async {
        let secrets = Secrets::read(settings).await?;
        let info = with_password(database(settings), secrets.password.as_ref());
        let info = match &settings.username {
            Some(username) => info.set_username(username),
            None => info,
        };
        open(node, secrets.tls, info).await
    };
    within(CONNECT_DEADLINE, opened).await
}

/// A connection to a sentinel.
pub(super) async fn connect_to_sentinel(
    settings: &SharedSettings,
    sentinel: &NodeAddress,
) -> Result<Session, ConnectError> {
    let secrets = Secrets::read(settings).await?;
    let info = RedisConnectionInfo::default().set_skip_set_lib_name();
    let info = with_password(info, secrets.sentinel_password.as_ref());
    open(sentinel, secrets.tls, info).await
}

pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout(deadline, work).await.unwrap_or(Err(ConnectError::Deadline))
}

async fn open(
    node: &NodeAddress,
    tls: Option<ClientConfig>,
    info: RedisConnectionInfo,
) -> Result<Session, ConnectError> {
    let stream = stream(node, tls).await?;
    let allowance = Allowance::new();
    let stream = Metered::new(stream, Arc::clone(&allowance));
    let config = AsyncConnectionConfig::new()
        // Each operation has a deadline of its own.
        .set_response_timeout(None)
        .set_concurrency_limit(MAX_UNDER_WAY);
    let (redis, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
        .await
        .map_err(ConnectError::Refused)?;
    Ok(Session { redis, allowance, driver: Box::pin(driver) })
}

impl Session {
    /// Waits for the answer to a command, of that many bytes at most.
    pub(super) async fn ask<T: FromRedisValue>(
        &mut self,
        command: &Cmd,
        max_bytes: usize,
    ) -> Result<T, ConnectError> {
        self.allowance.add(max_bytes);
        let answer = command.query_async::<T>(&mut self.redis);
        tokio::select! {
            () = &mut self.driver => Err(ConnectError::Closed),
            answer = answer => answer.map_err(ConnectError::Refused),
        }
    }
}

pub(super) async fn ping(mut redis: MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").query_async(&mut redis).await
}

impl Secrets {
    async fn read(settings: &SharedSettings) -> Result<Self, ConnectError> {
        let settings = settings.clone();
        let read = spawn_blocking(move || {
            let password = settings.read_password().map_err(ConnectError::Files)?;
            let sentinel_password =
                settings.read_sentinel_password().map_err(ConnectError::Files)?;
            let tls = settings.address.tls;
            let config = || tls::client::config(settings.ca_file.as_deref(), None);
            let tls = tls.then(config).transpose()?;
            Ok(Self { password, sentinel_password, tls })
        });
        read.await.map_err(|error| ConnectError::Files(error.to_string()))?
    }
}

fn database(settings: &SharedSettings) -> RedisConnectionInfo {
    RedisConnectionInfo::default()
        .set_db(settings.address.database.into())
        // Older servers don't know it.
        .set_skip_set_lib_name()
}

fn with_password(
    info: RedisConnectionInfo,
    password: Option<&Zeroizing<String>>,
) -> RedisConnectionInfo {
    match password {
        Some(password) => info.set_password(password.as_str()),
        None => info,
    }
}

async fn stream(
    node: &NodeAddress,
    tls: Option<ClientConfig>,
) -> Result<Box<dyn Stream>, ConnectError> {
    let tcp = tcp(node).await?;
    let Some(tls) = tls else {
        return Ok(Box::new(tcp));
    };
    let stream = tls::client::connect(tls, node.host.clone(), tcp).await;
    Ok(Box::new(stream.map_err(ConnectError::Tls)?))
}

async fn tcp(node: &NodeAddress) -> Result<TcpStream, ConnectError> {
    let found = lookup_host((node.host.as_str(), node.port)).await;
    let mut last = io::Error::other("the name has no address");
    for address in found.map_err(ConnectError::Host)? {
        match connected(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Tcp(last))
}

async fn connected(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = timeout(ADDRESS_DEADLINE, TcpStream::connect(address)).await??;
    // Operations are small and waited for.
    stream.set_nodelay(true)?;
    Ok(stream)
}
