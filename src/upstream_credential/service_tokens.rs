//! The tokens of one credential as requests use them: a kept one or a lookup.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock, UnixTime},
    lookup::{LookupLimits, LookupQueue, Lookups, NoAnswer},
    otel::{StepKind, StepSpan},
    readiness::Dependency,
};

use super::{
    CredentialFile, FileSecret, Metrics, TokenDigest,
    credential_file::digest_of,
    grant_endpoint::{GrantEndpoint, GrantSubject, SecretText},
    grant_health::GrantHealth,
    grant_lookup::{GrantLookup, GrantRequest},
    kept_tokens::KeptTokens,
    settings::{GrantSettings, UpstreamCredentialSettings},
};

/// The tokens that one credential's endpoint issues.
#[derive(Debug)]
pub struct ServiceTokens {
    lookups: Lookups<GrantLookup>,
    kept: Arc<KeptTokens>,
    health: Arc<GrantHealth>,
    actor: Option<Arc<CredentialFile>>,
}

/// Which token is meant: that of a caller and an actor, or the proxy's own.
#[derive(Debug, Clone)]
pub struct TokenKey {
    digest: TokenDigest,
    actor: Option<Arc<FileSecret>>,
}

/// A caller's token, verified.
#[derive(Clone, Copy)]
pub struct SubjectToken<'t> {
    /// Its text.
    pub token: &'t str,
    /// When it ends.
    pub ends: UnixTime,
}

impl std::fmt::Debug for SubjectToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubjectToken({} bytes)", self.token.len())
    }
}

/// What is kept of a token.
#[derive(Debug, Clone)]
pub enum TokenState {
    /// It is good.
    Fresh(HeaderValue),
    /// It is good, and about to end: the next one is to be obtained beside the request.
    Ageing(HeaderValue),
    /// The caller was refused one a moment ago.
    Refused,
    /// Nothing.
    Missing,
}

/// What a lookup brings.
#[derive(Debug, Clone)]
pub enum ObtainedToken {
    /// The value of the header. `Debug` does not show it.
    Token(HeaderValue),
    /// The provider issues none for this caller.
    Refused,
    /// Unknown: the provider is unavailable.
    Unavailable,
}

/// The key of the only token that there is.
const OWN: TokenDigest = [0; 32];
/// A token without a caller is bounded by its own life.
const NO_END: UnixTime = UnixTime(i64::MAX);

impl ServiceTokens {
    /// The tokens, with what their lookup worker is made of.
    pub(super) fn new(
        settings: &UpstreamCredentialSettings,
        grant: &GrantSettings,
        actor: Option<Arc<CredentialFile>>,
        earlier: Option<&Self>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> (Self, GrantLookup, LookupQueue<GrantLookup>) {
        let kept = earlier.map(|earlier| Arc::clone(&earlier.kept));
        let kept = kept.unwrap_or_else(|| Arc::new(KeptTokens::new(settings)));
        let health = Arc::new(GrantHealth::new(&settings.name, metrics));
        let lookup = GrantLookup {
            endpoint: GrantEndpoint::new(settings, grant, clock),
            kept: Arc::clone(&kept),
            health: Arc::clone(&health),
            clock: Arc::clone(clock),
        };
        let (lookups, queue) = Lookups::new(LookupLimits {
            concurrency: grant.client.concurrency,
            timeout: grant.client.timeout,
            elsewhere: Duration::ZERO,
        });
        (Self { lookups, kept, health, actor }, lookup, queue)
    }

    /// The key of what the token with that digest is exchanged for.
    pub fn key_of(&self, caller: &TokenDigest) -> TokenKey {
        let Some(actor) = self.actor.as_ref().and_then(|file| file.current()) else {
            return TokenKey { digest: *caller, actor: None };
        };
        let digest = digest_of(&[caller.as_slice(), actor.digest()].concat());
        TokenKey { digest, actor: Some(actor) }
    }

    /// What is kept.
    pub fn find(&self, key: &TokenKey, now: UnixTime) -> TokenState {
        self.kept.find(&key.digest, now)
    }

    /// Waits for a token. Dropping the future affects no other request that waits for the same.
    pub async fn obtain(
        &self,
        key: TokenKey,
        subject: Option<SubjectToken<'_>>,
        now: UnixTime,
    ) -> ObtainedToken {
        let TokenKey { digest, actor } = key;
        let request = || GrantRequest::new(subject, actor);
        let kept = || match self.kept.find(&digest, now) {
            TokenState::Fresh(value) | TokenState::Ageing(value) => {
                Some(ObtainedToken::Token(value))
            }
            TokenState::Refused => Some(ObtainedToken::Refused),
            TokenState::Missing => None,
        };
        let _waiting = StepSpan::begin(StepKind::Exchange);
        self.lookups.find(digest, request, kept).await.unwrap_or_else(|cause| {
            if cause == NoAnswer::Refused {
                self.health.refused();
            }
            ObtainedToken::Unavailable
        })
    }

    /// Has the next token obtained beside the request. Where the queue is full, the next request
    /// tries again.
    pub fn renew(&self, key: TokenKey, subject: Option<SubjectToken<'_>>) {
        let TokenKey { digest, actor } = key;
        let request = || GrantRequest::new(subject, actor);
        // What is kept will not do.
        let _ = self.lookups.join(digest, request, || None::<Infallible>);
    }

    pub(super) fn are_of(&self, settings: &UpstreamCredentialSettings) -> bool {
        self.kept.are_of(settings)
    }

    pub(super) fn show(&self) {
        self.health.show();
    }

    pub(super) fn hide(&self) {
        self.health.hide();
    }

    pub(super) fn dependency(&self, now: UnixTime) -> Dependency {
        self.health.dependency(now)
    }
}

impl TokenKey {
    /// Of the proxy's own token.
    pub fn own() -> Self {
        Self { digest: OWN, actor: None }
    }
}

impl GrantRequest {
    fn new(subject: Option<SubjectToken<'_>>, actor: Option<Arc<FileSecret>>) -> Self {
        let token = subject.map(|it| SecretText(Zeroizing::new(it.token.to_owned())));
        let ends = subject.map_or(NO_END, |it| it.ends);
        Self { subject: GrantSubject { token, actor }, ends }
    }
}
