//! `"100/s"`: a number of requests in a period.

use std::{fmt, time::Duration};

use crate::{
    config::{node::Node, reader::Parsed},
    limits::gcra::Gcra,
};

/// So many requests in each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Never zero.
    pub requests: u32,
    /// The period.
    pub per: Period,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// `/s`
    Second,
    /// `/m`
    Minute,
    /// `/h`
    Hour,
}

/// More a second than one process forwards.
const MAX_REQUESTS: u32 = 1_000_000;

const PERIODS: &[(&str, Period)] =
    &[("s", Period::Second), ("m", Period::Minute), ("h", Period::Hour)];

const EXPECTED: &str =
    "a rate such as \"100/s\", \"600/m\" or \"1000/h\", of 1 to 1000000 requests";

impl Rate {
    /// The rule of this rate with that burst.
    pub(in crate::limits) fn rule(self, burst: u32) -> Gcra {
        Gcra::new(self.requests, self.per.length(), burst)
    }
}

impl Period {
    fn length(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = PERIODS.iter().find(|(_, period)| *period == self.per);
        write!(f, "{}/{}", self.requests, unit.map_or("", |(unit, _)| unit))
    }
}

pub(super) fn rate(node: &Node) -> Parsed<Rate> {
    node.as_text().and_then(parse).ok_or_else(|| node.mismatch(EXPECTED))
}

fn parse(text: &str) -> Option<Rate> {
    let (requests, unit) = text.split_once('/')?;
    let (_, per) = PERIODS.iter().find(|(known, _)| *known == unit)?;
    // `parse` would take a sign.
    let is_plain = requests.bytes().all(|byte| byte.is_ascii_digit());
    let requests = requests.parse().ok().filter(|_| is_plain)?;
    (1..=MAX_REQUESTS).contains(&requests).then_some(Rate { requests, per: *per })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for text in ["1/s", "600/m", "1000000/h"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "1", "/s", "0/s", "-1/s", "+1/s", "1/d", "1/S", "1 /s", "1000001/s"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
