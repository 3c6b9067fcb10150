//! What keeps the providers of one configuration up to date.

use crate::{
    shared::Supervisor,
    tasks::{RunningTasks, Tasks},
};

/// The tasks of one configuration, none of which runs yet.
#[derive(Debug, Default)]
#[must_use = "nothing is read before they run"]
pub struct ProviderTasks {
    /// The refreshers of the issuers' keys.
    pub keys: Tasks,
    /// The refreshers of the signers' keys.
    pub signer_keys: Tasks,
    /// Lookups of signers.
    pub registries: Tasks,
    /// Lookups of tokens.
    pub introspection: Tasks,
    /// Tokens and files that upstreams receive credentials from.
    pub upstream_credentials: Tasks,
    /// The revocation list and logouts.
    pub revocation: Tasks,
    pub(super) supervisor: Option<Supervisor>,
}

impl ProviderTasks {
    /// Spawns them on the current (control) runtime. Dropped, the result ends them.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(self) -> RunningTasks {
        if let Some(supervisor) = self.supervisor {
            // It ends by itself when the last request of this configuration has, and after what
            // other replicas must hear of has been written.
            tokio::spawn(supervisor.run());
        }
        let mut tasks = self.keys;
        tasks.extend([
            self.signer_keys,
            self.registries,
            self.introspection,
            self.upstream_credentials,
            self.revocation,
        ]);
        tasks.spawn()
    }
}
