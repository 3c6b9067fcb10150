//! A running proxy: its threads, and the handle that reloads and stops them.

use std::{io, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::control::{ReloadOutcome, ReloadTrigger},
    clock::{Clock, SystemClock},
    decision::Engine,
    evidence::{EvidenceError, Journals},
    gate::Gate,
    listener::{Listener, PassedSockets, settings::ListenAddress},
    policy::ids::PerUpstream,
    providers::Providers,
    proxy::{
        BoundListener, ConnectionBudget, ListenerRules, ProxyConfig,
        settings::listeners::SERVER_LISTENER,
    },
    settings::Settings,
    shared::SharedError,
    tasks::Tasks,
    telemetry::MetricRegistry,
    tls::{TlsError, UpstreamTls, UpstreamTlsError},
};

use super::{
    control::{
        self, ConfigurationTasks, Control, ControlChannels, ControlCommand, OperatorListeners,
    },
    descriptors::worker_count,
    metrics::register_all,
    reload::{PendingReload, ReloadSource, Reread},
    worker_thread::{self, WorkerPlace, WorkerSignals},
};

/// A running proxy. Dropping the handle stops it at once; [`Server::stop`] drains it.
#[derive(Debug)]
pub struct Server {
    /// In the order of the settings. Never empty.
    listen: Vec<ListenAddress>,
    admin: ListenAddress,
    control_at: Option<ListenAddress>,
    commands: mpsc::Sender<ControlCommand>,
    signals: WorkerSignals,
    workers: Vec<thread::JoinHandle<()>>,
    control: Option<thread::JoinHandle<()>>,
}

/// Why a proxy can't start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be bound.
    #[error("cannot listen on {address} ({key}): {error}")]
    Bind {
        /// The address, as configured.
        address: String,
        /// The setting's key.
        key: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// A thread or runtime can't be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// The files of `[server.tls]` can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The files of `[upstreams.NAME.tls]` can't be used.
    #[error(transparent)]
    UpstreamTls(#[from] UpstreamTlsError),
    /// The evidence journal can't be opened.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// What replicas share can't be.
    #[error(transparent)]
    Shared(#[from] SharedError),
}

/// Commands that may wait: one reload and one stop.
const COMMAND_QUEUE: usize = 4;

/// Reloads that the private listener may have waiting: each takes the place of the one before.
const RELOAD_QUEUE: usize = 4;

/// What a server is started with besides its configuration.
pub struct ServerParts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where it counts. No other server may use it.
    pub metrics: MetricRegistry,
    /// Reads the configuration again. `None`: it comes from the program.
    pub reread: Option<Reread>,
}

impl Server {
    /// Starts by the machine's clock.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_at(settings, Arc::new(SystemClock))
    }

    /// Starts by any clock.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_at(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let metrics = MetricRegistry::default();
        Self::start_with(settings, ServerParts { clock, metrics, reread: None })
    }

    /// Starts with these parts.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with(settings: Settings, parts: ServerParts) -> Result<Self, StartError> {
        let ServerParts { clock, metrics, reread } = parts;
        register_all(&metrics);
        let workers = worker_count(&settings);
        let mut passed = PassedSockets::default();
        let sockets = settings.listeners.iter().map(|listener| {
            let key = if listener.name == SERVER_LISTENER { "server.listen" } else { "listeners" };
            bind(&listener.listen, workers, key, &mut passed)
        });
        let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
        let admin = bind(&settings.admin.listen, 1, "admin.listen", &mut passed)?;
        let listen =
            sockets.iter().map(|of_one| bound_address(of_one)).collect::<Result<_, _>>()?;
        let admin_at = bound_address(&admin)?;
        let control_listener = settings
            .control
            .as_ref()
            .map(|control| bind_private(&control.listen, "control.listen", &mut passed));
        let control_listener = control_listener.transpose()?;
        let control_at = control_listener.as_ref().map(Listener::local_address).transpose()?;
        let listeners = BoundListener::table(&settings.listeners, &metrics);

        let (providers, tasks) = Providers::new(&settings.provider_parts(), &clock, &metrics)?;
        let providers = Arc::new(providers);
        let journals = Journals::default();
        let (config, upstreams) =
            compile(&settings, &providers, &journals, None, &clock, &metrics)?;
        let tasks = ConfigurationTasks { providers: tasks, upstreams };
        let config = Arc::new(ArcSwap::from_pointee(config));
        let budget = ConnectionBudget::new(&settings.server.limits, &metrics);
        let signals = WorkerSignals {
            open: CancellationToken::new(),
            stop_accepting: CancellationToken::new(),
            drain: CancellationToken::new(),
            finished: CancellationToken::new(),
            drain_timeout: settings.server.drain_timeout,
            readiness: Arc::default(),
        };
        let (commands, received) = mpsc::channel(COMMAND_QUEUE);
        let readiness = Arc::clone(&signals.readiness);
        let control = Control::new(
            Arc::clone(&config),
            settings,
            providers,
            journals,
            readiness,
            clock,
            metrics,
            reread,
        );
        let (reloads, requested) = mpsc::channel(RELOAD_QUEUE);
        let channels = ControlChannels { commands: received, requested, reloads };
        let operators = OperatorListeners { admin, control: control_listener };
        let control = Some(control::spawn(control, tasks, operators, channels, signals.clone())?);
        let mut server = Self {
            listen,
            admin: admin_at,
            control_at,
            commands,
            signals,
            workers: Vec::new(),
            control,
        };
        for (index, sockets) in per_worker(sockets, workers).into_iter().enumerate() {
            let (config, budget) = (Arc::clone(&config), Arc::clone(&budget));
            let place = WorkerPlace { index, sockets, listeners: Arc::clone(&listeners) };
            // Dropped after a failure, the server ends what it has started.
            let signals = server.signals.clone();
            server.workers.push(worker_thread::spawn(place, config, budget, signals)?);
        }
        server.log_start(&listeners);
        Ok(server)
    }

    fn log_start(&self, listeners: &[Arc<BoundListener>]) {
        let (admin, workers) = (&self.admin, self.workers.len());
        let mut addresses = self.listen.iter().zip(listeners);
        if let Some((listen, _)) = addresses.next() {
            tracing::info!(%listen, %admin, workers, "started");
        }
        for (listen, listener) in addresses {
            tracing::info!(%listen, listener = listener.name(), "listening as well");
        }
    }

    /// Where requests arrive: the first listener, which every configuration has.
    pub fn address(&self) -> &ListenAddress {
        self.listen.first().unwrap_or(&self.admin)
    }

    /// Where requests arrive, in the order of the settings.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.listen
    }

    /// The address of the admin listener.
    pub fn admin_address(&self) -> &ListenAddress {
        &self.admin
    }

    /// The address of the private listener.
    pub fn control_address(&self) -> Option<&ListenAddress> {
        self.control_at.as_ref()
    }

    /// Loads another configuration. Requests in flight keep theirs. If the new one's keys can't be
    /// fetched in time, the old one stays.
    ///
    /// # Errors
    /// Why it was not taken.
    pub fn reload(&self, settings: Settings) -> Result<(), String> {
        const STOPPED: &str = "the proxy has stopped";
        let (done, verdict) = oneshot::channel();
        let source = ReloadSource::Given(Box::new(settings));
        let reload = PendingReload { source, trigger: ReloadTrigger::Library, done };
        self.commands.blocking_send(ControlCommand::Reload(reload)).map_err(|_| STOPPED)?;
        let verdict = verdict.blocking_recv().map_err(|_| STOPPED)?;
        match verdict.outcome {
            ReloadOutcome::Applied => Ok(()),
            ReloadOutcome::Refused | ReloadOutcome::Superseded => Err(verdict.errors.join("; ")),
        }
    }

    /// Has the configuration read again, without waiting for it: the verdict is logged. A stop must
    /// not wait for keys that do not come.
    pub(super) fn request_reload(&self) {
        let (source, done) = (ReloadSource::Reread, oneshot::channel().0);
        let reload = PendingReload { source, trigger: ReloadTrigger::Signal, done };
        if self.commands.try_send(ControlCommand::Reload(reload)).is_err() {
            tracing::error!("the new configuration is not used: too many were given at once");
        }
    }

    /// Drains and stops: not ready at once, still accepting for the grace period, then finishing
    /// what is in flight within the drain deadline. Returns when all is over.
    pub fn stop(mut self) {
        // A control thread that is gone has no grace period to keep.
        let _ = self.commands.blocking_send(ControlCommand::Stop);
        self.join();
    }

    fn join(&mut self) {
        self.workers.drain(..).for_each(join);
        self.signals.finished.cancel();
        self.control.take().into_iter().for_each(join);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signals.stop_accepting.cancel();
        self.signals.drain.cancel();
        self.signals.finished.cancel();
    }
}

fn join(thread: thread::JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread had panicked");
    }
}

/// Compiles settings for serving. The tasks keep its upstreams' endpoints up to date. What has not
/// changed since `earlier` goes on. Nothing fails once that has begun.
pub(super) fn compile(
    settings: &Settings,
    providers: &Providers,
    journals: &Journals,
    earlier: Option<&ProxyConfig>,
    clock: &Arc<dyn Clock>,
    metrics: &MetricRegistry,
) -> Result<(ProxyConfig, Tasks), StartError> {
    let listeners = settings.listeners.iter().map(|listener| {
        let tls = earlier.and_then(|earlier| earlier.tls_of_listener(&listener.name));
        ListenerRules::load(listener, tls)
    });
    let listeners = listeners.collect::<Result<_, _>>()?;
    let upstream_tls = upstream_tls(settings, earlier, metrics)?;
    let gate = Gate::new(&settings.gate_parts(), providers, Arc::clone(clock), metrics);
    // Last of what can fail: it takes over the earlier journal's folder.
    let evidence = settings.evidence.as_ref();
    let journal =
        evidence.map(|evidence| journals.journal(evidence, clock, metrics)).transpose()?;
    let engine = Engine::new(&settings.engine_parts(), gate, journal, Arc::clone(clock), metrics);
    let parts = settings.proxy_parts();
    Ok(ProxyConfig::new(&parts, Arc::new(engine), listeners, &upstream_tls, earlier, metrics))
}

/// What the connections to each upstream need of TLS.
fn upstream_tls(
    settings: &Settings,
    earlier: Option<&ProxyConfig>,
    metrics: &MetricRegistry,
) -> Result<PerUpstream<Option<Arc<UpstreamTls>>>, UpstreamTlsError> {
    let loaded = settings.upstreams.iter().map(|upstream| {
        let earlier = earlier.and_then(|earlier| earlier.tls_of_upstream(&upstream.name));
        let tls = upstream.tls.as_ref();
        tls.map(|tls| UpstreamTls::load(&upstream.name, tls, earlier, metrics)).transpose()
    });
    loaded.collect()
}

fn bind(
    address: &ListenAddress,
    count: usize,
    key: &'static str,
    passed: &mut PassedSockets,
) -> Result<Vec<Listener>, StartError> {
    Listener::bind(address, count, passed).map_err(|error| StartError::Bind {
        address: address.to_string(),
        key,
        error,
    })
}

fn bind_private(
    address: &ListenAddress,
    key: &'static str,
    passed: &mut PassedSockets,
) -> Result<Listener, StartError> {
    Listener::bind_private(address, passed).map_err(|error| StartError::Bind {
        address: address.to_string(),
        key,
        error,
    })
}

/// The sockets of each worker: one of every listener, in their order.
fn per_worker(listeners: Vec<Vec<Listener>>, workers: usize) -> Vec<Vec<Listener>> {
    let mut of_workers: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
    for sockets in listeners {
        for (worker, socket) in of_workers.iter_mut().zip(sockets) {
            worker.push(socket);
        }
    }
    of_workers
}

fn bound_address(listeners: &[Listener]) -> io::Result<ListenAddress> {
    listeners.first().map_or_else(|| Err(io::ErrorKind::NotFound.into()), Listener::local_address)
}

/// How long a reload waits for the new configuration's keys.
pub(super) const RELOAD_DEADLINE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
