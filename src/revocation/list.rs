//! The list as workers read it and its watcher writes it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::{
    clock::UnixTime,
    readiness::SourceGuard,
    refresh::ContentAge,
    revocation::settings::{ListSettings, OnFailure},
};

use super::{
    Denylist, ListError, Metrics,
    denylist::{RevokedBy, TokenFacts},
    metrics::{self, ListMetrics},
    source,
};

/// The list that was read last, and whether it may still be relied on.
#[derive(Debug)]
pub(super) struct RevocationList {
    source: String,
    on_failure: OnFailure,
    entries: ArcSwapOption<Denylist>,
    content_age: ContentAge,
    attempt: Mutex<Attempt>,
    readiness: SourceGuard,
    metrics: ListMetrics,
}

/// How the last reading went.
#[derive(Debug, Default)]
enum Attempt {
    #[default]
    None,
    Succeeded,
    Failed(String),
}

impl RevocationList {
    pub(super) fn new(settings: &ListSettings, readiness: SourceGuard, metrics: &Metrics) -> Self {
        Self {
            source: source::describe(&settings.source),
            on_failure: settings.on_failure,
            entries: ArcSwapOption::empty(),
            content_age: ContentAge::new(settings.max_stale, metrics.confirmed_at()),
            attempt: Mutex::default(),
            readiness,
            metrics: metrics.of_list(),
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
        self.content_age.is_fresh(now)
    }

    /// By what the token is revoked, if it is, according to the last list that could be read.
    pub(super) fn find(&self, token: &TokenFacts<'_>, now: UnixTime) -> Option<RevokedBy> {
        self.entries.load().as_ref()?.find(token, now)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.load().as_ref().map_or(0, |list| list.len())
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) async fn first_read(&self) {
        self.readiness.first_read().await;
    }

    /// Why nothing can be decided by it, in words: the list is too old to decide by, or the first
    /// reading is not over.
    pub(super) fn missing(&self, now: UnixTime) -> Option<String> {
        let attempt = self.attempt.lock();
        let cause = match &*attempt {
            Attempt::None => format!("waiting for the first answer of {}", self.source),
            Attempt::Succeeded | Attempt::Failed(_) if self.is_usable(now) => return None,
            Attempt::Succeeded => format!("waiting for {}", self.source),
            Attempt::Failed(cause) => cause.clone(),
        };
        let state = match self.content_age.confirmed_at() {
            None => "no list yet".to_owned(),
            Some(at) => format!(
                "the list was last confirmed {} s ago, max_stale = {} s",
                now.0.saturating_sub(at.0),
                self.content_age.max_stale()
            ),
        };
        Some(format!("{state}; {cause}"))
    }
}

/// What an earlier configuration knows.
impl RevocationList {
    /// Begins with a list of the same source: it is what that had when it was last read, and no
    /// older here. `is_usable`: nothing has to be read first.
    pub(super) fn begin_with(&self, earlier: &Self, is_usable: bool, now: UnixTime) {
        let (entries, confirmed_at) =
            (earlier.entries.load_full(), earlier.content_age.confirmed_at());
        let (Some(entries), Some(confirmed_at)) = (entries, confirmed_at) else {
            return;
        };
        self.metrics.entries(entries.len());
        self.entries.store(Some(entries));
        self.content_age.confirm(confirmed_at);
        if is_usable && self.is_fresh(now) {
            self.set(Attempt::Succeeded);
            self.readiness.is_usable();
        }
    }
}

/// What metrics show of it.
impl RevocationList {
    /// Shows the list in metrics from now on: its configuration is in force.
    pub(super) fn show(&self) {
        self.metrics.show();
        self.content_age.show();
    }

    /// Ends that.
    pub(super) fn hide(&self) {
        self.metrics.hide();
        self.content_age.hide();
    }
}

/// The watcher's side.
impl RevocationList {
    /// Replaces the list; returns whether it differs.
    pub(super) fn replace(&self, list: Denylist) -> bool {
        let differs = self.entries.load().as_ref().is_none_or(|old| **old != list);
        self.metrics.entries(list.len());
        if differs {
            self.entries.store(Some(Arc::new(list)));
        }
        differs
    }

    pub(super) fn content_age(&self) -> &ContentAge {
        &self.content_age
    }

    /// A reading succeeded; the list is in place and confirmed.
    pub(super) fn succeeded(&self, changed: bool) {
        self.set(Attempt::Succeeded);
        self.readiness.is_usable();
        self.metrics.read(if changed { metrics::CHANGED } else { metrics::UNCHANGED });
    }

    /// A reading failed. The list in place stays: that of the configuration before decides after a
    /// reload while the source is out of reach.
    pub(super) fn failed(&self, error: &ListError, now: UnixTime) {
        self.set(Attempt::Failed(error.to_string()));
        if self.is_usable(now) {
            self.readiness.is_usable();
        } else {
            self.readiness.mark_read();
        }
        self.metrics.read(error.code());
    }

    fn set(&self, attempt: Attempt) {
        *self.attempt.lock() = attempt;
    }
}
