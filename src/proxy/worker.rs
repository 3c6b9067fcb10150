//! One worker: what a serving thread holds of its own.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use arc_swap::{ArcSwap, Cache};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use crate::{
    decision::{Engine, WorkerEngine},
    policy::ids::{ListenerId, PerListener, PerRoute, PerUpstream},
    proxy::{parts::ProxyParts, settings::LimitSettings},
    readiness::Dependency,
    resolver::Resolver,
    tasks::Tasks,
    telemetry::MetricRegistry,
    tls::{ServerTls, UpstreamTls},
    upstream::{self, SharedEndpoints, UpstreamCaps, UpstreamPool, settings::UpstreamSettings},
};

use super::{
    bound_listener::BoundListener, listener_rules::ListenerRules, loops::LoopGuard,
    route_rules::RouteRules, stop::StopStages,
};

/// One configuration, compiled for serving. Shared by all workers; changes by replacement.
#[derive(Debug)]
pub struct ProxyConfig {
    engine: Arc<Engine>,
    pub(super) limits: LimitSettings,
    listeners: PerListener<Arc<ListenerRules>>,
    loops: LoopGuard,
    upstreams: PerUpstream<ConfiguredUpstream>,
    pub(super) routes: PerRoute<RouteRules>,
    metrics: upstream::Metrics,
}

/// What the pools of an upstream have in common.
#[derive(Debug)]
struct ConfiguredUpstream {
    settings: UpstreamSettings,
    tls: Option<Arc<UpstreamTls>>,
    caps: Arc<UpstreamCaps>,
    /// Where it has several.
    endpoints: Option<Arc<SharedEndpoints>>,
}

/// A serving thread's own state: nothing in it is shared with another worker.
#[derive(Debug)]
pub struct Worker {
    current: RefCell<Current>,
    /// Those of the process, in their order.
    listeners: Arc<[Arc<BoundListener>]>,
    /// When to stop.
    pub(super) stop: StopStages,
    /// Whether a stage of the stop has begun. Every request looks at it, which costs more of the
    /// stages themselves: they take a lock.
    is_leaving: Cell<bool>,
    /// The connections, tunnels included.
    pub(super) tasks: TaskTracker,
}

/// How old a connection may be that has sent nothing when idle ones are closed. One that was opened
/// a moment ago has its request on the way, and would see a reset in place of an answer; what is
/// silent for longer has none.
const FIRST_BYTES: Duration = Duration::from_millis(250);

/// What the latest request was served with.
#[derive(Debug)]
struct Current {
    /// The compiled current configuration, looked at without counting references.
    config: Cache<Arc<ArcSwap<ProxyConfig>>, Arc<ProxyConfig>>,
    serving: Rc<Serving>,
}

/// What serves the requests of one configuration on one worker.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) config: Arc<ProxyConfig>,
    pub(super) engine: WorkerEngine,
    pub(super) loops: LoopGuard,
    pub(super) upstreams: PerUpstream<UpstreamPool>,
    /// What each listener of the process is here; `None`: it was removed from the configuration.
    listeners: Box<[Option<ListenerId>]>,
}

impl ProxyConfig {
    /// What serves the requests that the engine decides on, and the tasks that keep upstreams'
    /// endpoints up to date; `upstream_tls` are those of
    /// `[upstreams.NAME.tls]`.
    pub fn new(
        parts: &ProxyParts<'_>,
        engine: Arc<Engine>,
        listeners: PerListener<Arc<ListenerRules>>,
        upstream_tls: &PerUpstream<Option<Arc<UpstreamTls>>>,
        metrics: &MetricRegistry,
    ) -> (Self, Tasks) {
        let metrics = upstream::Metrics::register(metrics);
        let resolver = Resolver::new(parts.resolver);
        let mut tasks = Tasks::default();
        let upstreams = parts.upstreams.map_with_ids(|id, settings| {
            let tls = upstream_tls.get(id).clone();
            let shared = SharedEndpoints::new(settings, tls.as_ref(), &resolver, &metrics);
            let endpoints = shared.map(|(endpoints, of_upstream)| {
                tasks.extend([of_upstream]);
                endpoints
            });
            let caps = UpstreamCaps::new(&settings.caps, metrics.caps(&settings.name));
            ConfiguredUpstream { settings: settings.clone(), tls, caps, endpoints }
        });
        let config = Self {
            engine,
            limits: parts.limits.clone(),
            listeners,
            loops: LoopGuard::new(parts.loop_header),
            upstreams,
            routes: parts.routes.map(RouteRules::compile),
            metrics,
        };
        (config, tasks)
    }

    /// The loaded TLS of every listener that has it.
    pub fn tls(&self) -> Vec<Arc<ServerTls>> {
        self.listeners.iter().filter_map(|listener| listener.tls.clone()).collect()
    }

    /// The loaded `[upstreams.NAME.tls]` of all upstreams.
    pub fn upstream_tls(&self) -> Vec<Arc<UpstreamTls>> {
        self.upstreams.iter().filter_map(|upstream| upstream.tls.clone()).collect()
    }

    /// How the upstreams with several endpoints do.
    pub fn upstream_dependencies(&self) -> impl Iterator<Item = Dependency> {
        self.upstreams.iter().filter_map(|upstream| Some(upstream.endpoints.as_ref()?.dependency()))
    }

    /// The names of its listeners.
    pub fn listener_names(&self) -> impl Iterator<Item = &str> {
        self.listeners.iter().map(|listener| listener.name.as_str())
    }

    /// What decides on its requests.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    fn pools(&self) -> PerUpstream<UpstreamPool> {
        self.upstreams.map(|ConfiguredUpstream { settings, tls, caps, endpoints }| {
            let metrics = self.metrics.of(&settings.name);
            let caps = Arc::clone(caps);
            UpstreamPool::new(settings.clone(), tls.as_ref(), endpoints.as_ref(), caps, metrics)
        })
    }
}

impl Worker {
    /// A worker that serves whatever `config` holds at these listeners, until it is stopped.
    pub fn new(
        config: Arc<ArcSwap<ProxyConfig>>,
        listeners: Arc<[Arc<BoundListener>]>,
        stop: StopStages,
    ) -> Self {
        let serving = Rc::new(Serving::new(config.load_full(), &listeners));
        let current = RefCell::new(Current { config: Cache::new(config), serving });
        let is_leaving = Cell::new(false);
        Self { current, listeners, stop, is_leaving, tasks: TaskTracker::new() }
    }

    /// Asks clients to leave, once the grace has begun. Resolves then.
    pub async fn follow_stop(&self) {
        self.stop.grace.cancelled().await;
        self.leave();
    }

    /// Asks clients to leave from now on.
    pub(super) fn leave(&self) {
        self.is_leaving.set(true);
    }

    /// Whether clients are asked to leave.
    pub(super) fn is_leaving(&self) -> bool {
        self.is_leaving.get()
    }

    /// Resolves when it is too late for the first request of a connection that was accepted then.
    pub(super) async fn gives_up(&self, accepted: Instant) {
        self.stop.drain.cancelled().await;
        sleep_until(accepted + FIRST_BYTES).await;
    }

    /// Resolves when the last connection has ended. None may begin any more.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The compiled current configuration. A reload takes effect here, with the next request:
    /// caches and pools of the old one end with its last request (threats X-3).
    pub(super) fn serving(&self) -> Rc<Serving> {
        let Current { config, serving } = &mut *self.current.borrow_mut();
        let config = config.load();
        if !Arc::ptr_eq(config, &serving.config) {
            *serving = Rc::new(Serving::new(Arc::clone(config), &self.listeners));
        }
        Rc::clone(serving)
    }
}

impl Serving {
    fn new(config: Arc<ProxyConfig>, bound: &[Arc<BoundListener>]) -> Self {
        let engine = WorkerEngine::new(Arc::clone(&config.engine));
        let (loops, upstreams) = (config.loops.of_worker(), config.pools());
        let named = |name: &str| config.listeners.find(|listener| listener.name == name);
        let listeners = bound.iter().map(|listener| named(listener.name())).collect();
        Self { config, engine, loops, upstreams, listeners }
    }

    /// The listener at a position among those of the process.
    pub(super) fn listener(&self, position: usize) -> Option<ListenerId> {
        self.listeners.get(position).copied().flatten()
    }

    /// What the connections of the listener at that position are served by.
    pub(super) fn listener_rules(&self, position: usize) -> Option<&Arc<ListenerRules>> {
        self.listener(position).map(|listener| self.config.listeners.get(listener))
    }
}
