//! What issuers said of tokens, remembered for all workers together.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::{
    bounded::BoundedMap,
    clock::{UnixTime, seconds},
    introspection::settings::IntrospectionSettings,
    jose::{Json, Object},
};

use super::answer::IntrospectionAnswer;

/// What the issuer said of a token, while it counts.
#[derive(Debug, Clone)]
pub enum Statement {
    /// The token is active.
    Active(Arc<ActiveToken>),
    /// It is not.
    Inactive,
}

/// A token that its issuer called active. Whether it is good for *us* is yet to be decided.
#[derive(Debug)]
pub struct ActiveToken {
    claims: Object,
    fresh_until: UnixTime,
    stale_until: UnixTime,
}

/// The SHA-256 of a token: what it is remembered by, so that no token is kept (threats I-6).
pub(super) type Digest = [u8; 32];

/// The statements of one endpoint to one client: no other's answers are among them.
#[derive(Debug)]
pub(super) struct Memory {
    entries: Mutex<BoundedMap<Entry>>,
    bounds: Bounds,
}

/// What is remembered, of whose answers, and for how long.
#[derive(Debug, PartialEq, Eq)]
struct Bounds {
    scope: Digest,
    entries: usize,
    bytes: usize,
    cache_ttl: i64,
    negative_ttl: i64,
    stale_if_error: i64,
}

/// What has just been kept.
pub(super) struct Kept {
    pub(super) statement: Statement,
    pub(super) until: UnixTime,
}

#[derive(Debug)]
struct Entry {
    statement: Statement,
    until: UnixTime,
}

impl ActiveToken {
    /// The claims that came with it.
    pub fn claims(&self) -> &Object {
        &self.claims
    }

    /// Until when the statement counts: never longer than the token lives (threats I-7).
    pub fn fresh_until(&self) -> UnixTime {
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
        let entries = Mutex::new(BoundedMap::new(bounds.entries, bounds.bytes));
        Self { entries, bounds }
    }

    /// Whether what the other remembers is what this one would.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.bounds == other.bounds
    }

    /// A statement that still counts.
    pub(super) fn find(&self, digest: &Digest, now: UnixTime) -> Option<Statement> {
        let entries = self.entries();
        let entry = entries.find(digest)?;
        (now < entry.until).then(|| entry.statement.clone())
    }

    /// Whether the last thing that is remembered of a token is that it was active, however long
    /// ago.
    pub(super) fn has_called_active(&self, digest: &Digest) -> bool {
        let entries = self.entries();
        entries.find(digest).is_some_and(|entry| matches!(entry.statement, Statement::Active(_)))
    }

    /// The same of one that was not.
    pub(super) fn has_called_inactive(&self, digest: &Digest) -> bool {
        let entries = self.entries();
        entries.find(digest).is_some_and(|entry| matches!(entry.statement, Statement::Inactive))
    }

    /// A positive statement that may stand in while the issuer can't be asked. Negative ones never
    /// do, and a token that has ended is none.
    pub(super) fn find_stale(&self, digest: &Digest, now: UnixTime) -> Option<Statement> {
        match &self.entries().find(digest)?.statement {
            Statement::Active(token) if now < token.stale_until => {
                // It counts for a moment only, so that the issuer is asked again soon.
                let fresh_until = UnixTime(now.0.saturating_add(1)).min(token.stale_until);
                let claims = token.claims.clone();
                let stale_until = token.stale_until;
                Some(Statement::Active(Arc::new(ActiveToken { claims, fresh_until, stale_until })))
            }
            _ => None,
        }
    }

    /// Makes a statement of what was said, and keeps it as long as it counts, `at_most` until
    /// then.
    pub(super) fn keep(
        &self,
        digest: &Digest,
        said: IntrospectionAnswer,
        at_most: UnixTime,
        now: UnixTime,
    ) -> Kept {
        let later = |seconds: i64| now.0.saturating_add(seconds).min(at_most.0);
        let (statement, until, memory) = match said {
            IntrospectionAnswer::Inactive => {
                (Statement::Inactive, later(self.bounds.negative_ttl), 0)
            }
            IntrospectionAnswer::Active(claims) => {
                let ends = expiry(&claims);
                let fresh_until = UnixTime(later(self.bounds.cache_ttl).min(ends));
                let stale = fresh_until.0.saturating_add(self.bounds.stale_if_error).min(ends);
                let memory = claims.memory();
                let stale_until = UnixTime(stale);
                let token = ActiveToken { claims, fresh_until, stale_until };
                (Statement::Active(Arc::new(token)), fresh_until.0, memory)
            }
        };
        let until = UnixTime(until);
        let entry = Entry { statement: statement.clone(), until };
        let bytes = memory + size_of::<Entry>() + size_of::<ActiveToken>();
        self.entries().insert(digest, entry, bytes);
        Kept { statement, until }
    }

    fn entries(&self) -> MutexGuard<'_, BoundedMap<Entry>> {
        self.entries.lock()
    }
}

/// When a token ends by its own word. One without end is bounded by the time to live alone; one
/// whose end makes no sense is refused by the rules, whatever is kept here.
fn expiry(claims: &Object) -> i64 {
    match claims.get("exp") {
        Some(Json::Integer(exp)) => i64::try_from(*exp).unwrap_or(i64::MAX),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and rounds down")]
        Some(Json::Float(exp)) => exp.floor() as i64,
        _ => i64::MAX,
    }
}
