//! How an endpoint does: its outcomes are counted, its failures logged now and then and shown on
//! `/readyz`. The log lines are the rooms' own.

use prometheus::{IntCounterVec, IntGaugeVec, core::AtomicI64};

use crate::{clock::UnixTime, fetch::FetchError, telemetry::StateGauge};

use super::{LookupFailure, NotSent, trouble::Trouble};

/// How one endpoint does. It is up in the beginning.
#[derive(Debug)]
pub(crate) struct EndpointHealth {
    name: String,
    outcomes: IntCounterVec,
    up: Option<StateGauge<AtomicI64>>,
    trouble: Trouble,
}

impl EndpointHealth {
    /// `name` is the first label of `outcomes`, the outcome the second; those that `codes` has, and
    /// those that every lookup may have, start at zero. `name` is the only label of `up` as
    /// well, which is shown once its configuration is in force.
    pub(crate) fn new(
        name: &str,
        outcomes: &IntCounterVec,
        codes: impl Iterator<Item = &'static str>,
        up: Option<&IntGaugeVec>,
    ) -> Self {
        let common = NotSent::CODES.iter().chain(FetchError::CODES).copied();
        for outcome in codes.chain(common) {
            outcomes.with_label_values(&[name, outcome]);
        }
        let up = up.map(|up| StateGauge::new(up, &[name], 1));
        let (name, outcomes) = (name.to_owned(), outcomes.clone());
        Self { name, outcomes, up, trouble: Trouble::default() }
    }

    /// What the endpoint is called in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Counts an outcome that is no evidence about the endpoint.
    pub(crate) fn count(&self, outcome: &str) {
        self.outcomes.with_label_values(&[self.name.as_str(), outcome]).inc();
    }

    /// Records a response. If the endpoint failed before: the number of failures not logged.
    pub(crate) fn responded(&self, outcome: &str) -> Option<u64> {
        self.count(outcome);
        self.set_up(true);
        self.trouble.recovered()
    }

    /// Records a failure. If it is to be logged: the number of failures since the last log line. A
    /// request that was not sent because of earlier failures hides none of them.
    pub(crate) fn failed(&self, error: &impl LookupFailure, now: UnixTime) -> Option<u64> {
        self.count(error.code());
        if error.is_consequence() && self.trouble.is_there() {
            return None;
        }
        self.set_up(false);
        self.trouble.failed(error, now)
    }

    /// Why the endpoint fails and since when; `None` while it works.
    pub(crate) fn trouble(&self, now: UnixTime) -> Option<String> {
        self.trouble.note(now)
    }

    /// Shows in metrics whether it is up, from now on: its configuration is in force.
    pub(crate) fn show(&self) {
        self.up.iter().for_each(StateGauge::show);
    }

    /// Ends that.
    pub(crate) fn hide(&self) {
        self.up.iter().for_each(StateGauge::hide);
    }

    fn set_up(&self, is_up: bool) {
        if let Some(up) = &self.up {
            up.set(is_up.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("refused")]
        Refused,
        #[error(transparent)]
        NotSent(#[from] NotSent),
    }

    impl LookupFailure for Failure {
        fn code(&self) -> &'static str {
            match self {
                Self::Refused => "refused",
                Self::NotSent(cause) => cause.code(),
            }
        }

        fn is_outage(&self, _: bool) -> bool {
            true
        }

        fn is_consequence(&self) -> bool {
            matches!(self, Self::NotSent(_))
        }
    }

    fn health() -> EndpointHealth {
        let outcomes = IntCounterVec::new(Opts::new("lookups", "Lookups"), &["name", "outcome"]);
        let up = IntGaugeVec::new(Opts::new("up", "Up"), &["name"]).unwrap();
        let codes = ["found", "refused"].into_iter();
        EndpointHealth::new("corp", &outcomes.unwrap(), codes, Some(&up))
    }

    impl EndpointHealth {
        fn counted(&self, outcome: &str) -> u64 {
            self.outcomes.with_label_values(&["corp", outcome]).get()
        }

        fn is_up(&self) -> bool {
            self.up.as_ref().unwrap().value() == 1
        }
    }

    #[test]
    fn every_outcome_starts_at_zero() {
        let health = health();
        let series = prometheus::core::Collector::collect(&health.outcomes);
        let outcomes = series[0].get_metric().iter().map(|it| it.get_label()[1].value().to_owned());
        let outcomes: Vec<_> = outcomes.collect();
        for expected in ["found", "refused", "busy", "resting", "timeout"] {
            assert!(outcomes.iter().any(|outcome| outcome == expected), "{expected}: {outcomes:?}");
        }
        assert!(health.is_up());
    }

    #[test]
    fn what_was_not_sent_after_failures_hides_none_of_them() {
        let health = health();
        assert_eq!(health.failed(&Failure::Refused, UnixTime(100)), Some(0), "logged");
        assert_eq!(health.failed(&Failure::NotSent(NotSent::CircuitOpen), UnixTime(101)), None);
        let trouble = health.trouble(UnixTime(102));
        assert_eq!(trouble.as_deref(), Some("failing for 2 s; refused"));
        assert_eq!((health.counted("refused"), health.counted("resting")), (1, 1));
        assert!(!health.is_up());
        assert_eq!(health.responded("found"), Some(0), "logged as well");
        assert!(health.is_up() && health.trouble(UnixTime(103)).is_none());
    }

    #[test]
    fn a_queue_that_is_too_long_is_a_failure_of_its_own() {
        let health = health();
        assert_eq!(health.failed(&Failure::NotSent(NotSent::Busy), UnixTime(100)), Some(0));
        assert!(health.trouble(UnixTime(100)).is_some() && !health.is_up());
    }
}
