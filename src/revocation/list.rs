//! The list as workers read it and its watcher writes it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::{
    clock::{UnixTime, seconds},
    readiness::SourceGuard,
    revocation::settings::{ListSettings, OnFailure},
    telemetry::Metrics,
};

use super::{
    Denylist, ListError,
    denylist::{Kind, TokenFacts},
    instruments::{self, ListInstruments},
    source,
};

/// The list that was read last, and whether it may still be relied on.
#[derive(Debug)]
pub(super) struct List {
    source: String,
    max_stale: i64,
    on_failure: OnFailure,
    entries: ArcSwapOption<Denylist>,
    /// Unix times; [`NEVER`] while there is no list.
    confirmed_at: AtomicI64,
    usable_until: AtomicI64,
    attempt: Mutex<Attempt>,
    readiness: SourceGuard,
    instruments: ListInstruments,
}

/// How the last reading went.
#[derive(Debug, Default)]
enum Attempt {
    #[default]
    None,
    Succeeded,
    Failed(String),
}

const NEVER: i64 = i64::MIN;

impl List {
    pub(super) fn new(settings: &ListSettings, readiness: SourceGuard, metrics: &Metrics) -> Self {
        Self {
            source: source::describe(&settings.source),
            max_stale: seconds(settings.max_stale),
            on_failure: settings.on_failure,
            entries: ArcSwapOption::empty(),
            confirmed_at: AtomicI64::new(NEVER),
            usable_until: AtomicI64::new(NEVER),
            attempt: Mutex::default(),
            readiness,
            instruments: ListInstruments::new(metrics),
        }
    }

    /// Whether tokens can be decided on.
    pub(super) fn is_usable(&self, now: UnixTime) -> bool {
        match self.on_failure {
            OnFailure::Refuse => self.is_fresh(now),
            OnFailure::Continue => true,
        }
    }

    /// Whether there is a list, confirmed within `max_stale`.
    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        now.0 <= self.usable_until.load(Ordering::Acquire)
    }

    /// By what the token is revoked, if it is, according to the last list that could be read.
    pub(super) fn find(&self, token: &TokenFacts<'_>, now: UnixTime) -> Option<Kind> {
        self.entries.load().as_ref()?.find(token, now)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.load().as_ref().map_or(0, |list| list.len())
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// What keeps the proxy from being ready: that nobody can decide, or that the first reading
    /// has not ended.
    pub(super) fn pending(&self, now: UnixTime) -> Option<String> {
        let attempt = self.attempt.lock();
        let cause = match &*attempt {
            Attempt::None => format!("waiting for the first answer of {}", self.source),
            Attempt::Succeeded | Attempt::Failed(_) if self.is_usable(now) => return None,
            Attempt::Succeeded => format!("waiting for {}", self.source),
            Attempt::Failed(cause) => cause.clone(),
        };
        let state = match self.confirmed_at() {
            None => "no list yet".to_owned(),
            Some(at) => format!(
                "the list was last confirmed {} s ago, max_stale = {} s",
                now.0.saturating_sub(at.0),
                self.max_stale
            ),
        };
        Some(format!("revocation: {state}; {cause}"))
    }

    pub(super) fn confirmed_at(&self) -> Option<UnixTime> {
        let at = self.confirmed_at.load(Ordering::Acquire);
        (at != NEVER).then_some(UnixTime(at))
    }
}

/// The watcher's side.
impl List {
    /// Puts another list in place; whether it differs.
    pub(super) fn replace(&self, list: Denylist) -> bool {
        let differs = self.entries.load().as_ref().is_none_or(|old| **old != list);
        self.instruments.entries(list.len());
        if differs {
            self.entries.store(Some(Arc::new(list)));
        }
        differs
    }

    /// The source stood by the list at that time.
    pub(super) fn confirm(&self, at: UnixTime) {
        self.confirmed_at.store(at.0, Ordering::Release);
        self.usable_until.store(at.0.saturating_add(self.max_stale), Ordering::Release);
        self.instruments.confirmed(at);
    }

    /// A reading succeeded; the list is in place and confirmed.
    pub(super) fn succeeded(&self, changed: bool) {
        self.set(Attempt::Succeeded);
        self.readiness.is_usable();
        self.instruments.read(if changed { instruments::CHANGED } else { instruments::UNCHANGED });
    }

    /// A reading failed. The list in place stays.
    pub(super) fn failed(&self, error: &ListError) {
        self.set(Attempt::Failed(error.to_string()));
        match self.on_failure {
            OnFailure::Refuse => self.readiness.was_tried(),
            OnFailure::Continue => self.readiness.is_usable(),
        }
        self.instruments.read(error.code());
    }

    fn set(&self, attempt: Attempt) {
        *self.attempt.lock() = attempt;
    }
}
