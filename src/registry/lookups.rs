//! The requests' side: find a signer, out of the cache or by a lookup.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{Clock, UnixTime, seconds},
    json::Object,
    lookup::{JoinOutcome, LookupLimits, LookupWorker, Lookups, NoAnswer, Waiter},
    otel::{StepKind, StepSpan},
    readiness::Dependency,
    registry::settings::{FieldRequirement, RegistrySettings},
    telemetry::MetricRegistry,
};

use super::{
    LookupError, Metrics, Registered, Unapproved,
    entries::{Cached, Entries},
    health::RegistryHealth,
    origin::RegistryOrigin,
    signer_lookup::{Purpose, SignerLookup},
    snapshot::SignerSnapshot,
    snapshot_writer::{SnapshotWriter, Unwritten},
    source::RegistrySource,
};

/// One registry. Shared by all workers.
#[derive(Debug)]
pub struct Registry {
    entries: Arc<Entries>,
    lookups: Lookups<SignerLookup>,
    health: Arc<RegistryHealth>,
    origin: RegistryOrigin,
    require: Vec<FieldRequirement>,
    cooldown: i64,
    clock: Arc<dyn Clock>,
}

/// The longest name of a signer that is looked up; it becomes a part of a URL.
const MAX_NAME_BYTES: usize = 256;
/// The least time between two refreshes of an entry, in seconds: a registry that fails is not
/// called with every request.
const REFRESH_PAUSE: i64 = 5;

impl Registry {
    /// The registry of `[signatures.NAME]`, and its worker: nothing is sent before that runs.
    pub fn new(
        name: &str,
        settings: &RegistrySettings,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let (lookups, queue) = Lookups::new(LookupLimits {
            concurrency: settings.client.concurrency,
            timeout: settings.client.timeout,
            elsewhere: Duration::ZERO,
        });
        let entries = Arc::new(Entries::new(settings));
        let metrics = Metrics::register(metrics);
        let health = Arc::new(RegistryHealth::new(name, settings.url.to_string(), &metrics));
        let unwritten = Arc::new(Unwritten::default());
        let lookup = SignerLookup {
            source: RegistrySource::new(settings, &clock),
            entries: Arc::clone(&entries),
            health: Arc::clone(&health),
            unwritten: Arc::clone(&unwritten),
            clock: Arc::clone(&clock),
        };
        let writer = SignerSnapshot::of(name, settings).map(|snapshot| SnapshotWriter {
            snapshot,
            entries: Arc::clone(&entries),
            unwritten,
            clock: Arc::clone(&clock),
        });
        let registry = Arc::new(Self {
            entries,
            lookups,
            health,
            origin: RegistryOrigin::of(settings),
            require: settings.require.clone(),
            cooldown: seconds(settings.cooldown),
            clock,
        });
        (registry, work(LookupWorker::new(lookup, queue), writer))
    }

    /// Finds a signer. A cached one is returned without waiting; dropping the future affects no
    /// other request that waits for the same response.
    ///
    /// # Errors
    /// See [`LookupError`].
    pub async fn find(&self, signer: &str) -> Result<Arc<Registered>, LookupError> {
        if !is_name(signer) {
            return Err(LookupError::Unknown);
        }
        let now = self.clock.now();
        match self.entries.find(signer, now) {
            Cached::Fresh(entry) => Ok(entry),
            Cached::Stale(entry) => {
                if entry.claims_refresh(now, REFRESH_PAUSE) {
                    self.join(signer, now);
                }
                Ok(entry)
            }
            Cached::Expired(entry) => self.find_expired(signer, entry, now).await,
            Cached::Unknown => Err(LookupError::Unknown),
            Cached::BackingOff => Err(LookupError::Unavailable),
            Cached::Miss => self.wait_for(signer, now).await,
        }
    }

    /// What counts of a signer without a lookup; `None`: a request would send one first, and wait
    /// for it.
    pub fn find_cached(&self, signer: &str) -> Option<Result<Arc<Registered>, LookupError>> {
        if !is_name(signer) {
            return Some(Err(LookupError::Unknown));
        }
        match self.entries.find(signer, self.clock.now()) {
            Cached::Fresh(entry) | Cached::Stale(entry) => Some(Ok(entry)),
            Cached::Unknown => Some(Err(LookupError::Unknown)),
            Cached::BackingOff => Some(Err(LookupError::Unavailable)),
            Cached::Expired(_) | Cached::Miss => None,
        }
    }

    /// No request looked this signer up while its entry aged: a key that was withdrawn long ago
    /// must not pass once more. The entry counts only if the lookup fails.
    async fn find_expired(
        &self,
        signer: &str,
        entry: Arc<Registered>,
        now: UnixTime,
    ) -> Result<Arc<Registered>, LookupError> {
        let answer = match self.lookups.in_flight(signer) {
            Some(lookup) => self.landed(lookup).await,
            None if entry.claims_refresh(now, REFRESH_PAUSE) => self.wait_for(signer, now).await,
            // It failed a moment ago.
            None => return Ok(entry),
        };
        match answer {
            Err(LookupError::Unavailable) => Ok(entry),
            answer => answer,
        }
    }

    /// Finds a signer whose signature is wrong under the key in `than`: the key may have changed.
    /// One renewal per signer and cooldown is shared by all requests; without one, without its
    /// answer, or with one that changes nothing, it is `than` again.
    pub async fn find_renewed(&self, signer: &str, than: &Arc<Registered>) -> Arc<Registered> {
        let mut latest = Arc::clone(than);
        // A lookup that was in flight may have been answered before the key changed.
        for _ in 0..2 {
            let now = self.clock.now();
            let lookup = match self.join_renewal(signer, than, now) {
                JoinOutcome::InFlight(lookup) => lookup,
                JoinOutcome::NotNeeded(entry) => return entry.unwrap_or(latest),
                JoinOutcome::Refused => return latest,
            };
            match self.landed(lookup).await {
                Ok(entry) if !entry.has_same_keys(than) => return entry,
                // The keys are the same; the other fields may have changed.
                Ok(entry) if !Arc::ptr_eq(&entry, than) => latest = entry,
                _ => {
                    // No answer: a hiccup must not cost the whole cooldown.
                    than.allow_renewal(UnixTime(now.0.saturating_add(REFRESH_PAUSE)));
                    return latest;
                }
            }
        }
        latest
    }

    /// Checks a signer against the required fields.
    ///
    /// # Errors
    /// See [`Unapproved`].
    pub fn check(&self, entry: &Registered, claims: Option<&Object>) -> Result<(), Unapproved> {
        entry.check(&self.require, claims)
    }

    /// Whether the same client sends the same requests to the same registry, and the same
    /// authorities vouch for it.
    pub fn is_like(&self, other: &Self) -> bool {
        self.origin == other.origin
    }

    /// Takes over what the registry of an earlier configuration has cached.
    pub fn learn_from(&self, earlier: &Self) {
        for (signer, entry) in earlier.entries.all() {
            self.entries.know(&signer, entry);
        }
        self.entries.are_inherited();
    }

    /// Whether the registry responds: it is missing after a failure, until it responds again.
    pub fn dependency(&self) -> Dependency {
        self.health.dependency(self.clock.now())
    }

    /// Joins the lookup of a signer that is in flight, or queues one.
    fn join(&self, signer: &str, now: UnixTime) -> JoinOutcome<SignerAnswer, Arc<Registered>> {
        let fresh = || match self.entries.find(signer, now) {
            Cached::Fresh(entry) => Some(entry),
            _ => None,
        };
        self.lookups.join(signer.to_owned(), || Purpose::Refresh, fresh)
    }

    /// Joins the lookup that is in flight, or queues a renewal. It is claimed with the signer
    /// locked: of the requests that come at once, one queues it, and the others join. None is
    /// needed where another has renewed the entry, nor possible within the cooldown (`None`).
    fn join_renewal(
        &self,
        signer: &str,
        than: &Arc<Registered>,
        now: UnixTime,
    ) -> JoinOutcome<SignerAnswer, Option<Arc<Registered>>> {
        let instead = || {
            let current = self.entries.find(signer, now).entry();
            let current = current.unwrap_or_else(|| Arc::clone(than));
            if !current.has_same_keys(than) {
                return Some(Some(current));
            }
            (!current.claims_renewal(now, self.cooldown)).then_some(None)
        };
        self.lookups.join(signer.to_owned(), || Purpose::Renewal, instead)
    }

    async fn wait_for(&self, signer: &str, now: UnixTime) -> SignerAnswer {
        match self.join(signer, now) {
            JoinOutcome::InFlight(lookup) => self.landed(lookup).await,
            JoinOutcome::NotNeeded(entry) => Ok(entry),
            JoinOutcome::Refused => {
                self.health.refused();
                Err(LookupError::Unavailable)
            }
        }
    }

    async fn landed(&self, lookup: Waiter<SignerAnswer>) -> SignerAnswer {
        let _waiting = StepSpan::begin(StepKind::Registry);
        let unavailable = |_: NoAnswer| Err(LookupError::Unavailable);
        self.lookups.wait(lookup).await.unwrap_or_else(unavailable)
    }
}

type SignerAnswer = Result<Arc<Registered>, LookupError>;

async fn work(worker: LookupWorker<SignerLookup>, writer: Option<SnapshotWriter>) {
    let Some(writer) = writer else {
        return worker.run().await;
    };
    writer.load().await;
    tokio::select! {
        () = worker.run() => {}
        () = writer.run() => {}
    }
}

fn is_name(signer: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&signer.len()) && !signer.chars().any(char::is_control)
}
