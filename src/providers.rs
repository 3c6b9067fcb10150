//! What a configuration knows of its identity providers, and asks them: their keys, what they
//! say of single tokens, and what was revoked.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{
    clock::{Clock, UnixTime},
    config::Settings,
    introspection::IntrospectionStore,
    keys::KeyStore,
    revocation::Revocations,
    telemetry::Metrics,
};

/// Everything that is kept up to date beside the requests of one configuration.
#[derive(Debug)]
pub struct Providers {
    /// The key sets.
    pub keys: KeyStore,
    /// The introspectors.
    pub introspection: IntrospectionStore,
    /// What is revoked.
    pub revocations: Arc<Revocations>,
}

impl Providers {
    /// Prepares everything. Nothing is fetched and nobody is asked before [`Self::start`].
    pub fn new(settings: &Settings, clock: &Arc<dyn Clock>, metrics: &Metrics) -> Self {
        let revocations = Revocations::new(&settings.revocation, Arc::clone(clock), metrics);
        Self::with(revocations, settings, clock, metrics)
    }

    /// The same of another configuration of the process, which knows who has logged out.
    #[must_use]
    pub fn successor(
        &self,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let revocations = self.revocations.successor(&settings.revocation);
        Self::with(revocations, settings, clock, metrics)
    }

    fn with(
        revocations: Revocations,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let keys = KeyStore::new(&settings.issuers, Arc::clone(clock), metrics);
        let introspection = IntrospectionStore::new(&settings.issuers, &keys, clock, metrics);
        Self { keys, introspection, revocations: Arc::new(revocations) }
    }

    /// Spawns what keeps it up to date on the current (control) runtime. Dropped, the result ends
    /// it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&self) -> ProviderTasks {
        let mut tasks = self.keys.start();
        tasks.extend(self.introspection.start());
        tasks.extend(self.revocations.start());
        tasks.into()
    }

    /// What is missing before anything can be decided, by name; empty if nothing is.
    pub fn pending(&self, now: UnixTime) -> Vec<String> {
        let keys = self.keys.iter().filter_map(|issuer| issuer.pending(now));
        keys.chain(self.revocations.pending(now)).collect()
    }
}

/// The tasks of one configuration; dropped, they end.
#[derive(Debug)]
#[must_use = "dropped, the tasks end"]
pub struct ProviderTasks(Vec<JoinHandle<()>>);

impl From<Vec<JoinHandle<()>>> for ProviderTasks {
    fn from(tasks: Vec<JoinHandle<()>>) -> Self {
        Self(tasks)
    }
}

impl Drop for ProviderTasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
