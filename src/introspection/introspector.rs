//! Introspection as requests use it: a cached response or a lookup.

use std::{convert::Infallible, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    clock::{UnixTime, seconds},
    introspection::settings::{IntrospectWhen, IntrospectionSettings},
    lookup::{JoinOutcome, LookupLimits, LookupQueue, Lookups, NoAnswer},
    otel::{StepKind, StepSpan},
    shared::SharedStore,
};

use super::{
    Recheck,
    memory::{Digest, Memory, Statement},
    token_lookup::{TokenLookup, TokenRequest},
};

/// Introspects the tokens of one issuer. Shared by all workers.
#[derive(Debug)]
pub struct Introspector {
    settings: IntrospectionSettings,
    memory: Arc<Memory>,
    lookups: Lookups<TokenLookup>,
    recheck_seconds: i64,
}

impl Introspector {
    /// The introspector, and the queue of its lookup worker.
    pub(super) fn new(
        settings: &IntrospectionSettings,
        memory: Arc<Memory>,
        shared: &SharedStore,
    ) -> (Self, LookupQueue<TokenLookup>) {
        let (lookups, queue) = Lookups::new(LookupLimits {
            concurrency: settings.client.concurrency,
            timeout: settings.client.timeout,
            elsewhere: shared.patience(),
        });
        let recheck_seconds = seconds(settings.recheck);
        (Self { settings: settings.clone(), memory, lookups, recheck_seconds }, queue)
    }

    /// Which tokens are to be introspected.
    pub fn when(&self) -> IntrospectWhen {
        self.settings.when
    }

    /// The settings of this issuer's introspection.
    pub fn settings(&self) -> &IntrospectionSettings {
        &self.settings
    }

    pub(super) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// The issuer's statement about a token; `None` if it is unavailable. Dropping the future
    /// affects no other request that waits for the same response (threats I-9).
    pub async fn introspect(&self, token: &str, now: UnixTime) -> Option<Statement> {
        self.find(token, now, || TokenRequest::new(token, None)).await
    }

    /// The same for an explanation: the response is not cached, here or for other replicas.
    pub async fn introspect_aside(&self, token: &str, now: UnixTime) -> Option<Statement> {
        self.find(token, now, || TokenRequest::aside(token)).await
    }

    /// Whether the issuer has called a token inactive, however long ago.
    pub fn has_called_inactive(&self, token: &str) -> bool {
        self.memory.has_called_inactive(&digest_of(token))
    }

    async fn find(
        &self,
        token: &str,
        now: UnixTime,
        request: impl FnOnce() -> TokenRequest,
    ) -> Option<Statement> {
        let digest = digest_of(token);
        if let Some(statement) = self.memory.find(&digest, now) {
            return Some(statement);
        }
        let cached = || self.memory.find(&digest, now).map(Some);
        let _waiting = StepSpan::begin(StepKind::Introspection);
        match self.lookups.find(digest, request, cached).await {
            Ok(statement) => statement,
            Err(NoAnswer::Refused) => self.memory.find_stale(&digest, now),
            Err(NoAnswer::Dropped) => {
                self.memory.find(&digest, now).or_else(|| self.memory.find_stale(&digest, now))
            }
            Err(NoAnswer::TimedOut) => None,
        }
    }

    /// Begins to watch a token that passes by its signature: it is introspected at once.
    pub fn watch(&self, token: &str, now: UnixTime) -> Arc<Recheck> {
        let digest = digest_of(token);
        // However long ago: a token that was ended does not pass again because it was forgotten
        // here.
        let is_inactive = self.memory.has_called_inactive(&digest);
        // The issuer responded so a moment ago; not every attempt sends another request.
        let is_fresh = is_inactive && self.memory.find(&digest, now).is_some();
        let next = if is_fresh { now.0.saturating_add(self.recheck_seconds) } else { i64::MIN };
        let recheck = Arc::new(Recheck::new(is_inactive, UnixTime(next), now));
        self.may_pass(&recheck, token, now);
        recheck
    }

    /// Whether a watched token may still pass. Queues the next lookup when it is due, and waits for
    /// no answer.
    pub fn may_pass(&self, recheck: &Arc<Recheck>, token: &str, now: UnixTime) -> bool {
        recheck.hear();
        if recheck.claims_turn(now, self.recheck_seconds) {
            let request = || TokenRequest::new(token, Some(recheck));
            // What is cached will not do.
            match self.lookups.join(digest_of(token), request, || None::<Infallible>) {
                JoinOutcome::InFlight(lookup) => recheck.listen(lookup),
                JoinOutcome::Refused => recheck.postpone(now),
            }
        }
        !recheck.is_inactive()
    }
}

fn digest_of(token: &str) -> Digest {
    let mut bytes = Digest::default();
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests;
