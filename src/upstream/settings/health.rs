//! `[upstreams.NAME.health]`: requests of our own that find out whether an endpoint works.

use std::time::Duration;

use http::{StatusCode, uri::PathAndQuery};

use crate::config::{
    node::Node,
    reader::{Parsed, Section},
    values::{duration, format_duration, status},
    writer::{Writer, Written},
};

use super::{eject::statuses, key};

/// `[upstreams.NAME.health]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSettings {
    /// The path of the request, with its query if it has one.
    pub path: PathAndQuery,
    /// Between two checks of an endpoint.
    pub interval: Duration,
    /// From connecting to the head of the answer.
    pub timeout: Duration,
    /// Which answers are good.
    pub expect: Vec<StatusCode>,
}

/// An endpoint that is gone is found out within two intervals; nginx has the same.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// What takes longer than that does not work.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_hours(1);
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_mins(1);

const EXPECTED_PATH: &str = "a path such as \"/healthz\"";
/// Those that end an exchange.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;
const EXPECTED_STATUSES: &str = "a list of statuses from 200 to 599, such as [200, 204]";

impl HealthSettings {
    /// `None` without the section: no checks.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let path = section.required(key::PATH, EXPECTED_PATH, path);
        let interval = section.or(key::INTERVAL, DEFAULT_INTERVAL, duration(INTERVALS));
        let timeout = section.or(key::TIMEOUT, DEFAULT_TIMEOUT.min(interval), duration(TIMEOUTS));
        if timeout > interval {
            let message = format!(
                "found {}; expected no more than {} ({})",
                format_duration(timeout),
                key::INTERVAL,
                format_duration(interval)
            );
            section.mistake(key::TIMEOUT, message);
        }
        let good = status(|code| STATUSES.contains(&code), EXPECTED_STATUSES);
        let expect = section.list(key::EXPECT, EXPECTED_STATUSES, good);
        Some(Self {
            path: path?,
            interval,
            timeout,
            expect: expect.unwrap_or_else(|| vec![StatusCode::OK]),
        })
    }

    pub(super) fn write(&self) -> Written {
        Writer::default()
            .text(key::PATH, &self.path)
            .duration(key::INTERVAL, self.interval)
            .duration(key::TIMEOUT, self.timeout)
            .value(key::EXPECT, statuses(&self.expect))
            .table()
    }
}

fn path(node: &Node) -> Parsed<PathAndQuery> {
    let text = node.as_text().filter(|text| text.starts_with('/') && !text.contains('#'));
    let path = text.and_then(|text| text.parse().ok());
    path.ok_or_else(|| node.mismatch(EXPECTED_PATH))
}
