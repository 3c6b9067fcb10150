//! How an endpoint does: its outcomes are counted, its failures logged now and then and shown on
//! `/readyz`. The log lines are the rooms' own.

use prometheus::{IntCounterVec, IntGauge};

use crate::{clock::UnixTime, fetch::FetchError};

use super::{LookupFailure, NotSent, trouble::Trouble};

/// How one endpoint does. It is up in the beginning.
#[derive(Debug)]
pub(crate) struct EndpointHealth {
    name: String,
    outcomes: IntCounterVec,
    up: Option<IntGauge>,
    trouble: Trouble,
}

impl EndpointHealth {
    /// `name` is the first label of `outcomes`, the outcome the second; those that `codes` has, and
    /// those that every lookup may have, start at zero.
    pub(crate) fn new(
        name: &str,
        outcomes: &IntCounterVec,
        codes: impl Iterator<Item = &'static str>,
        up: Option<IntGauge>,
    ) -> Self {
        let common = NotSent::CODES.iter().chain(FetchError::CODES).copied();
        for outcome in codes.chain(common) {
            outcomes.with_label_values(&[name, outcome]);
        }
        if let Some(up) = &up {
            up.set(1);
        }
        let (name, outcomes) = (name.to_owned(), outcomes.clone());
        Self { name, outcomes, up, trouble: Trouble::default() }
    }

    /// What the endpoint is called in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Counts an outcome that says nothing of the endpoint.
    pub(crate) fn count(&self, outcome: &str) {
        self.outcomes.with_label_values(&[self.name.as_str(), outcome]).inc();
    }

    /// Records a response. If the endpoint failed before: the number of failures not logged.
    pub(crate) fn responded(&self, outcome: &str) -> Option<u64> {
        self.count(outcome);
        self.show(true);
        self.trouble.recovered()
    }

    /// Records a failure. If it is to be logged: the number of failures since the last log line. A
    /// request that was not sent because of earlier failures hides none of them.
    pub(crate) fn failed(&self, error: &impl LookupFailure, now: UnixTime) -> Option<u64> {
        self.count(error.code());
        if error.is_consequence() && self.trouble.is_there() {
            return None;
        }
        self.show(false);
        self.trouble.failed(error, now)
    }

    /// Why the endpoint fails and since when; `None` while it works.
    pub(crate) fn trouble(&self, now: UnixTime) -> Option<String> {
        self.trouble.note(now)
    }

    fn show(&self, is_up: bool) {
        if let Some(up) = &self.up {
            up.set(is_up.into());
        }
    }
}
