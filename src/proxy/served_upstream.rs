//! An upstream of one configuration: what its pools, one of each worker, have in common; and what
//! the next configuration takes over of it.

use std::{rc::Rc, sync::Arc};

use crate::{
    resolver::{Resolver, settings::ResolverSettings},
    tasks::{KeptTask, Tasks},
    tls::UpstreamTls,
    upstream::{self, SharedEndpoints, UpstreamCaps, UpstreamPool, settings::UpstreamSettings},
};

/// What the pools of an upstream have in common.
#[derive(Debug)]
pub(super) struct ServedUpstream {
    settings: UpstreamSettings,
    pub(super) tls: Option<Arc<UpstreamTls>>,
    caps: Arc<UpstreamCaps>,
    /// Where it has several.
    pub(super) endpoints: Option<Arc<SharedEndpoints>>,
    /// What keeps those up to date.
    tasks: Vec<KeptTask>,
    resolver: Option<ResolverSettings>,
    metrics: upstream::UpstreamMetrics,
}

impl ServedUpstream {
    /// The upstream of these settings. Where nothing that its connections depend on has changed, it
    /// is that of `earlier`: with its connections, its endpoints as they are known to be, and all
    /// that is counted. `tls` is that of `earlier` if its files are the same.
    ///
    /// Where it has changed but is the same service, what its requests in flight have taken of its
    /// caps is counted on.
    pub(super) fn new(
        settings: &UpstreamSettings,
        tls: Option<Arc<UpstreamTls>>,
        resolver: Option<&ResolverSettings>,
        earlier: Option<&Arc<Self>>,
        metrics: &upstream::Metrics,
        tasks: &mut Tasks,
    ) -> Arc<Self> {
        if let Some(earlier) = earlier
            && earlier.settings.has_same_connections(settings)
            && earlier.tls.as_ref().map(Arc::as_ptr) == tls.as_ref().map(Arc::as_ptr)
            && earlier.resolver.as_ref() == resolver
            && earlier.tasks.iter().all(|task| tasks.take_over(task))
        {
            return Arc::clone(earlier);
        }
        let of_service = earlier.filter(|earlier| earlier.settings.is_same_service(settings));
        let counted = of_service.map(|earlier| &*earlier.caps);
        let caps = UpstreamCaps::new(&settings.caps, counted, metrics.caps(&settings.name));
        let names = Resolver::new(resolver);
        let shared = SharedEndpoints::new(settings, tls.as_ref(), &names, metrics, tasks);
        let (endpoints, kept) = shared.unzip();
        Arc::new(Self {
            settings: settings.clone(),
            tls,
            caps,
            endpoints,
            tasks: kept.unwrap_or_default(),
            resolver: resolver.cloned(),
            metrics: metrics.of(settings),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// A worker's connections.
    pub(super) fn pool(&self) -> Rc<UpstreamPool> {
        let (tls, endpoints) = (self.tls.as_ref(), self.endpoints.as_ref());
        let (caps, metrics) = (Arc::clone(&self.caps), self.metrics.clone());
        Rc::new(UpstreamPool::new(self.settings.clone(), tls, endpoints, caps, metrics))
    }
}
