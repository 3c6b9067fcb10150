//! Opens a connection: DNS, TCP, TLS, authentication, database, and a first `PING`.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, RedisConnectionInfo, RedisError, RedisResult, aio::MultiplexedConnection,
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
    shared::settings::{SharedAddress, SharedSettings},
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
}

/// From DNS to the first response. No request waits for it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// For one address of a name, so that one that swallows packets leaves time for the next.
const ADDRESS_DEADLINE: Duration = Duration::from_secs(1);

/// Read again for each connection, so that replacing it needs no reload.
struct Secrets {
    password: Option<Zeroizing<String>>,
    tls: Option<ClientConfig>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) async fn connect(
    settings: &SharedSettings,
    generation: u64,
) -> Result<Opened, ConnectError> {
    match timeout(CONNECT_DEADLINE, open(settings, generation)).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::Deadline),
    }
}

async fn open(settings: &SharedSettings, generation: u64) -> Result<Opened, ConnectError> {
    let secrets = Secrets::read(settings).await?;
    let stream = stream(&settings.address, secrets.tls).await?;
    let allowance = Allowance::new();
    let stream = Metered::new(stream, Arc::clone(&allowance));
    let info = connection_info(settings, secrets.password.as_deref().map(String::as_str));
    let config = AsyncConnectionConfig::new()
        // Each operation has a deadline of its own.
        .set_response_timeout(None)
        .set_concurrency_limit(MAX_UNDER_WAY);
    let (redis, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
        .await
        .map_err(ConnectError::Refused)?;
    let mut driver: Driver = Box::pin(driver);
    let answer = tokio::select! {
        () = &mut driver => return Err(ConnectError::Closed),
        answer = ping(redis.clone()) => answer,
    };
    answer.map_err(ConnectError::Refused)?;
    let connection = Arc::new(RedisConnection::new(redis, allowance, generation));
    Ok(Opened { connection, driver })
}

/// A server reports a missing password only in response to a command.
pub(super) async fn ping(mut redis: MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").query_async(&mut redis).await
}

impl Secrets {
    async fn read(settings: &SharedSettings) -> Result<Self, ConnectError> {
        let settings = settings.clone();
        let read = spawn_blocking(move || {
            let password = settings.read_password().map_err(ConnectError::Files)?;
            let tls = settings.address.tls;
            let config = || tls::client::config(settings.ca_file.as_deref(), None);
            let tls = tls.then(config).transpose()?;
            Ok(Self { password, tls })
        });
        read.await.map_err(|error| ConnectError::Files(error.to_string()))?
    }
}

fn connection_info(settings: &SharedSettings, password: Option<&str>) -> RedisConnectionInfo {
    let info = RedisConnectionInfo::default()
        .set_db(settings.address.database.into())
        // Older servers don't know it.
        .set_skip_set_lib_name();
    let info = match &settings.username {
        Some(username) => info.set_username(username),
        None => info,
    };
    match password {
        Some(password) => info.set_password(password),
        None => info,
    }
}

async fn stream(
    address: &SharedAddress,
    tls: Option<ClientConfig>,
) -> Result<Box<dyn Stream>, ConnectError> {
    let tcp = tcp(address).await?;
    let Some(tls) = tls else {
        return Ok(Box::new(tcp));
    };
    let stream = tls::client::connect(tls, address.host.clone(), tcp).await;
    Ok(Box::new(stream.map_err(ConnectError::Tls)?))
}

async fn tcp(address: &SharedAddress) -> Result<TcpStream, ConnectError> {
    let found = lookup_host((address.host.as_str(), address.port)).await;
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
