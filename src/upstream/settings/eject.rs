//! `eject`: when an endpoint is not used for a while.

use std::time::Duration;

use http::StatusCode;

use crate::config::{
    reader::Section,
    values::{count, duration, fraction, status},
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

const STATUSES: std::ops::RangeInclusive<u16> = 500..=599;
const EXPECTED_STATUSES: &str = "a list of statuses from 500 to 599, such as [502, 503]";

impl EjectSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let failures = section.or(key::FAILURES, DEFAULT_FAILURES, count(1..=MAX_FAILURES));
        Self {
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            duration: section.or(key::FOR, DEFAULT_DURATION, duration(DURATIONS)),
            at_most: section.or(key::AT_MOST, DEFAULT_AT_MOST, fraction),
            on_status: section
                .list(
                    key::ON_STATUS,
                    EXPECTED_STATUSES,
                    status(|code| STATUSES.contains(&code), EXPECTED_STATUSES),
                )
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

/// Writes a list of statuses.
pub(super) fn statuses(statuses: &[StatusCode]) -> Written {
    list_of(statuses.iter().map(|status| Written::Integer(status.as_u16().into())))
}
