//! How many keys of one set were left out, by reason.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use prometheus::IntGaugeVec;

/// The counts of one set, which are shown while its configuration is in force.
#[derive(Debug)]
pub(super) struct SkippedGauges {
    family: IntGaugeVec,
    issuer: String,
    counts: Mutex<SkippedCounts>,
}

#[derive(Debug, Default)]
struct SkippedCounts {
    /// By the code of the reason: there are few of them.
    by_reason: BTreeMap<&'static str, i64>,
    are_shown: bool,
}

impl SkippedGauges {
    /// Those of a set of which nothing is left out, not shown yet.
    pub(super) fn new(family: &IntGaugeVec, issuer: &str) -> Self {
        Self { family: family.clone(), issuer: issuer.to_owned(), counts: Mutex::default() }
    }

    /// Sets the reasons, one for each key. Those of before go back to zero.
    pub(super) fn set(&self, reasons: impl Iterator<Item = &'static str>) {
        let mut counts = self.counts.lock();
        if counts.are_shown {
            self.clear(&counts);
        }
        counts.by_reason.clear();
        for reason in reasons {
            *counts.by_reason.entry(reason).or_default() += 1;
        }
        if counts.are_shown {
            self.write(&counts);
        }
    }

    /// Shows them from now on.
    pub(super) fn show(&self) {
        let mut counts = self.counts.lock();
        counts.are_shown = true;
        self.write(&counts);
    }

    /// Ends that: the reasons go back to zero, since another set may have none of them.
    pub(super) fn hide(&self) {
        let mut counts = self.counts.lock();
        if std::mem::take(&mut counts.are_shown) {
            self.clear(&counts);
        }
    }

    fn write(&self, counts: &SkippedCounts) {
        for (reason, count) in &counts.by_reason {
            self.family.with_label_values(&[self.issuer.as_str(), *reason]).set(*count);
        }
    }

    fn clear(&self, counts: &SkippedCounts) {
        for reason in counts.by_reason.keys() {
            self.family.with_label_values(&[self.issuer.as_str(), *reason]).set(0);
        }
    }
}
