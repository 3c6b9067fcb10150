//! The control thread: everything that is not a request. Key refreshes, the admin listener,
//! reloads and the stop run here and can never take time from a worker.

use std::{io, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::{runtime::Builder, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{
        self, ReadinessBoard, ShownConfiguration,
        control::{ControlView, ReloadOutcome, ReloadRequest, ReloadVerdict},
    },
    clock::Clock,
    decision::Engine,
    evidence::Journals,
    listener::Listener,
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
    reload::{Changes, PendingReload, ReloadReports, ReloadSource, Reread, not_used},
    server::{RELOAD_DEADLINE, compile},
    worker_thread::{LEFTOVERS_DEADLINE, WorkerSignals},
};

/// Commands to the control thread.
#[derive(Debug)]
pub(super) enum ControlCommand {
    /// Load another configuration, and report the verdict.
    Reload(PendingReload),
    /// Stop gently.
    Stop,
}

/// Where commands come from.
pub(super) struct ControlChannels {
    pub(super) commands: mpsc::Receiver<ControlCommand>,
    /// Of the private listener.
    pub(super) requested: mpsc::Receiver<ReloadRequest>,
    pub(super) reloads: mpsc::Sender<ReloadRequest>,
}

/// The listeners of this thread.
pub(super) struct OperatorListeners {
    pub(super) admin: Vec<Listener>,
    pub(super) control: Option<Listener>,
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
    reread: Option<Reread>,
    reports: ReloadReports,
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
        reread: Option<Reread>,
    ) -> Self {
        let engine = Arc::new(ArcSwap::new(Arc::clone(config.load().engine())));
        let providers = Arc::new(ArcSwap::new(providers));
        let journals = Arc::new(journals);
        let shown = Arc::new(ArcSwap::from_pointee(settings.shown()));
        let (notes, of_reports) = (Arc::clone(&readiness), Arc::clone(&clock));
        let reports = ReloadReports::new(&settings, notes, of_reports, &metrics);
        let settings = ArcSwap::from_pointee(settings);
        Self {
            settings,
            shown,
            config,
            engine,
            providers,
            journals,
            clock,
            metrics,
            readiness,
            reread,
            reports,
        }
    }

    async fn run(
        self,
        tasks: ConfigurationTasks,
        operators: OperatorListeners,
        mut channels: ControlChannels,
        signals: WorkerSignals,
    ) {
        let mut tasks = tasks.spawn();
        tokio::spawn(idle_journals::run(Arc::clone(&self.journals)));
        let config = Arc::clone(&self.config);
        tokio::spawn(keep_renewed(move || config.load().tls()));
        let config = Arc::clone(&self.config);
        tokio::spawn(keep_upstreams_renewed(move || config.load().upstream_tls()));
        tokio::spawn(opening::open(self.providers.load_full(), signals.open.clone()));
        self.serve_operators(operators, &channels.reloads);
        let mut command = next(&mut channels, &signals).await;
        loop {
            command = match command {
                Next::Command(ControlCommand::Reload(PendingReload { source, trigger, done })) => {
                    tokio::select! {
                        biased;
                        // A stop does not wait for keys that may never come, and a later
                        // configuration is wanted more than an earlier one.
                        overtaking = next(&mut channels, &signals) => {
                            self.reports.report(self.superseded(), trigger, done);
                            overtaking
                        }
                        verdict = self.reload(source, &mut tasks) => {
                            self.reports.report(verdict, trigger, done);
                            next(&mut channels, &signals).await
                        }
                    }
                }
                Next::Command(ControlCommand::Stop) => {
                    self.stop(&signals).await;
                    next(&mut channels, &signals).await
                }
                Next::Finished => return,
            };
        }
    }

    fn serve_operators(&self, listeners: OperatorListeners, reloads: &mpsc::Sender<ReloadRequest>) {
        let pages = Arc::new(self.admin_view());
        tokio::spawn(admin::follow_readiness(Arc::clone(&pages)));
        for listener in listeners.admin {
            tokio::spawn(admin::serve(listener, Arc::clone(&pages), CancellationToken::new()));
        }
        if let Some(listener) = listeners.control {
            let view = Arc::new(ControlView { pages, reloads: reloads.clone() });
            tokio::spawn(admin::control::serve(listener, view, CancellationToken::new()));
        }
    }

    fn superseded(&self) -> ReloadVerdict {
        let reason = "superseded by a later reload or stop".to_owned();
        not_used(ReloadOutcome::Superseded, vec![reason], &self.settings.load())
    }

    /// Reads the new configuration and applies it.
    async fn reload(
        &self,
        source: ReloadSource,
        tasks: &mut RunningConfigurationTasks,
    ) -> ReloadVerdict {
        let refused = |errors| not_used(ReloadOutcome::Refused, errors, &self.settings.load());
        let settings = match source.settings(self.reread.as_ref()).await {
            Ok(settings) => settings,
            Err(mistakes) => return refused(mistakes),
        };
        let changes = Changes::between(&self.settings.load(), &settings);
        match self.apply(settings, tasks).await {
            Ok(()) => {
                changes.warn_of_what_stays();
                changes.applied(&self.settings.load())
            }
            Err(reason) => refused(vec![reason]),
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
    async fn apply(
        &self,
        settings: Settings,
        tasks: &mut RunningConfigurationTasks,
    ) -> Result<(), String> {
        let parts = settings.provider_parts();
        let successor = self.providers.load().successor(&parts, &self.clock, &self.metrics);
        let (providers, prepared) = successor.map_err(|error| error.to_string())?;
        let (providers, started) = (Arc::new(providers), prepared.spawn());
        self.wait_for(&providers).await?;
        let running = self.config.load_full();
        let (journals, clock) = (&self.journals, &self.clock);
        let compiled =
            compile(&settings, &providers, journals, Some(&running), clock, &self.metrics);
        let (config, upstreams) = compiled.map_err(|error| error.to_string())?;
        self.providers.store(providers);
        self.engine.store(Arc::clone(config.engine()));
        self.config.store(Arc::new(config));
        running.supersede();
        self.shown.store(Arc::new(settings.shown()));
        self.settings.store(Arc::new(settings));
        // Requests of the old configuration do without: they have their endpoints.
        tasks.upstreams = upstreams.spawn();
        retire(std::mem::replace(&mut tasks.providers, started));
        Ok(())
    }

    async fn wait_for(&self, providers: &Providers) -> Result<(), String> {
        let (running, clock) = (self.providers.load_full(), &*self.clock);
        let usable = providers.usable_in_place_of(&running, clock, RELOAD_DEADLINE).await;
        usable.map_err(|error| error.to_string())?;
        let missing = providers.pending(clock.now()).join("; ");
        if !missing.is_empty() {
            tracing::warn!(missing, "the new configuration lacks what the running one does");
        }
        Ok(())
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

async fn next(channels: &mut ControlChannels, signals: &WorkerSignals) -> Next {
    tokio::select! {
        Some(command) = channels.commands.recv() => Next::Command(command),
        Some(ReloadRequest { trigger, done }) = channels.requested.recv() => {
            let reload = PendingReload { source: ReloadSource::Reread, trigger, done };
            Next::Command(ControlCommand::Reload(reload))
        }
        () = signals.finished.cancelled() => Next::Finished,
    }
}

/// Starts the control thread.
pub(super) fn spawn(
    control: Control,
    tasks: ConfigurationTasks,
    operators: OperatorListeners,
    channels: ControlChannels,
    signals: WorkerSignals,
) -> io::Result<thread::JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        runtime.block_on(control.run(tasks, operators, channels, signals));
        runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    })
}
