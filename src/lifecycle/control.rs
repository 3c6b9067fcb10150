//! The control thread: everything that is not a request. Key refreshes, the admin listener,
//! reloads and the stop run here and can never take time from a worker.

use std::{io, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    runtime::Builder,
    sync::{Mutex, mpsc, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{
        self, ReadinessBoard, ShownConfiguration,
        control::{ReloadOutcome, ReloadVerdict},
    },
    clock::Clock,
    decision::Engine,
    evidence::Journals,
    providers::{ProviderTasks, Providers},
    proxy::{ConnectionBudget, ProxyConfig},
    readiness::{Dependency, ProcessReadiness},
    settings::{Settings, Sources},
    tasks::{RunningTasks, Tasks},
    telemetry::{LogLevel, MetricRegistry},
    tls::{keep_renewed, keep_upstreams_renewed},
};

#[cfg(feature = "otel")]
use super::exports::Exports;
use super::{
    clock_steps::ClockWatch,
    drain::{DrainTimeouts, Grace},
    idle_journals,
    inbox::{ControlChannels, Inbox, NextCommand},
    listeners::{BoundOperators, OpenListeners, OperatorListeners},
    opening,
    pulse::Pulse,
    reload::{
        NoSettings, PendingReload, ReadConfiguration, ReloadReports, ReloadSource, SettingsChanges,
        not_used,
    },
    retirement::{InForce, TriedConfiguration, retire},
    server::{RELOAD_DEADLINE, compile},
    service_manager::ServiceManager,
    watcher::{self, WatchTargets},
    worker_thread::{LEFTOVERS_DEADLINE, WorkerSignals},
};

/// What keeps one configuration up to date, and does not run yet.
pub(super) struct ConfigurationTasks {
    pub(super) providers: ProviderTasks,
    pub(super) upstreams: Tasks,
}

/// What runs on this thread for the configuration in use.
struct Running<'o> {
    tasks: RunningConfigurationTasks,
    operators: &'o mut OperatorListeners,
}

/// How long a thread that reads files waits for the next one. Each look at watched files wakes
/// those that wait in turn: within tokio's 10 s all of a start would be used again, for ever.
const READER_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The tasks of a configuration, running.
struct RunningConfigurationTasks {
    providers: RunningTasks,
    upstreams: RunningTasks,
}

/// What the control thread is made from, besides the settings.
pub(super) struct ControlParts {
    pub(super) config: Arc<ArcSwap<ProxyConfig>>,
    pub(super) providers: Arc<Providers>,
    pub(super) journals: Journals,
    pub(super) readiness: Arc<ProcessReadiness>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: MetricRegistry,
    pub(super) sources: Option<Sources>,
    pub(super) log_level: Option<LogLevel>,
    pub(super) listeners: OpenListeners,
    pub(super) budget: Arc<ConnectionBudget>,
    pub(super) watch: WatchTargets,
    pub(super) pulse: Arc<Pulse>,
    pub(super) service_manager: ServiceManager,
}

/// The state of the control thread.
pub(super) struct Control {
    /// The configuration of the start.
    started_with: Settings,
    settings: Arc<ArcSwap<Settings>>,
    /// Held while a configuration is tried, which counts in its series before it is in force.
    applying: Arc<Mutex<()>>,
    shown: Arc<ArcSwap<ShownConfiguration>>,
    config: Arc<ArcSwap<ProxyConfig>>,
    engine: Arc<ArcSwap<Engine>>,
    providers: Arc<ArcSwap<Providers>>,
    journals: Arc<Journals>,
    clock: Arc<dyn Clock>,
    metrics: MetricRegistry,
    readiness: Arc<ProcessReadiness>,
    sources: Option<Sources>,
    log_level: Option<LogLevel>,
    listeners: OpenListeners,
    budget: Arc<ConnectionBudget>,
    reports: ReloadReports,
    /// Whether the workers answer.
    pulse: Arc<Pulse>,
    service_manager: ServiceManager,
    #[cfg(feature = "otel")]
    exports: Exports,
    /// The files of the configuration that was read last.
    watch: watch::Sender<WatchTargets>,
}

impl Control {
    pub(super) fn new(settings: Settings, parts: ControlParts) -> Self {
        let ControlParts { config, providers, journals, readiness, clock, metrics, .. } = parts;
        let engine = Arc::new(ArcSwap::new(Arc::clone(config.load().engine())));
        let (notes, of_reports) = (Arc::clone(&readiness), Arc::clone(&clock));
        let reports =
            ReloadReports::new(&settings, notes, of_reports, parts.service_manager, &metrics);
        Self {
            watch: watch::Sender::new(parts.watch),
            started_with: settings.clone(),
            shown: Arc::new(ArcSwap::from_pointee(settings.shown())),
            settings: Arc::new(ArcSwap::from_pointee(settings)),
            applying: Arc::default(),
            config,
            engine,
            providers: Arc::new(ArcSwap::new(providers)),
            journals: Arc::new(journals),
            clock,
            metrics,
            readiness,
            sources: parts.sources,
            log_level: parts.log_level,
            listeners: parts.listeners,
            budget: parts.budget,
            pulse: parts.pulse,
            service_manager: parts.service_manager,
            #[cfg(feature = "otel")]
            exports: Exports::default(),
            reports,
        }
    }

    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    async fn run(
        mut self,
        tasks: ConfigurationTasks,
        bound: BoundOperators,
        channels: ControlChannels,
        signals: WorkerSignals,
    ) {
        let pages = Arc::new(self.admin_view());
        tokio::spawn(admin::follow_readiness(Arc::clone(&pages)));
        let mut operators = OperatorListeners::new(pages, channels.reloads);
        let mut running = Running { tasks: tasks.spawn(), operators: &mut operators };
        tokio::spawn(idle_journals::run(Arc::clone(&self.journals)));
        if self.service_manager.has_process() {
            let (clock, notes) = (Arc::clone(&self.clock), Arc::clone(&self.readiness));
            tokio::spawn(ClockWatch::register(&self.metrics).run(clock, notes));
        }
        let config = Arc::clone(&self.config);
        tokio::spawn(keep_renewed(move || config.load().tls()));
        let config = Arc::clone(&self.config);
        tokio::spawn(keep_upstreams_renewed(move || config.load().upstream_tls()));
        tokio::spawn(opening::open(self.providers.load_full(), signals.open.clone()));
        running.operators.adopt(bound);
        self.tell_service_manager(&signals);
        #[cfg(feature = "otel")]
        self.exports.follow(&self.engine.load());
        let (watcher, watched) = mpsc::channel(1);
        tokio::spawn(watcher::watch(self.watch.subscribe(), watcher));
        let ControlChannels { commands, requested, .. } = channels;
        let mut inbox = Inbox { commands, requested, watched };
        let mut command = inbox.next(&signals.finished).await;
        loop {
            command = match command {
                NextCommand::Reload(PendingReload { source, trigger, done }) => tokio::select! {
                    biased;
                    // A stop does not wait for keys that may never come, and a later
                    // configuration is wanted more than an earlier one.
                    overtaking = inbox.overtaking(&signals.finished) => {
                        let verdict = self.superseded("superseded by a later reload or stop");
                        self.reports.report(verdict, trigger, done);
                        overtaking
                    }
                    verdict = self.reload(source, &mut running) => {
                        self.reports.report(verdict, trigger, done);
                        inbox.next(&signals.finished).await
                    }
                },
                NextCommand::Stop(grace) => {
                    tokio::join!(
                        self.stop(grace, &signals),
                        self.decline_reloads(&mut inbox, &signals.finished),
                    );
                    break;
                }
                NextCommand::Finished => break,
            };
        }
        #[cfg(feature = "otel")]
        self.exports.finish().await;
    }

    /// Until the process ends. A new configuration would be in force for no new connection, and
    /// its new listeners would be served by no worker.
    async fn decline_reloads(&self, inbox: &mut Inbox, finished: &CancellationToken) {
        loop {
            match inbox.next(finished).await {
                NextCommand::Reload(PendingReload { trigger, done, .. }) => {
                    let verdict = self.superseded("the process is stopping");
                    self.reports.report(verdict, trigger, done);
                }
                NextCommand::Stop(_) => {}
                NextCommand::Finished => return,
            }
        }
    }

    fn superseded(&self, reason: &str) -> ReloadVerdict {
        not_used(ReloadOutcome::Superseded, vec![reason.to_owned()], &self.settings.load())
    }

    fn tell_service_manager(&self, signals: &WorkerSignals) {
        let manager = self.service_manager;
        let (open, config_hash) = (signals.open.clone(), self.settings.load().config_hash());
        tokio::spawn(async move {
            open.cancelled().await;
            manager.ready(&config_hash);
        });
        let (pulse, stop) = (Arc::clone(&self.pulse), signals.stop_accepting.clone());
        tokio::spawn(manager.watchdog(pulse, stop));
    }

    /// Reads the new configuration and applies it.
    async fn reload(&mut self, source: ReloadSource, running: &mut Running<'_>) -> ReloadVerdict {
        let (known, in_force) = {
            let targets = self.watch.borrow();
            (targets.files.clone(), targets.in_force)
        };
        if in_force && source.has_seen_only(&known) {
            return self.superseded("another reload has read these files in the meantime");
        }
        let read = source.read(self.sources.as_ref(), known).await;
        let ReadConfiguration { settings, paths, files } = read;
        let verdict = match settings {
            Ok(settings) => self.decide(settings, running).await,
            Err(NoSettings::Mistakes(mistakes)) => self.refused(mistakes),
            Err(NoSettings::StillChanging) => {
                self.watch.send_modify(|targets| targets.paths = paths);
                return self.superseded("the files have changed while they were read");
            }
        };
        // Whatever the verdict is, these files are not read again before one of them changes.
        self.watch.send_replace(WatchTargets {
            settings: self.settings.load().reload,
            paths,
            files,
            in_force: !verdict.is_refused(),
        });
        verdict
    }

    /// Applies a configuration, if it can be.
    async fn decide(&mut self, settings: Settings, running: &mut Running<'_>) -> ReloadVerdict {
        let changes =
            SettingsChanges::between(&self.started_with, &self.settings.load(), &settings);
        match self.apply(settings, running).await {
            Ok(()) => {
                changes.warn_of_what_stays();
                changes.applied(&self.settings.load(), self.missing())
            }
            Err(reason) => self.refused(vec![reason]),
        }
    }

    fn refused(&self, errors: Vec<String>) -> ReloadVerdict {
        not_used(ReloadOutcome::Refused, errors, &self.settings.load())
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
    async fn apply(&mut self, settings: Settings, running: &mut Running<'_>) -> Result<(), String> {
        let applying = Arc::clone(&self.applying);
        let _applying = applying.lock().await;
        let settings = Arc::new(settings);
        let current =
            InForce { settings: Arc::clone(&self.settings), applying: self.applying.clone() };
        let parts = settings.provider_parts();
        let successor = self.providers.load().successor(&parts, &self.clock, &self.metrics);
        let (providers, prepared) = successor.map_err(|error| error.to_string())?;
        // Dropped with a refusal, and where something later overtakes this.
        let tried =
            TriedConfiguration::new(prepared.spawn(), &settings, current.clone(), &self.metrics);
        let providers = Arc::new(providers);
        self.wait_for(&providers).await?;
        // New sockets are bound before anything changes: one that can't be refuses all of it.
        let bound = self.listeners.prepare(&settings).map_err(|error| error.to_string())?;
        let operators = running.operators.prepare(&settings, self.listeners.passed());
        let operators = operators.map_err(|error| error.to_string())?;
        let earlier = self.config.load_full();
        let (names, journals, clock) = (&bound.names, &self.journals, &self.clock);
        let compiled =
            compile(&settings, names, &providers, journals, Some(&earlier), clock, &self.metrics);
        let (config, upstreams) = compiled.map_err(|error| error.to_string())?;
        providers.show(Some(&self.providers.swap(Arc::clone(&providers))));
        self.engine.store(Arc::clone(config.engine()));
        #[cfg(feature = "otel")]
        self.exports.follow(config.engine());
        self.config.store(Arc::new(config));
        earlier.supersede();
        self.shown.store(Arc::new(settings.shown()));
        self.adjust_process(&settings);
        let known = self.listeners.addresses();
        self.listeners.adopt(bound, DrainTimeouts::of(&settings));
        self.listeners.log_new(&known);
        running.operators.adopt(operators);
        let before = self.settings.swap(settings);
        // Requests of the old configuration do without: they have their endpoints.
        running.tasks.upstreams = upstreams.spawn();
        let retired = std::mem::replace(&mut running.tasks.providers, tried.adopted());
        retire(retired, before, current, self.metrics.clone());
        Ok(())
    }

    /// What the process has once, whatever its configuration is.
    fn adjust_process(&self, settings: &Settings) {
        self.budget.adjust(&settings.server.limits);
        let level = &settings.log.level;
        let has_changed = self.settings.load().log.level != *level;
        let Some(log) = self.log_level.as_ref().filter(|_| has_changed) else { return };
        if let Err(error) = log.set(level) {
            tracing::error!(%error, "log.level stays as it was");
        }
    }

    async fn wait_for(&self, providers: &Providers) -> Result<(), String> {
        let (running, clock) = (self.providers.load_full(), &*self.clock);
        let usable = providers.usable_in_place_of(&running, clock, RELOAD_DEADLINE).await;
        usable.map_err(|error| error.to_string())
    }

    /// What decisions depend on and is not here.
    fn missing(&self) -> Vec<String> {
        let dependencies = self.providers.load().dependencies(self.clock.now());
        dependencies.iter().filter_map(Dependency::trouble).collect()
    }

    async fn stop(&self, rule: Grace, signals: &WorkerSignals) {
        self.readiness.drain();
        signals.stages.grace.cancel();
        self.service_manager.stopping();
        let grace = self.settings.load().server.shutdown_grace;
        tracing::info!(?grace, "stopping: not ready, still accepting");
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            () = rule.is_pointless(&self.budget) => {}
        }
        tracing::info!("stopping: finishing what is in flight");
        signals.stop_accepting.cancel();
        signals.stages.drain.cancel();
    }
}

impl ConfigurationTasks {
    fn spawn(self) -> RunningConfigurationTasks {
        RunningConfigurationTasks {
            providers: self.providers.spawn(),
            upstreams: self.upstreams.spawn(),
        }
    }
}

/// Starts the control thread.
pub(super) fn spawn(
    control: Control,
    tasks: ConfigurationTasks,
    operators: BoundOperators,
    channels: ControlChannels,
    signals: WorkerSignals,
) -> io::Result<thread::JoinHandle<()>> {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().thread_keep_alive(READER_KEEP_ALIVE).build()?;
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        runtime.block_on(control.run(tasks, operators, channels, signals));
        runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    })
}

#[cfg(test)]
mod tests;
