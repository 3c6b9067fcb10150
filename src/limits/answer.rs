//! What answers say of limits: `RateLimit` and `RateLimit-Policy` as
//! draft-ietf-httpapi-ratelimit-headers-11 has them, and `Retry-After` (RFC 9110 §10.2.3).
//!
//! Both fields are lists, so that a service's own stay, and the limits of a route stand side by
//! side, each by its name.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};

use super::gcra::Gcra;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The unit of a quota that is no number of requests in a time (§3.1.2).
const CONCURRENT: &str = "concurrent-requests";

const NANOS: u64 = 1_000_000_000;

/// What an answer says of the limits of its route.
#[derive(Debug, Clone, Default)]
pub struct LimitAnswer {
    lines: Vec<(HeaderName, HeaderValue)>,
    /// In seconds.
    retry_after: Option<u64>,
}

/// How one limit describes itself.
#[derive(Debug)]
pub(super) struct LimitPolicy {
    name: Arc<str>,
    rate: Option<HeaderValue>,
    concurrency: Option<HeaderValue>,
}

impl LimitAnswer {
    /// Adds its lines, beside those that are there.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.lines {
            headers.append(name, value.clone());
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.retry_after.is_none()
    }

    pub(super) fn join(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.retry_after = self.retry_after.max(other.retry_after);
    }
}

impl LimitPolicy {
    /// `"NAME";q=BURST;w=SECONDS`: a client that keeps to it is not refused. The window is the time
    /// in which an empty bucket is full again.
    pub(super) fn new(name: &Arc<str>, rate: Option<Gcra>, concurrency: Option<u32>) -> Self {
        let of_rate = |rate: Gcra| {
            let window = seconds(rate.refill()).max(1);
            value(&format!("\"{name}\";q={};w={window}", rate.burst()))
        };
        let of_concurrency =
            |most: u32| value(&format!("\"{name}:concurrency\";q={most};qu=\"{CONCURRENT}\""));
        Self {
            name: Arc::clone(name),
            rate: rate.map(of_rate),
            concurrency: concurrency.map(of_concurrency),
        }
    }

    /// So many requests would pass right now, and the bucket is full again in so many nanoseconds.
    pub(super) fn passed(&self, remaining: u32, full_in: u64) -> LimitAnswer {
        self.of_rate(remaining, seconds(full_in))
    }

    /// The next request passes in so many nanoseconds.
    pub(super) fn refused(&self, wait: u64) -> LimitAnswer {
        let wait = seconds(wait).max(1);
        LimitAnswer { retry_after: Some(wait), ..self.of_rate(0, wait) }
    }

    /// As many as may be are under way. When one of them ends is unknown.
    pub(super) fn crowded(&self) -> LimitAnswer {
        let state = value(&format!("\"{}:concurrency\";r=0", self.name));
        let policy = self.concurrency.clone().map(|policy| (RATE_LIMIT_POLICY, policy));
        let lines = policy.into_iter().chain([(RATE_LIMIT, state)]).collect();
        LimitAnswer { lines, retry_after: Some(1) }
    }

    fn of_rate(&self, remaining: u32, reset: u64) -> LimitAnswer {
        let Some(policy) = &self.rate else {
            return LimitAnswer::default();
        };
        let state = value(&format!("\"{}\";r={remaining};t={reset}", self.name));
        let lines = vec![(RATE_LIMIT_POLICY, policy.clone()), (RATE_LIMIT, state)];
        LimitAnswer { lines, retry_after: None }
    }
}

/// Whole seconds, rounded up: a client that waits so long has waited long enough.
fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(NANOS)
}

/// A limit's name is of letters, digits, `-` and `_`.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn policy(rate: Option<Gcra>, concurrency: Option<u32>) -> LimitPolicy {
        LimitPolicy::new(&Arc::from("per-client"), rate, concurrency)
    }

    fn lines(answer: &LimitAnswer) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(RATE_LIMIT, HeaderValue::from_static("\"own\";r=1"));
        answer.apply(&mut headers);
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        headers.iter().map(line).collect()
    }

    #[test]
    fn a_passed_answer_says_what_is_left_beside_what_the_service_says() {
        let rate = Gcra::new(100, Duration::from_secs(1), 150);
        let answer = policy(Some(rate), None).passed(149, 1_400_000_000);
        assert_eq!(
            lines(&answer),
            [
                "ratelimit: \"own\";r=1",
                "ratelimit: \"per-client\";r=149;t=2",
                "ratelimit-policy: \"per-client\";q=150;w=2",
            ]
        );
    }

    #[test]
    fn a_refused_one_says_when_the_next_passes_in_whole_seconds() {
        let rate = Gcra::new(1, Duration::from_mins(1), 1);
        let answer = policy(Some(rate), None).refused(59_000_000_001);
        assert_eq!(
            lines(&answer)[1..],
            [
                "ratelimit: \"per-client\";r=0;t=60",
                "ratelimit-policy: \"per-client\";q=1;w=60",
                "retry-after: 60",
            ]
        );
    }

    #[test]
    fn concurrency_has_a_unit_of_its_own() {
        let answer = policy(None, Some(20)).crowded();
        assert_eq!(
            lines(&answer)[1..],
            [
                "ratelimit: \"per-client:concurrency\";r=0",
                "ratelimit-policy: \"per-client:concurrency\";q=20;qu=\"concurrent-requests\"",
                "retry-after: 1",
            ]
        );
        assert!(policy(None, Some(20)).passed(0, 0).is_empty());
    }
}
