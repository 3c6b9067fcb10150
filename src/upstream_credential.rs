//! What services receive as credential in place of the caller's token: a token of the proxy's own
//! (RFC 6749 §4.4), one that the caller's is exchanged for (RFC 8693), the content of a file, or
//! the assertion about the caller.
//!
//! Tokens are obtained through the `lookup` room. The caller's token was verified before, on every
//! request; what is kept here is found by its digest, and never outlives it.

mod credential_file;
mod grant_answer;
mod grant_endpoint;
mod grant_error;
mod grant_health;
mod grant_lookup;
mod kept_tokens;
mod metrics;
mod probe;
mod service_tokens;
pub mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{
    clock::{Clock, UnixTime},
    lookup::LookupWorker,
    policy::ids::{PerUpstreamCredential, UpstreamCredentialId},
    readiness::Dependency,
    tasks::Tasks,
    telemetry::MetricRegistry,
};

use self::settings::{
    ActorSettings, CredentialHeader, UpstreamCredentialSettings, UpstreamCredentialSource,
};

pub use self::{
    credential_file::{CredentialFile, FileSecret},
    grant_error::GrantError,
    probe::probe,
    service_tokens::{ObtainedToken, ServiceTokens, SubjectToken, TokenKey, TokenState},
};
pub(crate) use metrics::Metrics;

/// The SHA-256 of a token: what is kept is found by it, so that no caller's token is kept.
pub type TokenDigest = [u8; 32];

/// The credentials of one configuration.
#[derive(Debug, Default)]
pub struct UpstreamCredentials(PerUpstreamCredential<Arc<UpstreamCredential>>);

/// One credential, as requests use it.
#[derive(Debug)]
pub struct UpstreamCredential {
    name: String,
    header: CredentialHeader,
    source: CredentialOrigin,
}

/// Where its value comes from.
#[derive(Debug)]
pub enum CredentialOrigin {
    /// A token endpoint, for the proxy itself.
    Client(ServiceTokens),
    /// A token endpoint, for each caller.
    Exchange(ServiceTokens),
    /// A file.
    File(Arc<CredentialFile>),
    /// The assertion about the caller.
    Assertion,
}

impl UpstreamCredentials {
    /// The credentials, and the tasks that obtain and refresh them: nothing is sent before those
    /// run. Tokens of the configuration `before` are kept where the settings are the same.
    pub fn new(
        settings: &PerUpstreamCredential<UpstreamCredentialSettings>,
        before: Option<&Self>,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> (Self, Tasks) {
        let metrics = Metrics::register(metrics);
        let mut tasks = Tasks::default();
        let credentials = settings.map(|settings| {
            let earlier = before.and_then(|before| before.like(settings));
            Arc::new(UpstreamCredential::new(settings, earlier, clock, &metrics, &mut tasks))
        });
        (Self(credentials), tasks)
    }

    /// That credential.
    pub fn get(&self, id: UpstreamCredentialId) -> &Arc<UpstreamCredential> {
        self.0.get(id)
    }

    /// Shows in metrics how each token endpoint does, from now on: their configuration is in force.
    pub(crate) fn show(&self) {
        self.tokens().for_each(ServiceTokens::show);
    }

    /// Ends that.
    pub(crate) fn hide(&self) {
        self.tokens().for_each(ServiceTokens::hide);
    }

    /// How each token endpoint does: what is wrong concerns single routes, so it does not make the
    /// proxy unready.
    pub fn dependencies(&self, now: UnixTime) -> impl Iterator<Item = Dependency> {
        self.tokens().map(move |tokens| tokens.dependency(now))
    }

    fn tokens(&self) -> impl Iterator<Item = &ServiceTokens> {
        self.0.iter().filter_map(|it| it.tokens())
    }

    fn like(&self, wanted: &UpstreamCredentialSettings) -> Option<&ServiceTokens> {
        self.tokens().find(|tokens| tokens.are_of(wanted))
    }
}

impl UpstreamCredential {
    fn new(
        settings: &UpstreamCredentialSettings,
        earlier: Option<&ServiceTokens>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
        tasks: &mut Tasks,
    ) -> Self {
        let mut watch = |path| {
            let (file, task) = CredentialFile::watch(&settings.name, path, clock);
            tasks.add(task);
            file
        };
        let actor_file = match &settings.source {
            UpstreamCredentialSource::Exchange(exchange) => match &exchange.actor {
                Some(ActorSettings::File { file, .. }) => Some(watch(file)),
                Some(ActorSettings::Client) | None => None,
            },
            _ => None,
        };
        let source = match &settings.source {
            UpstreamCredentialSource::Static(path) => CredentialOrigin::File(watch(path)),
            UpstreamCredentialSource::Assertion => CredentialOrigin::Assertion,
            UpstreamCredentialSource::ClientCredentials(grant) => {
                let (tokens, lookup, queue) =
                    ServiceTokens::new(settings, grant, None, earlier, clock, metrics);
                tasks.add(LookupWorker::new(lookup, queue).run());
                CredentialOrigin::Client(tokens)
            }
            UpstreamCredentialSource::Exchange(exchange) => {
                let (tokens, lookup, queue) = ServiceTokens::new(
                    settings,
                    &exchange.grant,
                    actor_file,
                    earlier,
                    clock,
                    metrics,
                );
                tasks.add(LookupWorker::new(lookup, queue).run());
                CredentialOrigin::Exchange(tokens)
            }
        };
        Self { name: settings.name.clone(), header: settings.header.clone(), source }
    }

    /// Its name in metrics and logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is put.
    pub fn header(&self) -> &CredentialHeader {
        &self.header
    }

    /// Where its value comes from.
    pub fn source(&self) -> &CredentialOrigin {
        &self.source
    }

    /// Whether it depends on who calls.
    pub fn needs_caller(&self) -> bool {
        match self.source {
            CredentialOrigin::Exchange(_) | CredentialOrigin::Assertion => true,
            CredentialOrigin::Client(_) | CredentialOrigin::File(_) => false,
        }
    }

    fn tokens(&self) -> Option<&ServiceTokens> {
        match &self.source {
            CredentialOrigin::Client(tokens) | CredentialOrigin::Exchange(tokens) => Some(tokens),
            CredentialOrigin::File(_) | CredentialOrigin::Assertion => None,
        }
    }
}
