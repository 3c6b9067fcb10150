//! One worker: what a serving thread holds of its own.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Arc};

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    evidence::Journal,
    gate::Gate,
    proxy::{parts::EngineParts, settings::LimitSettings, upstream::settings::UpstreamSettings},
    telemetry::Metrics,
    tls::{ServerTls, TlsError},
    token::{TokenCache, cache::settings::CacheSettings},
};

use super::{answer::AnswerStyle, held_body::BodyStore, upstream::UpstreamPool};

/// One configuration, compiled for serving. Shared by all workers; changes by replacement.
#[derive(Debug)]
pub struct Engine {
    pub(super) gate: Gate,
    pub(super) answers: AnswerStyle,
    pub(super) limits: LimitSettings,
    pub(super) access_log: bool,
    pub(super) bodies: BodyStore,
    pub(super) journal: Option<Arc<Journal>>,
    tls: Option<ServerTls>,
    cache: CacheSettings,
    upstreams: BTreeMap<String, UpstreamSettings>,
    metrics: Metrics,
}

/// A serving thread's own state: nothing in it is shared with another worker.
#[derive(Debug)]
pub struct Worker {
    engine: Arc<ArcSwap<Engine>>,
    current: RefCell<Rc<Serving>>,
    /// Says when to stop: first no more requests on idle connections, then no more at all.
    pub(super) drain: CancellationToken,
    /// The connections, tunnels included.
    pub(super) tasks: TaskTracker,
}

/// What serves the requests of one configuration on one worker.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) engine: Arc<Engine>,
    pub(super) cache: RefCell<TokenCache>,
    pub(super) upstreams: Vec<UpstreamPool>,
}

impl Engine {
    /// Puts a configuration to work. Reads the files of `[server.tls]`.
    ///
    /// # Errors
    /// Those files can't be used: they have changed since the settings were loaded.
    pub fn new(
        parts: &EngineParts<'_>,
        gate: Gate,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            gate,
            journal: None,
            answers: AnswerStyle::new(parts.denials, parts.routes, clock),
            limits: parts.limits.clone(),
            access_log: parts.access_log,
            bodies: BodyStore::new(&parts.limits.held, &metrics),
            tls: parts.tls.map(ServerTls::new).transpose()?,
            cache: parts.cache.clone(),
            upstreams: parts.upstreams.clone(),
            metrics,
        })
    }

    /// The same with a journal of signed requests.
    #[must_use]
    pub fn with_journal(self, journal: Option<Arc<Journal>>) -> Self {
        Self { journal, ..self }
    }

    /// Takes a certificate that was renewed in its file into use: from the next connection on.
    /// Reads the files, so it may block.
    pub fn renew_certificate(&self) {
        if let Some(tls) = &self.tls {
            tls.renew();
        }
    }

    /// Its rules.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The journal of signed requests, if there is one.
    pub fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.as_ref()
    }

    fn pools(&self) -> Vec<UpstreamPool> {
        let pool = |(name, settings): (&String, &UpstreamSettings)| {
            let latency = self.metrics.upstream.with_label_values(&[name]);
            UpstreamPool::new(name, settings.clone(), latency)
        };
        self.upstreams.iter().map(pool).collect()
    }
}

impl Worker {
    /// A worker that serves whatever configuration `engine` holds, until `drain` is cancelled.
    pub fn new(engine: Arc<ArcSwap<Engine>>, drain: CancellationToken) -> Self {
        let current = RefCell::new(Rc::new(Serving::new(engine.load_full())));
        Self { engine, current, drain, tasks: TaskTracker::new() }
    }

    /// What to begin a connection with; `None`: plain HTTP.
    pub(super) fn tls_acceptor(&self) -> Option<TlsAcceptor> {
        self.engine.load().tls.as_ref().map(ServerTls::acceptor)
    }

    /// Resolves when the last connection has ended. None may begin any more.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The present configuration at work. A reload begins here, with the next request: caches
    /// and pools of the old one end with its last request (threats X-3).
    pub(super) fn serving(&self) -> Rc<Serving> {
        let engine = self.engine.load();
        if !Arc::ptr_eq(&engine, &self.current.borrow().engine) {
            *self.current.borrow_mut() = Rc::new(Serving::new(Arc::clone(&engine)));
        }
        Rc::clone(&self.current.borrow())
    }
}

impl Serving {
    fn new(engine: Arc<Engine>) -> Self {
        let cache = RefCell::new(TokenCache::new(&engine.cache));
        let upstreams = engine.pools();
        Self { engine, cache, upstreams }
    }
}
