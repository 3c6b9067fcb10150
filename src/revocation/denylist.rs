//! What is revoked, and whether a token is.

use std::{collections::HashMap, sync::Arc};

use crate::clock::UnixTime;

/// By what a token is revoked. Each is the claim of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevokedBy {
    /// One token.
    Jti,
    /// Everything of one subject.
    Sub,
    /// Everything of one session.
    Sid,
    /// Everything that one client obtained: the claim `client_id`, or `azp`.
    ClientId,
}

/// What of a verified token is looked up.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenFacts<'t> {
    /// The issuer.
    pub iss: &'t str,
    /// The token's id.
    pub jti: Option<&'t str>,
    /// The subject.
    pub sub: Option<&'t str>,
    /// The session.
    pub sid: Option<&'t str>,
    /// The client.
    pub client_id: Option<&'t str>,
    /// The client under its other name; a token may have both.
    pub azp: Option<&'t str>,
    /// When it was issued, in whole seconds, rounded down.
    pub issued_at: Option<i64>,
}

/// Entries by what they name. Found with one lookup per claim, however many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denylist {
    jti: EntriesByName,
    sub: EntriesByName,
    sid: EntriesByName,
    client_id: EntriesByName,
    count: usize,
}

type EntriesByName = HashMap<Arc<str>, Vec<RevocationEntry>>;

/// The conditions of one entry; one without any revokes whatever has the name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RevocationEntry {
    /// Only tokens of this issuer: `sub` and `sid` are unique only within one.
    pub(super) iss: Option<Arc<str>>,
    /// Only tokens that name no session.
    pub(super) without_sid: bool,
    /// Only tokens issued before that time, or without an `iat`.
    pub(super) before: Option<i64>,
    /// The entry expires then.
    pub(super) until: Option<i64>,
}

impl Denylist {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// By what the token is revoked, if it is.
    pub fn find(&self, token: &TokenFacts<'_>, now: UnixTime) -> Option<RevokedBy> {
        if self.is_empty() {
            return None;
        }
        let named = [
            (RevokedBy::Jti, token.jti),
            (RevokedBy::Sid, token.sid),
            (RevokedBy::Sub, token.sub),
            (RevokedBy::ClientId, token.client_id),
            (RevokedBy::ClientId, token.azp),
        ];
        let hit = named.into_iter().find(|(kind, name)| {
            let entries = name.and_then(|name| self.names(*kind).get(name));
            entries.is_some_and(|entries| entries.iter().any(|entry| entry.revokes(token, now)))
        });
        hit.map(|(kind, _)| kind)
    }

    /// Adds an entry. An existing one that differs only in its times is widened instead.
    pub(super) fn add(&mut self, kind: RevokedBy, name: Arc<str>, entry: RevocationEntry) {
        let entries = self.names_mut(kind).entry(name).or_default();
        if let Some(known) = entries.iter_mut().find(|known| known.is_about_the_same_as(&entry)) {
            known.widen(&entry);
        } else {
            entries.push(entry);
            self.count += 1;
        }
    }

    /// Drops what has expired under that name.
    pub(super) fn drop_expired(&mut self, kind: RevokedBy, name: &str, now: UnixTime) {
        let names = self.names_mut(kind);
        let Some(entries) = names.get_mut(name) else {
            return;
        };
        let before = entries.len();
        entries.retain(|entry| !entry.has_expired(now));
        let dropped = before - entries.len();
        if entries.is_empty() {
            names.remove(name);
        }
        self.count -= dropped;
    }

    fn names(&self, kind: RevokedBy) -> &EntriesByName {
        match kind {
            RevokedBy::Jti => &self.jti,
            RevokedBy::Sub => &self.sub,
            RevokedBy::Sid => &self.sid,
            RevokedBy::ClientId => &self.client_id,
        }
    }

    fn names_mut(&mut self, kind: RevokedBy) -> &mut EntriesByName {
        match kind {
            RevokedBy::Jti => &mut self.jti,
            RevokedBy::Sub => &mut self.sub,
            RevokedBy::Sid => &mut self.sid,
            RevokedBy::ClientId => &mut self.client_id,
        }
    }
}

impl RevocationEntry {
    pub(super) fn has_expired(&self, now: UnixTime) -> bool {
        self.until.is_some_and(|until| until <= now.0)
    }

    fn revokes(&self, token: &TokenFacts<'_>, now: UnixTime) -> bool {
        let is_of_issuer = self.iss.as_deref().is_none_or(|iss| iss == token.iss);
        // A token without an `iat` may be of any age.
        let is_old =
            self.before.is_none_or(|before| token.issued_at.is_none_or(|issued| issued < before));
        let is_of_session = !self.without_sid || token.sid.is_none();
        is_of_issuer && is_old && is_of_session && !self.has_expired(now)
    }

    fn is_about_the_same_as(&self, other: &Self) -> bool {
        self.iss == other.iss
            && self.without_sid == other.without_sid
            && self.before.is_some() == other.before.is_some()
            && self.until.is_some() == other.until.is_some()
    }

    /// The later of the times. For two entries about the same subject, the result covers at least
    /// both.
    fn widen(&mut self, other: &Self) {
        self.before = self.before.max(other.before);
        self.until = self.until.max(other.until);
    }
}
