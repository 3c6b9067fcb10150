//! What is counted of upstreams with several endpoints. An endpoint is no label: addresses come
//! from DNS, and would make as many series as there ever were (threats D-8).

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::telemetry::MetricRegistry;

use super::standing::{EndpointCounts, EndpointFailure};

/// By upstream.
#[derive(Debug, Clone)]
pub(in crate::upstream) struct BalanceMetrics {
    endpoints: IntGaugeVec,
    ejections: IntCounterVec,
    checks: IntCounterVec,
    resolutions: IntCounterVec,
    retries: IntCounterVec,
}

/// Those of one upstream.
#[derive(Debug)]
pub(crate) struct EndpointMetrics {
    used: IntGauge,
    returning: IntGauge,
    ejected: IntGauge,
    by_connect: IntCounter,
    by_status: IntCounter,
    by_check: IntCounter,
    checks_passed: IntCounter,
    checks_failed: IntCounter,
    resolved: IntCounter,
    unresolved: IntCounter,
    retries_answered: IntCounter,
    retries_failed: IntCounter,
    retries_over_budget: IntCounter,
}

/// How a request ended that failed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum RetryOutcome {
    /// Another endpoint has answered it.
    Answered,
    /// It failed again.
    Failed,
    /// It was not sent again, since too many were.
    OverBudget,
}

impl BalanceMetrics {
    pub(in crate::upstream) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            endpoints: metrics.int_gauges(
                "upstream_endpoints",
                "Endpoints of an upstream that has several, by whether they are used.",
                &["upstream", "state"],
            ),
            ejections: metrics.counters(
                "upstream_ejections_total",
                "Endpoints that were taken out of use, by cause.",
                &["upstream", "cause"],
            ),
            checks: metrics.counters(
                "upstream_health_checks_total",
                "Health checks of endpoints.",
                &["upstream", "outcome"],
            ),
            resolutions: metrics.counters(
                "upstream_resolutions_total",
                "Lookups of the names of upstreams of which every address is an endpoint.",
                &["upstream", "outcome"],
            ),
            retries: metrics.counters(
                "upstream_endpoint_retries_total",
                "Requests that failed at one endpoint, by what happened at another.",
                &["upstream", "outcome"],
            ),
        }
    }

    /// Those of one upstream, each shown from now on.
    pub(in crate::upstream) fn of(&self, upstream: &str) -> EndpointMetrics {
        let endpoints = |state| self.endpoints.with_label_values(&[upstream, state]);
        let ejections = |cause| self.ejections.with_label_values(&[upstream, cause]);
        let checks = |outcome| self.checks.with_label_values(&[upstream, outcome]);
        let resolutions = |outcome| self.resolutions.with_label_values(&[upstream, outcome]);
        let retries = |outcome| self.retries.with_label_values(&[upstream, outcome]);
        EndpointMetrics {
            used: endpoints("used"),
            returning: endpoints("returning"),
            ejected: endpoints("ejected"),
            by_connect: ejections(EndpointFailure::Connect.name()),
            by_status: ejections(EndpointFailure::Status.name()),
            by_check: ejections("check"),
            checks_passed: checks("passed"),
            checks_failed: checks("failed"),
            resolved: resolutions("resolved"),
            unresolved: resolutions("failed"),
            retries_answered: retries("answered"),
            retries_failed: retries("failed"),
            retries_over_budget: retries("over_budget"),
        }
    }
}

impl EndpointMetrics {
    pub(super) fn show(&self, counts: EndpointCounts) {
        let set = |gauge: &IntGauge, count| gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        set(&self.used, counts.used);
        set(&self.returning, counts.returning);
        set(&self.ejected, counts.ejected);
    }

    pub(super) fn ejected(&self, cause: EndpointFailure) {
        match cause {
            EndpointFailure::Connect => self.by_connect.inc(),
            EndpointFailure::Status => self.by_status.inc(),
        }
    }

    pub(super) fn ejected_by_check(&self) {
        self.by_check.inc();
    }

    pub(super) fn checked(&self, has_passed: bool) {
        if has_passed { self.checks_passed.inc() } else { self.checks_failed.inc() }
    }

    pub(super) fn resolved(&self, is_resolved: bool) {
        if is_resolved { self.resolved.inc() } else { self.unresolved.inc() }
    }

    pub(in crate::upstream) fn retried(&self, outcome: RetryOutcome) {
        match outcome {
            RetryOutcome::Answered => self.retries_answered.inc(),
            RetryOutcome::Failed => self.retries_failed.inc(),
            RetryOutcome::OverBudget => self.retries_over_budget.inc(),
        }
    }
}

impl EndpointFailure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Status => "status",
        }
    }
}
