//! How a registry does: counted, logged, and told on `/readyz`.

use std::time::Duration;

use parking_lot::Mutex;
use prometheus::IntCounterVec;
use tokio::time::Instant;

use crate::{
    clock::UnixTime,
    fetch::{FetchError, quoted},
    lookup::Trouble,
    telemetry::Metrics,
};

use super::{Registered, error::SourceError};

/// How one registry does.
#[derive(Debug)]
pub(super) struct Health {
    name: String,
    place: String,
    outcomes: IntCounterVec,
    /// What the snapshot does not have yet.
    news: Mutex<News>,
    trouble: Trouble,
}

/// What is known now, and was not when the snapshot was written.
#[derive(Debug, Default)]
struct News {
    /// Other keys, or other signers.
    is_new: bool,
    /// The same again since then: only their age is another.
    renewed_since: Option<Instant>,
}

/// The outcome besides [`SourceError::CODES`].
const FOUND: &str = "found";

impl Health {
    pub(super) fn new(name: &str, place: String, metrics: &Metrics) -> Self {
        let outcomes = metrics.registry_lookups.clone();
        for outcome in [FOUND].iter().chain(SourceError::CODES).chain(FetchError::CODES) {
            outcomes.with_label_values(&[name, *outcome]);
        }
        Self {
            name: name.to_owned(),
            place,
            outcomes,
            news: Mutex::default(),
            trouble: Trouble::default(),
        }
    }

    /// The registry knows a signer. A key that has changed is worth a line: it decides who signs.
    pub(super) fn found(&self, signer: &str, earlier: Option<&Registered>, now: &Registered) {
        self.count(FOUND);
        self.recovered();
        let is_same = earlier.is_some_and(|earlier| earlier.says_the_same(now));
        let mut news = self.news.lock();
        news.is_new |= !is_same;
        news.renewed_since.get_or_insert_with(Instant::now);
        drop(news);
        let thumbprints = |entry: &Registered| {
            let thumbprints = entry.keys().iter().map(|key| key.thumbprint().to_text());
            thumbprints.collect::<Vec<_>>().join(" ")
        };
        if let Some(earlier) = earlier {
            let (before, after) = (thumbprints(earlier), thumbprints(now));
            if before != after {
                let signer = quoted(signer);
                tracing::info!(
                    registry = self.name,
                    signer,
                    before,
                    after,
                    "a signer's key changed"
                );
            }
        }
    }

    /// The registry has no key of a signer.
    pub(super) fn unknown(&self, signer: &str, was_known: bool, error: &SourceError) {
        self.count(error.code());
        self.recovered();
        let signer = quoted(signer);
        if was_known {
            self.news.lock().is_new = true;
            tracing::warn!(registry = self.name, signer, %error, "a signer is known no longer");
        } else {
            tracing::debug!(registry = self.name, signer, %error, "no such signer");
        }
    }

    /// No answer. That the registry is left alone is a consequence, and hides no cause.
    pub(super) fn failed(&self, error: &SourceError, now: UnixTime) {
        self.count(error.code());
        if error.is_consequence() && self.trouble.is_there() {
            return;
        }
        if let Some(more) = self.trouble.failed(error, now) {
            tracing::warn!(registry = self.name, %error, more, "the registry can't be asked");
        }
    }

    /// A question was not even put.
    pub(super) fn refused(&self) {
        self.count(SourceError::Busy.code());
    }

    /// Whether there is something to write down: asked once, for what is new at once, for what was
    /// only renewed when it has waited that long.
    pub(super) fn has_news(&self, patience: Duration) -> bool {
        let mut news = self.news.lock();
        let is_old = news.renewed_since.is_some_and(|since| since.elapsed() >= patience);
        let is_due = news.is_new || is_old;
        if is_due {
            *news = News::default();
        }
        is_due
    }

    pub(super) fn trouble(&self, now: UnixTime) -> Option<String> {
        let Self { name, place, trouble, .. } = self;
        Some(format!("registry of {name}: {place}: {}", trouble.note(now)?))
    }

    fn recovered(&self) {
        if let Some(unlogged) = self.trouble.recovered() {
            tracing::info!(registry = self.name, unlogged, "the registry answers again");
        }
    }

    fn count(&self, outcome: &str) {
        self.outcomes.with_label_values(&[self.name.as_str(), outcome]).inc();
    }
}
