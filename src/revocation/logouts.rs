//! The back-channel logouts of issuers.

use std::{
    collections::{BTreeMap, HashSet},
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
    seen: HashSet<LogoutId>,
    /// By when they expire: the time to live may have changed in between, and another replica's may
    /// differ.
    logouts: BTreeMap<(i64, LogoutId), LoggedOut>,
}

/// The issuer, and its id of the logout token.
type LogoutId = (Arc<str>, Arc<str>);

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
        if self.logouts.len() >= most {
            return Err(LogoutRefusal::Full);
        }
        self.seen.insert(id.clone());
        for (kind, name, entry) in logout.entries(until) {
            self.denylist.add(kind, name, entry);
        }
        self.logouts.insert((until, id), logout.whom);
        Ok(())
    }

    fn drop_expired(&mut self, now: UnixTime) {
        while let Some(first) = self.logouts.first_entry()
            && first.key().0 <= now.0
        {
            let ((_, id), whom) = first.remove_entry();
            for (kind, name) in whom.names() {
                self.denylist.drop_expired(kind, name, now);
            }
            self.seen.remove(&id);
        }
    }
}

impl LoggedOut {
    /// Under which names the denylist has it.
    fn names(&self) -> impl Iterator<Item = (RevokedBy, &Arc<str>)> {
        let (sid, sub) = match self {
            Self::Subject(sub) => (None, Some(sub)),
            Self::Session(sid) => (Some(sid), None),
            Self::SessionOf { sid, sub } => (Some(sid), Some(sub)),
        };
        let sid = sid.map(|sid| (RevokedBy::Sid, sid));
        sid.into_iter().chain(sub.map(|sub| (RevokedBy::Sub, sub)))
    }
}

impl Logout {
    /// What the logout revokes: everything of the session; and what was issued before then to the
    /// subject. Providers write whole seconds: a token of the very second of the logout may be that
    /// of the next login, and is taken (IDP-12). Where one session of a subject is meant, of the
    /// subject only what names no session, since it is unknown which one that belongs to. Who logs
    /// in again gets a new session, and tokens that are issued later.
    fn entries(&self, until: i64) -> impl Iterator<Item = (RevokedBy, Arc<str>, RevocationEntry)> {
        let is_of_session = matches!(self.whom, LoggedOut::SessionOf { .. });
        self.whom.names().map(move |(kind, name)| {
            let is_subject = kind == RevokedBy::Sub;
            let entry = RevocationEntry {
                iss: Some(Arc::clone(&self.iss)),
                without_sid: is_subject && is_of_session,
                before: is_subject.then_some(self.at),
                until: Some(until),
            };
            (kind, Arc::clone(name), entry)
        })
    }
}
