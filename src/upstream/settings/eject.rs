//! `eject`: when an endpoint is not used for a while.

use std::time::Duration;

use http::StatusCode;

use crate::config::{
    node::{Node, Value},
    reader::{Parsed, Section},
    values::{count, duration},
    writer::{Writer, Written, list_of},
};

use super::key;

/// `eject`: what is called outlier detection elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct EjectSettings {
    /// Failures in a row.
    pub failures: u32,
    /// For how long. Afterwards its share of the requests grows over as long again.
    pub duration: Duration,
    /// Endpoints that may be out of use at once, as a part of all. 0: none.
    pub at_most: f64,
    /// Answers that count as failures besides connections that cannot be opened. Empty: none.
    pub on_status: Vec<StatusCode>,
}

/// Envoy's: fewer would be met by a short burst of lost packets.
const DEFAULT_FAILURES: usize = 5;
/// A restart takes some seconds.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);
/// The half that is left has to bear what all bore.
const DEFAULT_AT_MOST: f64 = 0.5;
const MAX_FAILURES: usize = 1000;
const DURATIONS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_hours(1);

const EXPECTED_STATUSES: &str = "a list of statuses from 500 to 599, such as [502, 503]";

impl EjectSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let failures = section.or(key::FAILURES, DEFAULT_FAILURES, count(1..=MAX_FAILURES));
        Self {
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            duration: section.or(key::FOR, DEFAULT_DURATION, duration(DURATIONS)),
            at_most: section.or(key::AT_MOST, DEFAULT_AT_MOST, share),
            on_status: section
                .list(key::ON_STATUS, EXPECTED_STATUSES, status(500..=599, EXPECTED_STATUSES))
                .unwrap_or_default(),
        }
    }

    pub(super) fn write(&self) -> Written {
        let failures = usize::try_from(self.failures).unwrap_or(MAX_FAILURES);
        let writer = Writer::default()
            .count(key::FAILURES, failures)
            .duration(key::FOR, self.duration)
            .value(key::AT_MOST, self.at_most.into());
        let statuses = (!self.on_status.is_empty()).then(|| statuses(&self.on_status));
        writer.optional_value(key::ON_STATUS, statuses).table()
    }
}

/// A part of all, from 0 to 1.
pub(super) fn share(node: &Node) -> Parsed<f64> {
    let share = match node.value {
        Value::Float(share) => Some(share),
        Value::Integer(0) => Some(0.0),
        Value::Integer(1) => Some(1.0),
        _ => None,
    };
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| node.mismatch("a part from 0.0 to 1.0, such as 0.5"))
}

/// One status.
pub(super) fn status(
    bounds: std::ops::RangeInclusive<u16>,
    expected: &'static str,
) -> impl Fn(&Node) -> Parsed<StatusCode> {
    move |node| {
        let code = match node.value {
            Value::Integer(code) => u16::try_from(code).ok(),
            _ => None,
        };
        let code = code.filter(|code| bounds.contains(code));
        code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(|| node.mismatch(expected))
    }
}

/// Writes a list of statuses.
pub(super) fn statuses(statuses: &[StatusCode]) -> Written {
    list_of(statuses.iter().map(|status| Written::Integer(status.as_u16().into())))
}
