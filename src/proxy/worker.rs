//! One worker: what a serving thread holds of its own.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use arc_swap::{ArcSwap, Cache};
use tokio::time::{Instant, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::UnixTime,
    decision::{Engine, WorkerEngine},
    policy::ids::{ListenerId, PerListener, PerRoute, PerUpstream, UpstreamId},
    proxy::{parts::ProxyParts, settings::LimitSettings},
    readiness::{Dependency, DependencyKind},
    tasks::Tasks,
    telemetry::MetricRegistry,
    tls::{FileEnding, ServerTls, TlsInUse, UpstreamTls, file_endings},
    upstream::{self, UpstreamPool},
};

use super::{
    listener_rules::ListenerRules, loops::LoopGuard, route_rules::RouteRules,
    served_upstream::ServedUpstream, stop::StopStages,
};

/// One configuration, compiled for serving. Shared by all workers; changes by replacement.
#[derive(Debug)]
pub struct ProxyConfig {
    engine: Arc<Engine>,
    pub(super) limits: LimitSettings,
    listeners: PerListener<Arc<ListenerRules>>,
    /// What each listener of the process is here, by its position; `None`: it was removed.
    bound: Box<[Option<ListenerId>]>,
    loops: LoopGuard,
    upstreams: PerUpstream<Arc<ServedUpstream>>,
    pub(super) routes: PerRoute<RouteRules>,
    /// When the certificates towards providers and stores expire.
    trusted: Vec<FileEnding>,
    /// Cancelled when another configuration has taken its place.
    superseded: CancellationToken,
}

/// A serving thread's own state: nothing in it is shared with another worker.
#[derive(Debug)]
pub struct Worker {
    current: Rc<RefCell<Current>>,
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
    pub(super) upstreams: PerUpstream<Rc<UpstreamPool>>,
}

impl ProxyConfig {
    /// What serves the requests that the engine decides on, and the tasks that keep upstreams'
    /// endpoints up to date; `bound` are the names of the listeners of the process, by position,
    /// and `upstream_tls` those of `[upstreams.NAME.tls]`. What has not changed since `earlier` goes
    /// on as it is.
    pub fn new(
        parts: &ProxyParts<'_>,
        engine: Arc<Engine>,
        listeners: PerListener<Arc<ListenerRules>>,
        bound: &[Option<String>],
        upstream_tls: &PerUpstream<Option<Arc<UpstreamTls>>>,
        earlier: Option<&Self>,
        metrics: &MetricRegistry,
    ) -> (Self, Tasks) {
        let metrics = upstream::Metrics::register(metrics);
        let mut tasks = Tasks::default();
        tasks.add(Arc::clone(&engine).summarise());
        let upstreams = parts.upstreams.map_with_ids(|id, settings| {
            let tls = upstream_tls.get(id).clone();
            let earlier = earlier.and_then(|earlier| earlier.upstream(&settings.name));
            ServedUpstream::new(settings, tls, parts.resolver, earlier, &metrics, &mut tasks)
        });
        let named = |name: &str| listeners.find(|listener| listener.name == name);
        let bound = bound.iter().map(|name| name.as_deref().and_then(named)).collect();
        let routes = RouteRules::table(&parts.routes, earlier.map(|earlier| &earlier.routes));
        let config = Self {
            engine,
            limits: parts.limits.clone(),
            listeners,
            bound,
            loops: LoopGuard::new(parts.loop_header),
            upstreams,
            routes,
            trusted: file_endings(&parts.trusted_files),
            superseded: CancellationToken::new(),
        };
        (config, tasks)
    }

    /// Another configuration has taken its place: workers go over to that one, though no request
    /// comes.
    pub fn supersede(&self) {
        self.superseded.cancel();
    }

    fn upstream(&self, name: &str) -> Option<&Arc<ServedUpstream>> {
        self.upstreams.iter().find(|upstream| upstream.name() == name)
    }

    /// What the connections to the upstream of that name need of TLS.
    pub fn tls_of_upstream(&self, name: &str) -> Option<&Arc<UpstreamTls>> {
        self.upstream(name)?.tls.as_ref()
    }

    /// The listener of that name; without one, the first.
    pub fn listener(&self, name: Option<&str>) -> Option<ListenerId> {
        let Some(name) = name else { return Some(ListenerId::FIRST) };
        self.listeners.find(|listener| listener.name == name)
    }

    /// What an upstream is called.
    pub fn upstream_name(&self, upstream: UpstreamId) -> &str {
        self.upstreams.get(upstream).name()
    }

    /// What the connections of the listener of that name need of TLS.
    pub fn tls_of_listener(&self, name: &str) -> Option<&Arc<ServerTls>> {
        let listener = self.listeners.iter().find(|listener| listener.name == name)?;
        listener.tls.as_ref()
    }

    /// The loaded TLS of every listener that has it.
    pub fn tls(&self) -> Vec<Arc<ServerTls>> {
        self.listeners.iter().filter_map(|listener| listener.tls.clone()).collect()
    }

    /// The loaded `[upstreams.NAME.tls]` of all upstreams.
    pub fn upstream_tls(&self) -> Vec<Arc<UpstreamTls>> {
        self.upstreams.iter().filter_map(|upstream| upstream.tls.clone()).collect()
    }

    /// Every certificate in use, for who watches when they expire.
    pub(crate) fn certificates(&self) -> TlsInUse {
        let (listeners, upstreams) = (self.tls(), self.upstream_tls());
        TlsInUse { listeners, upstreams, trusted: self.trusted.clone() }
    }

    /// How the upstreams with several endpoints do.
    pub fn upstream_dependencies(&self) -> impl Iterator<Item = Dependency> {
        self.upstreams.iter().filter_map(|upstream| Some(upstream.endpoints.as_ref()?.dependency()))
    }

    /// Its listeners: one that can't be bound ends the start, or refuses the reload, so that only
    /// a certificate can be wrong with them.
    pub fn listener_dependencies(&self, now: UnixTime) -> impl Iterator<Item = Dependency> {
        self.listeners.iter().map(move |listener| {
            let problem = listener.tls.as_ref().and_then(|tls| tls.problem(now));
            Dependency::optional(DependencyKind::Listener, &listener.name, problem)
        })
    }

    /// What decides on its requests.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Worker {
    /// A worker that serves whatever `config` holds, until it is stopped.
    pub fn new(config: Arc<ArcSwap<ProxyConfig>>, stop: StopStages) -> Self {
        let serving = Rc::new(Serving::new(config.load_full(), None));
        let current = Rc::new(RefCell::new(Current { config: Cache::new(config), serving }));
        Self { current, stop, is_leaving: Cell::new(false), tasks: TaskTracker::new() }
    }

    /// The same worker for the connections of a listener, which end earlier if that is removed.
    #[must_use]
    pub fn of_listener(&self, stop: StopStages) -> Self {
        let (current, tasks) = (Rc::clone(&self.current), self.tasks.clone());
        Self { current, stop, is_leaving: Cell::new(false), tasks }
    }

    /// Asks clients to leave, once the grace has begun. Resolves then.
    pub async fn follow_stop(self: Rc<Self>) {
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

    /// Goes over to each configuration as soon as it is in use, also while no request comes: what
    /// it has removed is closed. Ends with the worker.
    pub async fn follow_reloads(worker: Weak<Self>) {
        loop {
            let Some(superseded) = worker.upgrade().map(|worker| worker.superseded()) else {
                return;
            };
            superseded.cancelled().await;
        }
    }

    fn superseded(&self) -> CancellationToken {
        self.serving().config.superseded.clone()
    }

    /// The compiled current configuration. A reload takes effect here, with the next request. What
    /// has not changed goes on; the rest ends with the last request of before (threats X-3).
    pub(super) fn serving(&self) -> Rc<Serving> {
        let Current { config, serving } = &mut *self.current.borrow_mut();
        let config = config.load();
        if !Arc::ptr_eq(config, &serving.config) {
            let next = Serving::new(Arc::clone(config), Some(serving));
            *serving = Rc::new(next);
        }
        Rc::clone(serving)
    }
}

impl Serving {
    /// Takes over what has not changed since `earlier`, whose requests go on. The connections of
    /// the rest are closed, those in use after it.
    fn new(config: Arc<ProxyConfig>, earlier: Option<&Self>) -> Self {
        let engine = Arc::clone(&config.engine);
        let engine = match earlier {
            None => WorkerEngine::new(engine),
            Some(earlier) => earlier.engine.successor(engine),
        };
        let upstreams = config.upstreams.map(|upstream| {
            let pool = earlier.and_then(|earlier| earlier.pool_of(upstream));
            pool.unwrap_or_else(|| upstream.pool())
        });
        let loops = config.loops.of_worker();
        let serving = Self { config, engine, loops, upstreams };
        if let Some(earlier) = earlier {
            earlier.close_but(&serving.upstreams);
        }
        serving
    }

    fn pool_of(&self, upstream: &Arc<ServedUpstream>) -> Option<Rc<UpstreamPool>> {
        let id = self.config.upstreams.find(|served| Arc::ptr_eq(served, upstream))?;
        Some(Rc::clone(self.upstreams.get(id)))
    }

    fn close_but(&self, kept: &PerUpstream<Rc<UpstreamPool>>) {
        let is_kept = |pool: &Rc<UpstreamPool>| kept.iter().any(|kept| Rc::ptr_eq(kept, pool));
        let others = self.upstreams.iter().filter(|pool| !is_kept(pool));
        others.for_each(|pool| pool.close());
    }

    /// The listener at a position among those of the process.
    pub(super) fn listener(&self, position: usize) -> Option<ListenerId> {
        self.config.bound.get(position).copied().flatten()
    }

    /// What the connections of the listener at that position are served by.
    pub(super) fn listener_rules(&self, position: usize) -> Option<&Arc<ListenerRules>> {
        self.listener(position).map(|listener| self.config.listeners.get(listener))
    }
}
