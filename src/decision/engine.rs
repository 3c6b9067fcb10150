//! One configuration, compiled: what every exchange of it needs.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use super::{
    Exchange, Metrics, RefusalForm,
    denials::{
        Denials,
        settings::{DenialSettings, MaintenanceSettings},
    },
    held_body::{BodyStore, settings::HeldBodySettings},
    record::{AccessLog, RecentDenials, Recorder},
    signed::Holding,
};
use http::{HeaderMap, StatusCode};

#[cfg(feature = "otel")]
use crate::otel::{Exporter, Tracer, settings::OtelSettings};
use crate::{
    clock::Clock,
    evidence::Journal,
    gate::{Denial, Gate, Peer},
    identity::request_id::settings::RequestIdSettings,
    policy::{
        CanonicalRequest, Routes,
        ids::{ListenerId, PerListener, PerUpstream},
    },
    readiness::Dependency,
    reason::Cause,
    resource::{DocumentParts, Documents},
    telemetry::{MetricRegistry, settings::LogSettings},
    token::{TokenCache, cache::settings::CacheSettings},
};

/// The rules of one configuration, how its refusals look, and the bodies that it holds. Shared by
/// all workers; changes by replacement.
#[derive(Debug)]
pub struct Engine {
    pub(super) gate: Gate,
    pub(super) denials: Denials,
    pub(super) documents: Option<Documents>,
    pub(super) bodies: BodyStore,
    /// Whether a route holds some.
    holds_bodies: bool,
    held: HeldBodySettings,
    body_timeout: Duration,
    cache: CacheSettings,
    journal: Option<Arc<Journal>>,
    pub(super) access: AccessLog,
    pub(super) recent_denials: Arc<RecentDenials>,
    pub(super) request_id: RequestIdSettings,
    #[cfg(feature = "otel")]
    pub(super) tracer: Option<Arc<Tracer>>,
}

/// An engine as one worker uses it: with the worker's own cache of verified tokens.
#[derive(Debug)]
pub struct WorkerEngine {
    pub(super) engine: Arc<Engine>,
    pub(super) cache: RefCell<TokenCache>,
    pub(super) recorder: Rc<Recorder>,
}

/// How a request came in.
#[derive(Debug, Clone, Copy)]
pub struct RequestArrival<'a> {
    /// Where; `None`: by a listener that the configuration does not have, which has no routes.
    pub listener: Option<ListenerId>,
    /// Who has sent it.
    pub peer: &'a Peer,
    /// Its headers, as they came.
    pub headers: &'a HeaderMap,
}

/// The parts of a configuration that an [`Engine`] is built from, besides its gate.
#[derive(Debug)]
pub struct EngineParts<'s> {
    /// What bodies may take that are held until their signature is verified.
    pub held: &'s HeldBodySettings,
    /// Whether there are such bodies, by any route.
    pub holds_bodies: bool,
    /// How long such a body may make no progress.
    pub body_timeout: Duration,
    /// The verified-token cache of each worker.
    pub cache: &'s CacheSettings,
    /// How refusals look.
    pub denials: &'s DenialSettings,
    /// What is answered in place of upstreams that are switched off.
    pub maintenance: PerUpstream<Option<&'s MaintenanceSettings>>,
    /// The routes: each may name the profile of its refusals.
    pub routes: &'s Routes,
    /// What the metadata of resources is made of.
    pub documents: DocumentParts<'s>,
    /// How requests are logged.
    pub log: &'s LogSettings,
    /// How many of the requests that do not pass are kept.
    pub kept_denials: usize,
    /// What the listeners are called.
    pub listeners: PerListener<String>,
    /// What requests are called.
    pub request_id: &'s RequestIdSettings,
    /// Which spans are exported. `None`: none.
    #[cfg(feature = "otel")]
    pub otel: Option<&'s OtelSettings>,
}

impl Engine {
    /// The engine of these parts, which belong to one configuration. `journal` keeps the proof of
    /// signed requests. Bodies that are held under `earlier` rules count, where these are the same.
    pub fn new(
        parts: &EngineParts<'_>,
        gate: Gate,
        journal: Option<Arc<Journal>>,
        earlier: Option<&Self>,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Self {
        let holds_bodies = parts.holds_bodies;
        let is_same =
            |earlier: &&Self| earlier.held == *parts.held && earlier.holds_bodies == holds_bodies;
        let bodies = earlier.filter(is_same).map(|earlier| earlier.bodies.clone());
        let bodies = bodies.unwrap_or_else(|| {
            let shown = holds_bodies.then(|| Metrics::register(metrics));
            BodyStore::new(parts.held, shown.map(|metrics| metrics.held(parts.held.buffer_bytes)))
        });
        let recent_denials = earlier.map(|earlier| Arc::clone(&earlier.recent_denials));
        let recent_denials = recent_denials.unwrap_or_default();
        recent_denials.resize(parts.kept_denials);
        Self {
            gate,
            denials: Denials::new(parts.denials, parts.routes, &parts.maintenance, clock),
            documents: Documents::prepare(parts.documents, metrics),
            bodies,
            holds_bodies,
            held: parts.held.clone(),
            body_timeout: parts.body_timeout,
            cache: parts.cache.clone(),
            journal,
            access: AccessLog::new(
                parts.log,
                parts.listeners.clone(),
                earlier.map(|earlier| &earlier.access),
            ),
            recent_denials,
            request_id: parts.request_id.clone(),
            #[cfg(feature = "otel")]
            tracer: parts.otel.map(|settings| tracer(settings, earlier, metrics)),
        }
    }

    /// Says from time to time what the log leaves out, and which troubles go on. It never ends.
    pub async fn summarise(self: Arc<Self>) {
        self.access.summarise().await;
    }

    /// Its rules.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The last requests that did not pass.
    pub fn recent_denials(&self) -> &RecentDenials {
        &self.recent_denials
    }

    /// Whether the request is for the metadata of a resource, which the proxy answers itself.
    pub fn has_document(&self, request: &CanonicalRequest) -> bool {
        self.documents.as_ref().is_some_and(|documents| documents.have(request))
    }

    /// Whether the evidence journal is written; `None`: there is none.
    pub fn journal_dependency(&self) -> Option<Dependency> {
        self.journal.as_ref().map(|journal| journal.dependency())
    }

    /// Whether what takes the spans of its requests does; `None`: there are none.
    #[cfg(feature = "otel")]
    pub fn receiver_dependency(&self) -> Option<Dependency> {
        self.tracer.as_ref().map(|tracer| tracer.dependency())
    }

    /// What exports the spans of its requests, once for each queue of them.
    #[cfg(feature = "otel")]
    pub fn exporter(&self) -> Option<Box<Exporter>> {
        self.tracer.as_ref().and_then(|tracer| tracer.exporter())
    }

    pub(super) fn holding(&self) -> Holding<'_> {
        Holding {
            settings: &self.held,
            body_timeout: self.body_timeout,
            store: &self.bodies,
            journal: self.journal.as_deref(),
        }
    }
}

/// The tracer of these settings: what waits in the queue of an earlier one stays there.
#[cfg(feature = "otel")]
fn tracer(
    settings: &OtelSettings,
    earlier: Option<&Engine>,
    metrics: &MetricRegistry,
) -> Arc<Tracer> {
    let earlier = earlier.and_then(|earlier| earlier.tracer.as_ref());
    match earlier.filter(|earlier| earlier.is_of(settings)) {
        Some(same) => Arc::clone(same),
        None => Arc::new(Tracer::new(settings, metrics)),
    }
}

impl WorkerEngine {
    /// The engine with an empty cache.
    pub fn new(engine: Arc<Engine>) -> Self {
        let cache = RefCell::new(TokenCache::new(&engine.cache));
        let recorder = Recorder::new(&engine);
        Self { engine, cache, recorder }
    }

    /// The engine of the next configuration. Verified tokens stay cached where that would verify
    /// them in the same way; requests that this one still decides begin with an empty cache.
    #[must_use]
    pub fn successor(&self, engine: Arc<Engine>) -> Self {
        let next = Self::new(engine);
        if next.engine.cache == self.engine.cache {
            let earlier = self.cache.replace(TokenCache::new(&self.engine.cache));
            let cache = &mut *next.cache.borrow_mut();
            *cache = earlier;
            next.engine.gate.verifier().take_over(self.engine.gate.verifier(), cache);
        }
        next
    }

    /// Counts and logs a request that was refused before there was anything to decide on. Where it
    /// came from is all that is known of it; `answered`: the status that the client got.
    pub fn note_unserved(
        &self,
        arrival: &RequestArrival<'_>,
        cause: Cause,
        answered: Option<StatusCode>,
    ) {
        let denial = Denial::new(cause);
        self.engine.gate.count_denial(&denial);
        let record = self.recorder.begin(arrival);
        if let Some(status) = answered {
            record.answered(status);
        }
        record.refused_unread(denial);
    }

    /// Begins to decide on a request, whose refusal has to look like that.
    pub fn exchange(&self, form: RefusalForm, arrival: &RequestArrival<'_>) -> Exchange<'_> {
        Exchange::new(self, form, arrival)
    }
}
