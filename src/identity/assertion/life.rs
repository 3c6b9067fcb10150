//! How long an assertion is valid, and when it is replaced.

use crate::clock::UnixTime;

/// From when until when an assertion holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) issued: UnixTime,
    pub(super) expires: UnixTime,
}

/// The last part of its life in which an assertion is not sent any more: a fifth. Of the default
/// five minutes that leaves one to reach the service that checks it, which is also more than clocks
/// should differ; and at most a quarter more is signed than if every assertion were used up to its
/// end.
const LAST_PART: i64 = 5;

impl Life {
    /// Of an assertion that is made `now`: it never outlives its token.
    pub(super) fn new(now: UnixTime, lifetime: i64, token_ends: UnixTime) -> Self {
        let expires = UnixTime(now.0.saturating_add(lifetime)).min(token_ends);
        Self { issued: now, expires }
    }

    /// Whether to send an assertion of this life rather than make the other one, now. Near the
    /// token's expiry a new one would not last any longer.
    pub(super) fn is_good_beside(self, other: Self) -> bool {
        let now = other.issued;
        let left = self.expires.0.saturating_sub(now.0);
        let whole = self.expires.0.saturating_sub(self.issued.0);
        let is_young = left.saturating_mul(LAST_PART) >= whole;
        // Before it was made: the clock was set back, and it would be valid for too long.
        let is_made = self.issued <= now;
        is_made && left > 0 && (is_young || other.expires <= self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: UnixTime = UnixTime(i64::MAX);

    fn made_at(now: i64, ends: UnixTime) -> Life {
        Life::new(UnixTime(now), 300, ends)
    }

    #[test]
    fn it_lives_as_configured_and_never_longer_than_the_token() {
        assert_eq!(made_at(1000, NEVER).expires, UnixTime(1300));
        assert_eq!(made_at(1000, UnixTime(1299)).expires, UnixTime(1299));
        assert_eq!(Life::new(NEVER, 300, NEVER).expires, NEVER);
    }

    #[test]
    fn it_is_replaced_when_less_than_a_fifth_is_left() {
        let life = made_at(1000, NEVER);
        for (now, good) in [(1000, true), (1240, true), (1241, false), (1300, false), (9999, false)]
        {
            assert_eq!(life.is_good_beside(made_at(now, NEVER)), good, "{now}");
        }
    }

    #[test]
    fn one_that_could_not_live_longer_is_not_made() {
        let ends = UnixTime(1100);
        let life = made_at(1000, ends);
        for (now, good) in [(1000, true), (1085, true), (1099, true), (1100, false)] {
            assert_eq!(life.is_good_beside(made_at(now, ends)), good, "{now}");
        }
    }

    #[test]
    fn one_from_the_future_is_replaced() {
        assert!(!made_at(1000, NEVER).is_good_beside(made_at(999, NEVER)));
    }
}
