//! The cache of introspection responses, shared by all workers.

use std::sync::Arc;

use crate::{
    clock::{ClockAnchor, Expiry, UnixTime, seconds},
    introspection::settings::IntrospectionSettings,
    json::{Json, Object},
    lookup::{Cache, Lifetime},
};

use super::answer::IntrospectionAnswer;

/// A cached response about a token, while it counts.
#[derive(Debug, Clone)]
pub enum Statement {
    /// The token is active.
    Active(Arc<ActiveToken>),
    /// It is not.
    Inactive,
}

/// A token that its issuer called active. Whether *we* accept it is decided later.
#[derive(Debug)]
pub struct ActiveToken {
    claims: Object,
    fresh_until: Expiry,
}

/// The SHA-256 of a token: the key of what is cached, so that no token is kept (threats I-6).
pub(super) type Digest = [u8; 32];

/// The statements of one endpoint to one client: no other's responses are among them.
#[derive(Debug)]
pub(super) struct Memory {
    statements: Cache<Statement>,
    bounds: Bounds,
}

/// What is cached, of whose answers, and for how long.
#[derive(Debug, PartialEq, Eq)]
struct Bounds {
    scope: Digest,
    entries: usize,
    bytes: usize,
    cache_ttl: i64,
    negative_ttl: i64,
    stale_if_error: i64,
}

/// What was just cached.
pub(super) struct StoredStatement {
    pub(super) statement: Statement,
    pub(super) until: UnixTime,
}

impl ActiveToken {
    /// The claims that came with it.
    pub fn claims(&self) -> &Object {
        &self.claims
    }

    /// Until when the statement counts: never longer than the token lives (threats I-7), nor longer
    /// for a clock that is set back.
    pub(crate) fn fresh_until(&self) -> Expiry {
        self.fresh_until
    }
}

impl Memory {
    /// `scope` is everything that an answer depends on besides the token.
    pub(super) fn new(scope: Digest, settings: &IntrospectionSettings) -> Self {
        let bounds = Bounds {
            scope,
            entries: settings.cache_entries,
            bytes: settings.cache_bytes,
            cache_ttl: seconds(settings.cache_ttl),
            negative_ttl: seconds(settings.negative_ttl),
            stale_if_error: seconds(settings.stale_if_error),
        };
        Self { statements: Cache::new(bounds.entries, bounds.bytes), bounds }
    }

    /// Whether the other one caches what this one would.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.bounds == other.bounds
    }

    /// A statement that still counts.
    pub(super) fn find(&self, digest: &Digest, now: UnixTime) -> Option<Statement> {
        self.statements.find(digest, now)
    }

    /// Whether the last response, however old, was *active*.
    pub(super) fn has_called_active(&self, digest: &Digest) -> bool {
        self.statements.has(digest, |last| matches!(last, Statement::Active(_)))
    }

    /// Whether it has called the token inactive then.
    pub(super) fn has_called_inactive(&self, digest: &Digest) -> bool {
        self.statements.has(digest, |last| matches!(last, Statement::Inactive))
    }

    /// A stale positive statement, for use while the endpoint is unavailable. Never a negative one,
    /// nor one about an expired token.
    pub(super) fn find_stale(&self, digest: &Digest, now: UnixTime) -> Option<Statement> {
        let (Statement::Active(token), until) = self.statements.find_stale(digest, now)? else {
            return None;
        };
        // Fresh for a second only, so that a new lookup follows soon.
        let fresh_until = UnixTime(now.0.saturating_add(1)).min(until);
        let fresh_until = Expiry::new(fresh_until, ClockAnchor::at(now));
        let claims = token.claims.clone();
        Some(Statement::Active(Arc::new(ActiveToken { claims, fresh_until })))
    }

    /// Turns a response into a statement and caches it while it counts, until `at_most` at the
    /// latest.
    pub(super) fn keep(
        &self,
        digest: &Digest,
        response: IntrospectionAnswer,
        at_most: UnixTime,
        now: UnixTime,
    ) -> StoredStatement {
        let (stored, lifetime, bytes) = self.read(response, at_most, now);
        let bytes = bytes + size_of::<ActiveToken>();
        self.statements.insert(digest, stored.statement.clone(), lifetime, bytes, now);
        stored
    }

    /// The statement that a response makes, how long it counts, and the memory of its claims.
    pub(super) fn read(
        &self,
        response: IntrospectionAnswer,
        at_most: UnixTime,
        now: UnixTime,
    ) -> (StoredStatement, Lifetime, usize) {
        let later = |seconds: i64| UnixTime(now.0.saturating_add(seconds)).min(at_most);
        let (statement, lifetime, bytes) = match response {
            IntrospectionAnswer::Inactive => {
                let lifetime = Lifetime::fresh_only(later(self.bounds.negative_ttl));
                (Statement::Inactive, lifetime, 0)
            }
            IntrospectionAnswer::Active(claims) => {
                let ends = UnixTime(expiry(&claims));
                let fresh_until = later(self.bounds.cache_ttl).min(ends);
                let stale = fresh_until.0.saturating_add(self.bounds.stale_if_error);
                let lifetime = Lifetime { fresh_until, stale_until: UnixTime(stale).min(ends) };
                let bytes = claims.memory();
                let fresh_until = Expiry::new(fresh_until, ClockAnchor::at(now));
                (Statement::Active(Arc::new(ActiveToken { claims, fresh_until })), lifetime, bytes)
            }
        };
        (StoredStatement { statement, until: lifetime.fresh_until }, lifetime, bytes)
    }
}

/// When a token expires by its `exp`. Without one, the cache's time to live alone bounds it; the
/// rules refuse an `exp` that makes no sense, cached or not.
fn expiry(claims: &Object) -> i64 {
    match claims.get("exp") {
        Some(Json::Integer(exp)) => i64::try_from(exp.get()).unwrap_or(i64::MAX),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and rounds down")]
        Some(Json::Float(exp)) => exp.floor() as i64,
        _ => i64::MAX,
    }
}
