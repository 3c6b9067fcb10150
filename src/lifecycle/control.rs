//! The control thread: everything that is not a request. Key refreshes, the admin listener,
//! reloads and the stop run here and can never take time from a worker.

use std::{io, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
};

use crate::{
    admin::{self, ReadinessBoard, ShownConfiguration},
    clock::Clock,
    decision::Engine,
    evidence::Journals,
    listener::{Listener, settings::ListenAddress},
    providers::{ProviderTasks, Providers},
    proxy::ProxyConfig,
    readiness::ProcessReadiness,
    settings::Settings,
    tasks::{RunningTasks, Tasks},
    telemetry::MetricRegistry,
    tls::{keep_renewed, keep_upstreams_renewed},
};

use super::{
    idle_journals, opening,
    server::{RELOAD_DEADLINE, compile},
    worker_thread::{LEFTOVERS_DEADLINE, WorkerSignals},
};

/// Commands to the control thread.
#[derive(Debug)]
pub(super) enum ControlCommand {
    /// Load another configuration, and report the outcome.
    Reload(Box<Settings>, oneshot::Sender<Result<(), String>>),
    /// Stop gently.
    Stop,
}

/// What keeps one configuration up to date, and does not run yet.
pub(super) struct ConfigurationTasks {
    pub(super) providers: ProviderTasks,
    pub(super) upstreams: Tasks,
}

/// The same, running.
struct RunningConfigurationTasks {
    providers: RunningTasks,
    upstreams: RunningTasks,
}

/// The state of the control thread.
#[derive(Debug)]
pub(super) struct Control {
    settings: ArcSwap<Settings>,
    shown: Arc<ArcSwap<ShownConfiguration>>,
    config: Arc<ArcSwap<ProxyConfig>>,
    engine: Arc<ArcSwap<Engine>>,
    providers: Arc<ArcSwap<Providers>>,
    journals: Arc<Journals>,
    clock: Arc<dyn Clock>,
    metrics: MetricRegistry,
    readiness: Arc<ProcessReadiness>,
}

impl Control {
    pub(super) fn new(
        config: Arc<ArcSwap<ProxyConfig>>,
        settings: Settings,
        providers: Arc<Providers>,
        journals: Journals,
        readiness: Arc<ProcessReadiness>,
        clock: Arc<dyn Clock>,
        metrics: MetricRegistry,
    ) -> Self {
        let engine = Arc::new(ArcSwap::new(Arc::clone(config.load().engine())));
        let providers = Arc::new(ArcSwap::new(providers));
        let journals = Arc::new(journals);
        let shown = Arc::new(ArcSwap::from_pointee(settings.shown()));
        let settings = ArcSwap::from_pointee(settings);
        Self { settings, shown, config, engine, providers, journals, clock, metrics, readiness }
    }

    async fn run(
        self,
        tasks: ConfigurationTasks,
        admin_listeners: Vec<Listener>,
        mut commands: mpsc::Receiver<ControlCommand>,
        signals: WorkerSignals,
    ) {
        let mut tasks = tasks.spawn();
        tokio::spawn(idle_journals::run(Arc::clone(&self.journals)));
        let config = Arc::clone(&self.config);
        tokio::spawn(keep_renewed(move || config.load().tls()));
        let config = Arc::clone(&self.config);
        tokio::spawn(keep_upstreams_renewed(move || config.load().upstream_tls()));
        tokio::spawn(opening::open(self.providers.load_full(), signals.open.clone()));
        let view = Arc::new(self.admin_view());
        tokio::spawn(admin::follow_readiness(Arc::clone(&view)));
        for listener in admin_listeners {
            tokio::spawn(admin::serve(listener, Arc::clone(&view)));
        }
        let mut command = next(&mut commands, &signals).await;
        loop {
            command = match command {
                Next::Command(ControlCommand::Reload(settings, done)) => tokio::select! {
                    biased;
                    // A stop does not wait for keys that may never come, and a later
                    // configuration is wanted more than an earlier one.
                    overtaking = next(&mut commands, &signals) => {
                        report_superseded(done);
                        overtaking
                    }
                    outcome = self.reload(*settings, &mut tasks) => {
                        report(outcome, done);
                        next(&mut commands, &signals).await
                    }
                },
                Next::Command(ControlCommand::Stop) => {
                    self.stop(&signals).await;
                    next(&mut commands, &signals).await
                }
                Next::Finished => return,
            };
        }
    }

    fn admin_view(&self) -> admin::View {
        admin::View {
            configuration: Arc::clone(&self.shown),
            engine: Arc::clone(&self.engine),
            providers: Arc::clone(&self.providers),
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.clone(),
            readiness: Arc::clone(&self.readiness),
            proxy: Arc::clone(&self.config),
            board: Arc::new(ReadinessBoard::new(&self.metrics)),
        }
    }

    /// Replaces the configuration as a whole, once the new one can decide (threats ).
    async fn reload(
        &self,
        settings: Settings,
        tasks: &mut RunningConfigurationTasks,
    ) -> Result<(), String> {
        let parts = settings.provider_parts();
        let successor = self.providers.load().successor(&parts, &self.clock, &self.metrics);
        let (providers, prepared) = successor.map_err(|error| error.to_string())?;
        let (providers, started) = (Arc::new(providers), prepared.spawn());
        self.wait_for(&providers).await?;
        let compiled = compile(&settings, &providers, &self.journals, &self.clock, &self.metrics)
            .map_err(|error| error.to_string())?;
        let (config, upstreams) = compiled;
        warn_of_what_stays(&self.settings.load(), &settings);
        self.providers.store(providers);
        self.engine.store(Arc::clone(config.engine()));
        self.config.store(Arc::new(config));
        self.shown.store(Arc::new(settings.shown()));
        self.settings.store(Arc::new(settings));
        // Requests of the old configuration do without: they have their endpoints.
        tasks.upstreams = upstreams.spawn();
        retire(std::mem::replace(&mut tasks.providers, started));
        tracing::info!("the new configuration is in use");
        Ok(())
    }

    async fn wait_for(&self, providers: &Providers) -> Result<(), String> {
        let usable = tokio::time::timeout(RELOAD_DEADLINE, providers.usable()).await;
        usable.map_err(|_| {
            let pending = providers.pending(self.clock.now());
            format!("not ready within {RELOAD_DEADLINE:?}: {}", pending.join("; "))
        })
    }

    async fn stop(&self, signals: &WorkerSignals) {
        self.readiness.drain();
        let grace = self.settings.load().server.shutdown_grace;
        tracing::info!(?grace, "stopping: not ready, still accepting");
        tokio::time::sleep(grace).await;
        tracing::info!("stopping: finishing what is in flight");
        signals.stop_accepting.cancel();
        signals.drain.cancel();
    }
}

/// How long an earlier configuration's tasks run on: requests from before the change still wait for
/// their lookups. At the default deadlines none waits longer.
const RETIREMENT: Duration = Duration::from_secs(15);

fn retire(tasks: RunningTasks) {
    tokio::spawn(async move {
        tokio::time::sleep(RETIREMENT).await;
        drop(tasks);
    });
}

/// What belongs to the process, not to a configuration, keeps its value until a restart.
fn warn_of_what_stays(old: &Settings, new: &Settings) {
    let (old_server, new_server) = (&old.server, &new.server);
    let stays = [
        ("server.listen", old_server.listen != new_server.listen),
        ("listeners", addresses(old) != addresses(new)),
        ("server.workers", old_server.workers != new_server.workers),
        ("server.drain_timeout", old_server.drain_timeout != new_server.drain_timeout),
        (
            "server.limits.connections",
            old_server.limits.connections != new_server.limits.connections,
        ),
        ("server.limits.memory", old_server.limits.memory != new_server.limits.memory),
        (
            "server.limits.connection_memory",
            old_server.limits.connection_memory != new_server.limits.connection_memory,
        ),
        ("admin.listen", old.admin.listen != new.admin.listen),
        ("log", old.log.level != new.log.level || old.log.format != new.log.format),
    ];
    for (key, _) in stays.iter().filter(|(_, has_changed)| *has_changed) {
        tracing::warn!(key, "changed in the configuration, but takes a restart to have an effect");
    }
}

/// The names and addresses of `[[listeners]]`: one that is removed refuses connections, and one
/// that is added, or has another address, is not bound.
fn addresses(settings: &Settings) -> Vec<(&str, &ListenAddress)> {
    let listeners = settings.further_listeners();
    listeners.map(|listener| (listener.name.as_str(), &listener.listen)).collect()
}

impl ConfigurationTasks {
    fn spawn(self) -> RunningConfigurationTasks {
        RunningConfigurationTasks {
            providers: self.providers.spawn(),
            upstreams: self.upstreams.spawn(),
        }
    }
}

/// What the control thread does next.
enum Next {
    Command(ControlCommand),
    /// Nothing any more: the workers have ended.
    Finished,
}

async fn next(commands: &mut mpsc::Receiver<ControlCommand>, signals: &WorkerSignals) -> Next {
    tokio::select! {
        Some(command) = commands.recv() => Next::Command(command),
        () = signals.finished.cancelled() => Next::Finished,
    }
}

fn report(outcome: Result<(), String>, done: oneshot::Sender<Result<(), String>>) {
    if let Err(error) = &outcome {
        tracing::error!(%error, "the new configuration is not used");
    }
    // The caller may not wait for it.
    let _ = done.send(outcome);
}

/// A later reload, or a stop, came before this one was through. That is no failure: what counts is
/// the later one.
fn report_superseded(done: oneshot::Sender<Result<(), String>>) {
    tracing::info!("a later reload or stop takes the place of a reload that was under way");
    let _ = done.send(Err("superseded by a later reload or stop".to_owned()));
}

/// Starts the control thread.
pub(super) fn spawn(
    control: Control,
    tasks: ConfigurationTasks,
    admin_listeners: Vec<Listener>,
    commands: mpsc::Receiver<ControlCommand>,
    signals: WorkerSignals,
) -> io::Result<thread::JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        runtime.block_on(control.run(tasks, admin_listeners, commands, signals));
        runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    })
}
