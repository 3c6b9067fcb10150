//! The back-channel logouts of issuers.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use parking_lot::RwLock;
use prometheus::IntGauge;

use crate::clock::UnixTime;

use super::{
    Metrics,
    denylist::{Denylist, RevocationEntry, RevokedBy, TokenFacts},
};

/// One logout, from a verified logout token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logout {
    /// The issuer that sent it.
    pub iss: Arc<str>,
    /// The id of the logout token; no two logouts of an issuer have the same.
    pub jti: Arc<str>,
    /// Who has logged out.
    pub whom: LoggedOut,
    /// When it happened, by the issuer's clock, in whole seconds, rounded up.
    pub at: i64,
}

/// Who has logged out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoggedOut {
    /// Every session of the subject.
    Subject(Arc<str>),
    /// One session, of any subject.
    Session(Arc<str>),
    /// One session of the subject.
    SessionOf {
        /// The session.
        sid: Arc<str>,
        /// The subject.
        sub: Arc<str>,
    },
}

/// Why a logout is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutRefusal {
    /// The token was taken before.
    Replayed,
    /// The limit is reached. None is evicted for this one: its tokens would be valid again.
    Full,
}

/// The logouts of the process. Workers look them up only for tokens that they have not looked up
/// since the last change, under a lock that is held for the time of a hash map's operation.
#[derive(Debug)]
pub(super) struct Logouts {
    book: RwLock<Book>,
    entries: IntGauge,
}

#[derive(Debug, Default)]
struct Book {
    denylist: Denylist,
    seen: HashSet<(Arc<str>, Arc<str>)>,
    /// In the order in which they came, which is that of `until` unless the time to live was
    /// changed in between.
    queue: VecDeque<StoredLogout>,
}

#[derive(Debug)]
struct StoredLogout {
    until: i64,
    logout: Logout,
}

impl Logouts {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self { book: RwLock::default(), entries: metrics.logout_entries() }
    }

    /// By what the token is revoked, if it is.
    pub(super) fn find(&self, token: &TokenFacts<'_>, now: UnixTime) -> Option<RevokedBy> {
        let book = self.book.read();
        book.denylist.find(token, now)
    }

    /// Remembers a logout until then, within the bound.
    pub(super) fn add(
        &self,
        logout: Logout,
        until: i64,
        now: UnixTime,
        most: usize,
    ) -> Result<(), LogoutRefusal> {
        let mut book = self.book.write();
        book.drop_expired(now);
        let outcome = book.add(logout, until, most);
        self.entries.set(i64::try_from(book.denylist.len()).unwrap_or(i64::MAX));
        outcome
    }

    /// Drops what has expired.
    pub(super) fn drop_expired(&self, now: UnixTime) {
        let mut book = self.book.write();
        book.drop_expired(now);
        self.entries.set(i64::try_from(book.denylist.len()).unwrap_or(i64::MAX));
    }
}

impl Book {
    fn add(&mut self, logout: Logout, until: i64, most: usize) -> Result<(), LogoutRefusal> {
        let id = (Arc::clone(&logout.iss), Arc::clone(&logout.jti));
        if self.seen.contains(&id) {
            return Err(LogoutRefusal::Replayed);
        }
        if self.queue.len() >= most {
            return Err(LogoutRefusal::Full);
        }
        self.seen.insert(id);
        for (kind, name, entry) in logout.entries(until) {
            self.denylist.add(kind, name, entry);
        }
        self.queue.push_back(StoredLogout { until, logout });
        Ok(())
    }

    fn drop_expired(&mut self, now: UnixTime) {
        while let Some(StoredLogout { logout, .. }) =
            self.queue.pop_front_if(|oldest| oldest.until <= now.0)
        {
            for (kind, name, _) in logout.entries(now.0) {
                self.denylist.drop_expired(kind, &name, now);
            }
            self.seen.remove(&(logout.iss, logout.jti));
        }
    }
}

impl Logout {
    /// What the logout revokes: everything of the session; and what was issued before then to the
    /// subject. Providers write whole seconds: a token of the very second of the logout may be that
    /// of the next login, and is taken (IDP-12). Where one session of a subject is meant, of the
    /// subject only what names no session, since it is unknown which one that belongs to. Who logs
    /// in again gets a new session, and tokens that are issued later.
    fn entries(&self, until: i64) -> impl Iterator<Item = (RevokedBy, Arc<str>, RevocationEntry)> {
        let entry = RevocationEntry {
            iss: Some(Arc::clone(&self.iss)),
            until: Some(until),
            ..RevocationEntry::default()
        };
        let before_then = RevocationEntry { before: Some(self.at), ..entry.clone() };
        let (sid, sub) = match &self.whom {
            LoggedOut::Subject(sub) => (None, Some((sub, before_then))),
            LoggedOut::Session(sid) => (Some((sid, entry)), None),
            LoggedOut::SessionOf { sid, sub } => (
                Some((sid, entry)),
                Some((sub, RevocationEntry { without_sid: true, ..before_then })),
            ),
        };
        let sid = sid.map(|(sid, entry)| (RevokedBy::Sid, Arc::clone(sid), entry));
        let sub = sub.map(|(sub, entry)| (RevokedBy::Sub, Arc::clone(sub), entry));
        sid.into_iter().chain(sub)
    }
}
