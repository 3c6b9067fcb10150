//! How old a content is that is kept fresh, and until when it may be used.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use prometheus::core::AtomicF64;

use crate::{
    clock::{UnixTime, seconds},
    telemetry::StateGauge,
};

/// When a source last confirmed the content in place. Read by all workers without a lock, written
/// by its refresher.
#[derive(Debug)]
pub(crate) struct ContentAge {
    max_stale: i64,
    /// Unix times; [`NEVER`] while there is no content.
    confirmed_at: AtomicI64,
    usable_until: AtomicI64,
    shown: StateGauge<AtomicF64>,
}

const NEVER: i64 = i64::MIN;

impl ContentAge {
    /// Content may be used until `max_stale` after its confirmation, which `shown` shows.
    pub(crate) fn new(max_stale: Duration, shown: StateGauge<AtomicF64>) -> Self {
        Self {
            max_stale: seconds(max_stale),
            confirmed_at: AtomicI64::new(NEVER),
            usable_until: AtomicI64::new(NEVER),
            shown,
        }
    }

    /// In seconds.
    pub(crate) fn max_stale(&self) -> i64 {
        self.max_stale
    }

    /// Whether there is content, confirmed within `max_stale`.
    pub(crate) fn is_fresh(&self, now: UnixTime) -> bool {
        now.0 <= self.usable_until.load(Ordering::Acquire)
    }

    /// When the source last confirmed the content.
    pub(crate) fn confirmed_at(&self) -> Option<UnixTime> {
        let at = self.confirmed_at.load(Ordering::Acquire);
        (at != NEVER).then_some(UnixTime(at))
    }

    /// The last moment at which the content may be used.
    pub(crate) fn usable_until(&self) -> Option<UnixTime> {
        let until = self.usable_until.load(Ordering::Acquire);
        (until != NEVER).then_some(UnixTime(until))
    }

    /// The source confirmed the content in place at that time.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit in 53 bits")]
    pub(crate) fn confirm(&self, at: UnixTime) {
        self.confirmed_at.store(at.0, Ordering::Release);
        self.usable_until.store(at.0.saturating_add(self.max_stale), Ordering::Release);
        self.shown.set(at.0 as f64);
    }

    /// Shows in metrics when it was confirmed, from now on.
    pub(crate) fn show(&self) {
        self.shown.show();
    }

    /// Ends that.
    pub(crate) fn hide(&self) {
        self.shown.hide();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::MetricRegistry;

    #[test]
    fn content_is_fresh_from_its_confirmation_until_max_stale() {
        let family = MetricRegistry::default().gauges("confirmed_at", "Of a test.", &["issuer"]);
        let shown = StateGauge::new(&family, &["corp"], 0.0);
        let content_age = ContentAge::new(Duration::from_secs(10), shown);
        content_age.show();
        assert!(!content_age.is_fresh(UnixTime(0)) && content_age.confirmed_at().is_none());
        content_age.confirm(UnixTime(100));
        assert!(content_age.is_fresh(UnixTime(110)) && !content_age.is_fresh(UnixTime(111)));
        assert_eq!(content_age.usable_until(), Some(UnixTime(110)));
        assert_eq!(content_age.confirmed_at(), Some(UnixTime(100)));
        let shown = family.with_label_values(&["corp"]).get();
        assert!((shown - 100.0).abs() < f64::EPSILON, "{shown}");
    }
}
