//! The tokens of one credential, shared by all workers.

use http::HeaderValue;

use crate::{
    clock::UnixTime,
    lookup::{Cache, Lifetime},
};

use super::{
    TokenDigest, TokenState,
    grant_answer::GrantedToken,
    settings::{UpstreamCredentialSettings, UpstreamCredentialSource},
};

/// What token requests of one credential have brought. Each credential has its own: what is found
/// was issued to this client, for this audience, resource and scope, in the name of this actor.
#[derive(Debug)]
pub(super) struct KeptTokens {
    tokens: Cache<KeptToken>,
    settings: UpstreamCredentialSettings,
}

#[derive(Debug, Clone)]
enum KeptToken {
    Token(HeaderValue),
    Refused,
}

/// The share of its life after which a token is renewed: 4/5.
const RENEW_AFTER: (i64, i64) = (4, 5);
/// The last part of its life in which it is not sent any more, so that it is still valid where it
/// is checked: a tenth, and no less and no more than these seconds.
const LAST_PART: i64 = 10;
const LEAST_MARGIN: i64 = 1;
const MOST_MARGIN: i64 = 30;
/// How long a refusal counts, in seconds: a client that repeats itself costs the provider one
/// request in that time.
const REFUSED_TTL: i64 = 5;
/// The least time between two attempts to renew a token that is still good, in seconds.
const RENEWAL_PAUSE: i64 = 5;

impl KeptTokens {
    pub(super) fn new(settings: &UpstreamCredentialSettings) -> Self {
        let (entries, bytes) = match &settings.source {
            UpstreamCredentialSource::Exchange(exchange) => {
                (exchange.cache_entries, exchange.cache_bytes)
            }
            // The one of the proxy itself.
            _ => (1, usize::MAX),
        };
        Self { tokens: Cache::new(entries, bytes), settings: settings.clone() }
    }

    /// Whether these are tokens of that credential.
    pub(super) fn are_of(&self, settings: &UpstreamCredentialSettings) -> bool {
        self.settings == *settings
    }

    pub(super) fn find(&self, key: &TokenDigest, now: UnixTime) -> TokenState {
        match self.tokens.find(key, now) {
            Some(KeptToken::Token(value)) => TokenState::Fresh(value),
            Some(KeptToken::Refused) => TokenState::Refused,
            None => match self.find_ageing(key, now) {
                Some((value, _)) => TokenState::Ageing(value),
                None => TokenState::Missing,
            },
        }
    }

    /// Whether there was a token, however long ago.
    pub(super) fn has_granted(&self, key: &TokenDigest) -> bool {
        self.tokens.has(key, |kept| matches!(kept, KeptToken::Token(_)))
    }

    /// Keeps a token while it is good, until `at_most` at the latest.
    pub(super) fn keep(
        &self,
        key: &TokenDigest,
        granted: &GrantedToken,
        at_most: UnixTime,
        now: UnixTime,
    ) {
        let life = granted.expires.0.saturating_sub(now.0);
        let margin = (life / LAST_PART).clamp(LEAST_MARGIN, MOST_MARGIN);
        let stale_until = UnixTime(granted.expires.0.saturating_sub(margin)).min(at_most);
        let (numerator, denominator) = RENEW_AFTER;
        let renew_at = now.0.saturating_add(life.saturating_mul(numerator) / denominator);
        let fresh_until = UnixTime(renew_at).min(stale_until);
        self.insert(key, granted.value.clone(), Lifetime { fresh_until, stale_until }, now);
    }

    pub(super) fn refuse(&self, key: &TokenDigest, now: UnixTime) {
        let until = UnixTime(now.0.saturating_add(REFUSED_TTL));
        self.tokens.insert(key, KeptToken::Refused, Lifetime::fresh_only(until), 0, now);
    }

    /// The token that is still good although it could not be renewed. The next attempt waits.
    pub(super) fn postpone(&self, key: &TokenDigest, now: UnixTime) -> Option<HeaderValue> {
        let (value, stale_until) = self.find_ageing(key, now)?;
        let fresh_until = UnixTime(now.0.saturating_add(RENEWAL_PAUSE)).min(stale_until);
        self.insert(key, value.clone(), Lifetime { fresh_until, stale_until }, now);
        Some(value)
    }

    fn find_ageing(&self, key: &TokenDigest, now: UnixTime) -> Option<(HeaderValue, UnixTime)> {
        match self.tokens.find_stale(key, now)? {
            (KeptToken::Token(value), until) => Some((value, until)),
            (KeptToken::Refused, _) => None,
        }
    }

    fn insert(&self, key: &TokenDigest, value: HeaderValue, lifetime: Lifetime, now: UnixTime) {
        /// What `Bytes` allocates beside its content.
        const SHARED: usize = 4 * size_of::<usize>();
        let bytes = value.len() + SHARED;
        self.tokens.insert(key, KeptToken::Token(value), lifetime, bytes, now);
    }
}
