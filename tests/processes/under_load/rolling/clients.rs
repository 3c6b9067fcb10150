//! Clients that keep their connections, and leave them where the server asks them to: by
//! `Connection: close`, or by GOAWAY. What was sent is sent again only if the server says by GOAWAY
//! that it has not processed it (RFC 9113 §6.8), as libraries for HTTP/2 do.

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::support::h2load::Speaks;

/// What is to be sent.
#[derive(Debug, Clone)]
pub(super) struct ClientLoad {
    pub(super) address: SocketAddr,
    pub(super) token: String,
    /// Of each version of HTTP.
    pub(super) clients: usize,
    /// Requests a second of all clients of both versions.
    pub(super) rate: usize,
}

/// A load that is under way.
pub(super) struct RunningClients {
    began: Instant,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    thread: JoinHandle<[(Speaks, Tally); 2]>,
}

/// A load that has come to its end.
pub(super) struct FinishedClients {
    pub(super) tallies: [(Speaks, Tally); 2],
    elapsed: Duration,
}

/// What the clients of one version have seen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) answered: usize,
    pub(super) connections: usize,
    /// Of those over HTTP/1.1, that ended though no answer had said so.
    pub(super) unannounced: usize,
    /// Requests that the server had not processed. h2 answers the PING behind the first GOAWAY before
    /// it sends what it holds back, so that the second one can be sent before the request comes.
    pub(super) unprocessed: usize,
    pub(super) failed: Vec<String>,
}

/// One client.
struct LoadClient {
    speaks: Speaks,
    load: ClientLoad,
    connection: Option<OpenConnection>,
    tally: Tally,
}

enum OpenConnection {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// Why there is no answer.
enum NoAnswer {
    /// The connection had ended before anything of the request was sent.
    Unsent,
    /// The server ends the connection before this request.
    Unprocessed,
    Failed(String),
}

/// Connections that are tried for one request.
const ATTEMPTS: usize = 3;

impl ClientLoad {
    pub(super) fn start(self) -> RunningClients {
        let (stop, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (until, counted) = (Arc::clone(&stop), Arc::clone(&count));
        let began = Instant::now();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(self.run(&until, &counted))
        });
        RunningClients { began, stop, count, thread }
    }

    async fn run(self, until: &Arc<AtomicBool>, count: &Arc<AtomicUsize>) -> [(Speaks, Tally); 2] {
        let mut clients = JoinSet::new();
        for speaks in Speaks::ALL {
            for _ in 0..self.clients {
                let client = LoadClient {
                    speaks,
                    load: self.clone(),
                    connection: None,
                    tally: Tally::default(),
                };
                clients.spawn(client.run(Arc::clone(until), Arc::clone(count)));
            }
        }
        let ended = clients.join_all().await;
        Speaks::ALL.map(|speaks| {
            let of_version = ended.iter().filter(|client| client.speaks == speaks);
            let tally = of_version.fold(Tally::default(), |all, client| all.and(&client.tally));
            (speaks, tally)
        })
    }
}

impl RunningClients {
    /// Requests that have come to an end.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn finish(self) -> FinishedClients {
        self.stop.store(true, Ordering::Relaxed);
        let tallies = self.thread.join().unwrap();
        FinishedClients { tallies, elapsed: self.began.elapsed() }
    }
}

impl FinishedClients {
    /// Requests a second that were sent, over both versions of HTTP.
    pub(super) fn rate(&self) -> f64 {
        let of_version = |(_, tally): &(_, Tally)| tally.answered + tally.failed.len();
        let sent: usize = self.tallies.iter().map(of_version).sum();
        f64::from(u32::try_from(sent).unwrap()) / self.elapsed.as_secs_f64()
    }
}

impl Tally {
    fn and(mut self, other: &Self) -> Self {
        self.answered += other.answered;
        self.connections += other.connections;
        self.unannounced += other.unannounced;
        self.unprocessed += other.unprocessed;
        self.failed.extend(other.failed.iter().cloned());
        self
    }
}

impl LoadClient {
    async fn run(mut self, stop: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> Self {
        let ClientLoad { clients, rate, .. } = self.load;
        let all = u32::try_from(clients * Speaks::ALL.len()).unwrap();
        let mut ticks = interval(Duration::from_secs(1) * all / u32::try_from(rate).unwrap());
        // Behind the rate, it catches up.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            match self.exchange().await {
                Ok(()) => self.tally.answered += 1,
                Err(error) => self.tally.failed.push(error),
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    async fn exchange(&mut self) -> Result<(), String> {
        for _ in 0..ATTEMPTS {
            let mut connection = match self.connection.take() {
                Some(connection) if connection.is_open() => connection,
                Some(_) => self.ended_unannounced().await?,
                None => self.connect().await?,
            };
            match connection.send(self.request()).await {
                Ok(response) => {
                    let status = response.status();
                    let closes =
                        response.headers().get("connection").is_some_and(|it| it == "close");
                    response.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
                    self.connection = Some(connection).filter(|_| !closes);
                    return if status == StatusCode::OK { Ok(()) } else { Err(status.to_string()) };
                }
                Err(NoAnswer::Unsent) => self.connection = Some(connection),
                Err(NoAnswer::Unprocessed) => self.tally.unprocessed += 1,
                Err(NoAnswer::Failed(error)) => return Err(error),
            }
        }
        Err("no connection takes the request".to_owned())
    }

    async fn ended_unannounced(&mut self) -> Result<OpenConnection, String> {
        self.tally.unannounced += usize::from(self.speaks == Speaks::Http1);
        self.connect().await
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let ClientLoad { address, token, .. } = &self.load;
        let target = match self.speaks {
            Speaks::Http1 => "/orders".to_owned(),
            Speaks::Http2 => format!("http://{address}/orders"),
        };
        Request::get(target)
            .header("host", address.to_string())
            .header("authorization", format!("Bearer {token}"))
            .body(Empty::new())
            .unwrap()
    }

    async fn connect(&mut self) -> Result<OpenConnection, String> {
        let socket =
            TcpStream::connect(self.load.address).await.map_err(|error| error.to_string())?;
        socket.set_nodelay(true).unwrap();
        self.tally.connections += 1;
        let io = TokioIo::new(socket);
        let failed = |error: hyper::Error| format!("handshake: {error:?}");
        match self.speaks {
            Speaks::Http1 => {
                let (sender, connection) = http1::handshake(io).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(OpenConnection::Http1(sender))
            }
            Speaks::Http2 => {
                let executor = TokioExecutor::new();
                let (sender, connection) = http2::handshake(executor, io).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(OpenConnection::Http2(sender))
            }
        }
    }
}

impl OpenConnection {
    fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        }
    }

    async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let sent = match self {
            Self::Http1(sender) => {
                sender.ready().await.map_err(|_| NoAnswer::Unsent)?;
                sender.try_send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await.map_err(|_| NoAnswer::Unsent)?;
                sender.try_send_request(request).await
            }
        };
        sent.map_err(|mut error| match error.take_message() {
            Some(_) => NoAnswer::Unsent,
            None if is_unprocessed(error.error()) => NoAnswer::Unprocessed,
            None => NoAnswer::Failed(format!("{:?}", error.into_error())),
        })
    }
}

/// The streams that h2 fails by a GOAWAY are those behind the last one that is processed.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_go_away() && cause.is_remote())
}
