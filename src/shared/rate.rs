//! Rates that all replicas share: one script, one round trip, by the server's own clock.
//!
//! The state of a bucket is when it is full again, in microseconds (see `limits::gcra`). It carries
//! no MAC: any process that can write to the server can lift a limit or use it up, which is no more
//! than deleting entries does.

use redis::Cmd;

use super::metrics::OperationOutcome;

/// What a bucket may give.
#[derive(Debug)]
pub struct RateRule {
    /// Between two requests, in microseconds.
    interval: String,
    /// How far ahead of now a bucket may be full again, for a request to pass.
    most: String,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateAnswer {
    /// It passes, and the bucket is full again in so many microseconds.
    Passed {
        /// Microseconds.
        full_in: u64,
    },
    /// It does not, for so many microseconds.
    Refused {
        /// Microseconds.
        wait: u64,
    },
}

/// Two integers.
pub(super) const MAX_ANSWER_BYTES: usize = 256;

/// Times count from 2026, so that a double holds them to a hundredth of a microsecond for decades.
/// A state that lies further ahead than any can comes of a clock that was set back: the bucket
/// counts as empty from now on.
const SCRIPT: &str = "\
local time = redis.call('TIME')
local now = (time[1] - 1767225600) * 1000000 + time[2]
local interval, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local ahead = (tonumber(redis.call('GET', KEYS[1]) or '') or now) - now
local function save()
  local lasts = math.ceil(ahead / 1000) + 1
  redis.call('SET', KEYS[1], string.format('%.3f', now + ahead), 'PX', lasts)
end
if ahead < 0 then ahead = 0 end
if ahead > most + interval + 1 then
  ahead = most + interval
  save()
end
if ahead > most then return {0, math.ceil(ahead - most)} end
ahead = ahead + interval
save()
return {1, math.ceil(ahead)}";

impl RateRule {
    /// `interval` between two requests, in nanoseconds, and `burst` of them at once.
    pub fn new(interval: u64, burst: u32) -> Self {
        let most = interval.saturating_mul(u64::from(burst.saturating_sub(1)));
        Self { interval: micros(interval), most: micros(most) }
    }

    /// Takes one request from the bucket of that name.
    pub(super) fn command(&self, name: &str) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(SCRIPT).arg(1).arg(name).arg(&self.interval).arg(&self.most);
        command
    }
}

impl RateAnswer {
    pub(super) fn parse((passes, micros): (i64, i64)) -> Result<Self, OperationOutcome> {
        let micros = u64::try_from(micros).map_err(|_| OperationOutcome::Error)?;
        match passes {
            1 => Ok(Self::Passed { full_in: micros }),
            0 => Ok(Self::Refused { wait: micros }),
            _ => Err(OperationOutcome::Error),
        }
    }

    pub(super) fn outcome(self) -> OperationOutcome {
        match self {
            Self::Passed { .. } => OperationOutcome::Done,
            Self::Refused { .. } => OperationOutcome::Limited,
        }
    }
}

/// With three decimals.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1_000, nanos % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_told_in_microseconds() {
        let rule = RateRule::new(333_333_333, 4);
        assert_eq!((rule.interval.as_str(), rule.most.as_str()), ("333333.333", "999999.999"));
        assert_eq!(RateRule::new(1_000, 1).most, "0.000");
    }

    #[test]
    fn what_no_script_of_ours_answers_is_no_decision() {
        assert_eq!(RateAnswer::parse((1, 5)), Ok(RateAnswer::Passed { full_in: 5 }));
        assert_eq!(RateAnswer::parse((0, 5)), Ok(RateAnswer::Refused { wait: 5 }));
        for (passes, micros) in [(2, 5), (-1, 5), (1, -5)] {
            assert!(RateAnswer::parse((passes, micros)).is_err(), "{passes} {micros}");
        }
    }
}
