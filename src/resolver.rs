//! Resolves names over DNS: every address of a name, or what its `SRV` records name, and for how
//! long that holds. The system's resolver, which everything else uses, tells neither times to live
//! nor `SRV` records ([docs/configuration.md](../docs/configuration.md#resolver)).

mod query;
mod screen;
pub mod settings;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use hickory_resolver::{TokioResolver, net::NetError};
use tokio::task::spawn_blocking;

use query::FoundAddresses;
use settings::ResolverSettings;

/// More addresses of one name are not used: each has connections and a state on every worker.
pub(crate) const MAX_ADDRESSES: usize = 64;

/// Resolves names as `[resolver]` says.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    settings: ResolverSettings,
}

/// What a name means for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedName {
    /// In the order of the addresses, at least one and at most [`MAX_ADDRESSES`].
    pub(crate) addresses: Vec<ResolvedAddress>,
    /// How long it may be used, within the floor and the ceiling of the settings.
    pub(crate) keep: Duration,
    /// How many addresses of the answer are not among them.
    pub(crate) left_out: usize,
}

/// One address, and its part of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ResolvedAddress {
    pub(crate) address: SocketAddr,
    /// 1 to 65535; only `SRV` records have weights other than 1.
    pub(crate) weight: u32,
}

/// Why a name could not be resolved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveFailure {
    /// There is no resolver to send queries to.
    #[error("cannot read the resolver's configuration: {0}")]
    Configuration(#[source] NetError),
    /// The resolver did not answer, or with an error.
    #[error("{0}")]
    Query(#[source] NetError),
    /// The answer has no address, or none that upstreams may have.
    #[error("no usable address")]
    NoAddress,
}

impl Resolver {
    /// `None`: with the defaults.
    pub(crate) fn new(settings: Option<&ResolverSettings>) -> Self {
        Self { settings: settings.cloned().unwrap_or_default() }
    }

    /// Every address of a host, all with the same weight.
    ///
    /// # Errors
    /// See [`ResolveFailure`].
    pub(crate) async fn addresses(
        &self,
        host: &str,
        port: u16,
    ) -> Result<ResolvedName, ResolveFailure> {
        let found = query::addresses(&self.client().await?, host, port, 1).await?;
        self.resolved(host, found)
    }

    /// What the `SRV` records of a name lead to (RFC 2782): of those with the lowest priority,
    /// every address with its record's port and weight.
    ///
    /// # Errors
    /// See [`ResolveFailure`].
    pub(crate) async fn services(&self, name: &str) -> Result<ResolvedName, ResolveFailure> {
        let found = query::services(&self.client().await?, name).await?;
        self.resolved(name, found)
    }

    /// A new one each time: it follows `/etc/resolv.conf` and `/etc/hosts` as they change, which
    /// the reading of two small files every few seconds is worth.
    async fn client(&self) -> Result<TokioResolver, ResolveFailure> {
        let settings = self.settings.clone();
        let built = spawn_blocking(move || query::client(&settings)).await;
        let built = built.unwrap_or_else(|error| Err(error.to_string().into()));
        built.map_err(ResolveFailure::Configuration)
    }

    fn resolved(&self, name: &str, found: FoundAddresses) -> Result<ResolvedName, ResolveFailure> {
        let allows_loopback = self.settings.allow_loopback || screen::is_local(name);
        let mut addresses = BTreeMap::new();
        for ResolvedAddress { address, weight } in found.addresses {
            if screen::is_usable(address.ip(), allows_loopback) {
                addresses.entry(address).or_insert(weight);
            }
        }
        if addresses.is_empty() {
            return Err(ResolveFailure::NoAddress);
        }
        let count = addresses.len();
        let addresses: Vec<_> = addresses.into_iter().take(MAX_ADDRESSES).collect();
        Ok(ResolvedName {
            left_out: count - addresses.len(),
            addresses: addresses
                .into_iter()
                .map(|(address, weight)| ResolvedAddress { address, weight })
                .collect(),
            keep: found.ttl.clamp(self.settings.min_ttl, self.settings.max_ttl),
        })
    }
}

#[cfg(test)]
mod tests;
