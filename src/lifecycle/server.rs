//! A running proxy: its threads, and the handle that reloads and stops them.

use std::{io, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::{
    admin::control::{ReloadOutcome, ReloadTrigger},
    clock::{Clock, SystemClock},
    decision::Engine,
    evidence::{EvidenceError, Journals},
    gate::Gate,
    listener::settings::ListenAddress,
    policy::ids::PerUpstream,
    providers::Providers,
    proxy::{ConnectionBudget, ListenerRules, ProxyConfig},
    refresh::FileSnapshot,
    settings::{Settings, Sources},
    shared::SharedError,
    tasks::Tasks,
    telemetry::{LogLevel, MetricRegistry},
    tls::{TlsError, UpstreamTls, UpstreamTlsError, watch_expiry},
};

use super::{
    control::{self, ConfigurationTasks, Control, ControlParts},
    drain::{DrainTimeouts, Grace},
    inbox::{ControlChannels, ControlCommand},
    listeners::{Binding, BoundOperators, OpenListeners},
    metrics::{busy_time, register_all},
    pulse::Pulse,
    reload::{PendingReload, ReloadSource, read_files},
    service_manager::ServiceManager,
    watcher::WatchTargets,
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
    /// Where a reload reads the configuration. `None`: it comes from the program.
    pub sources: Option<Sources>,
    /// The level of the log, which a reload may change. `None`: the log is the program's.
    pub log_level: Option<LogLevel>,
    /// Whether the process is this proxy, so that systemd hears of it (`sd_notify(3)`).
    pub is_service: bool,
}

impl ServerParts {
    /// Those of a proxy that is a part of a program.
    pub fn of_program(clock: Arc<dyn Clock>, metrics: MetricRegistry) -> Self {
        Self { clock, metrics, sources: None, log_level: None, is_service: false }
    }
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
        Self::start_with(settings, ServerParts::of_program(clock, MetricRegistry::default()))
    }

    /// Starts with these parts.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with(settings: Settings, parts: ServerParts) -> Result<Self, StartError> {
        let ServerParts { clock, metrics, sources, log_level, is_service } = parts;
        register_all(&metrics);
        let (settings, watch) = settled(settings, sources.as_ref());
        let workers = settings.worker_count();
        let signals = WorkerSignals::default();
        let (stop, stages) = (signals.stop_accepting.clone(), signals.stages.clone());
        let mut listeners = OpenListeners::new(workers, &metrics, stop, stages);
        let bound = listeners.prepare(&settings)?;
        let operators = BoundOperators::bind(&settings, listeners.passed())?;
        let admin = operators.admin_address()?.unwrap_or_else(|| settings.admin.listen.clone());
        let control_at = operators.control_address()?;

        let (providers, tasks) = Providers::new(&settings.provider_parts(), &clock, &metrics)?;
        let providers = Arc::new(providers);
        let journals = Journals::default();
        let names = &bound.names;
        let (config, upstreams) =
            compile(&settings, names, &providers, &journals, None, &clock, &metrics)?;
        let tasks = ConfigurationTasks { providers: tasks, upstreams };
        let config = Arc::new(ArcSwap::from_pointee(config));
        let of = Arc::clone(&config);
        watch_expiry(&metrics, move || of.load().certificates());
        let budget = ConnectionBudget::new(&settings.server.limits, &metrics);
        let busy = busy_time(&metrics);
        let (commands, received) = mpsc::channel(COMMAND_QUEUE);
        let (reloads, requested) = mpsc::channel(RELOAD_QUEUE);
        listeners.adopt(bound, DrainTimeouts::of(&settings));
        let (listen, targets) = (listeners.addresses(), listeners.targets());
        let parts = ControlParts {
            config: Arc::clone(&config),
            providers,
            journals,
            readiness: Arc::clone(&signals.readiness),
            clock,
            metrics,
            sources,
            log_level,
            listeners,
            budget: Arc::clone(&budget),
            watch,
            pulse: Arc::new(Pulse::new(workers)),
            service_manager: if is_service {
                ServiceManager::OfEnvironment
            } else {
                ServiceManager::None
            },
        };
        let control = Control::new(settings, parts);
        let pulse = Arc::clone(control.pulse());
        let channels = ControlChannels { commands: received, requested, reloads };
        let control = Some(control::spawn(control, tasks, operators, channels, signals.clone())?);
        let mut server =
            Self { listen, admin, control_at, commands, signals, workers: Vec::new(), control };
        for index in 0..workers {
            let (config, budget) = (Arc::clone(&config), Arc::clone(&budget));
            let (targets, pulse) = (targets.clone(), pulse.of_worker(index));
            let place = WorkerPlace { index, targets, pulse, busy: busy.clone() };
            // Dropped after a failure, the server ends what it has started.
            let signals = server.signals.clone();
            server.workers.push(worker_thread::spawn(place, config, budget, signals)?);
        }
        server.log_start(&targets.borrow().bindings);
        Ok(server)
    }

    fn log_start(&self, bindings: &[Arc<Binding>]) {
        let (admin, workers) = (&self.admin, self.workers.len());
        let mut addresses = self.listen.iter().zip(bindings);
        if let Some((listen, _)) = addresses.next() {
            tracing::info!(%listen, %admin, workers, "started");
        }
        for (listen, binding) in addresses {
            let listener = binding.listener().name();
            tracing::info!(%listen, listener, "listening as well");
        }
    }

    /// Where requests arrived at the start: the first listener, which every configuration has.
    pub fn address(&self) -> &ListenAddress {
        self.listen.first().unwrap_or(&self.admin)
    }

    /// Where requests arrived at the start, in the order of the settings.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.listen
    }

    /// The address of the admin listener at the start.
    pub fn admin_address(&self) -> &ListenAddress {
        &self.admin
    }

    /// The address of the private listener at the start.
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
    pub fn stop(self) {
        self.stop_after(Grace::Whole);
    }

    /// The same, but without a grace period where no request is in progress, or as soon as none is.
    pub fn stop_when_idle(self) {
        self.stop_after(Grace::UntilIdle);
    }

    fn stop_after(mut self, grace: Grace) {
        // A control thread that is gone has no grace period to keep.
        let _ = self.commands.blocking_send(ControlCommand::Stop(grace));
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
        self.signals.stages.cancel();
        self.signals.finished.cancel();
    }
}

fn join(thread: thread::JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread had panicked");
    }
}

/// The settings, and what to watch. If files are watched, the settings are read once more: a file
/// may have changed before it was looked at.
fn settled(settings: Settings, sources: Option<&Sources>) -> (Settings, WatchTargets) {
    let mut watch = WatchTargets {
        settings: settings.reload,
        paths: Vec::new(),
        files: FileSnapshot::default(),
        in_force: true,
    };
    let Some(sources) = sources.filter(|_| settings.reload.watch) else {
        return (settings, watch);
    };
    let read = read_files(sources, &FileSnapshot::default(), None);
    watch.paths = read.paths;
    match read.settings {
        Ok(settings) => {
            watch.files = read.files;
            (settings, watch)
        }
        // What is there counts as a change, and its mistakes will be reported.
        Err(_) => (settings, watch),
    }
}

/// Compiles settings for serving. `bound` are the names of the process's listeners. The tasks keep
/// its upstreams' endpoints up to date. What has not changed since `earlier` goes on. Nothing fails
/// once that has begun.
pub(super) fn compile(
    settings: &Settings,
    bound: &[Option<String>],
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
    // Last of what can fail: it takes over the earlier journal's folder. What is made from here on
    // changes what the running configuration has in common with this one.
    let evidence = settings.evidence.as_ref();
    let journal =
        evidence.map(|evidence| journals.journal(evidence, clock, metrics)).transpose()?;
    upstream_tls.iter().flatten().for_each(|tls| tls.show());
    let gate = Gate::new(&settings.gate_parts(), providers, Arc::clone(clock), metrics);
    let (parts, running) = (settings.engine_parts(), earlier.map(|earlier| &**earlier.engine()));
    let engine = Engine::new(&parts, gate, journal, running, Arc::clone(clock), metrics);
    let parts = settings.proxy_parts();
    let engine = Arc::new(engine);
    Ok(ProxyConfig::new(&parts, engine, listeners, bound, &upstream_tls, earlier, metrics))
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

/// How long a reload waits for the new configuration's keys.
pub(super) const RELOAD_DEADLINE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
