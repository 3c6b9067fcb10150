//! For how long ids were kept, where a reload has made that longer.

use crate::clock::{UnixTime, seconds};

use super::ReplayLimits;

/// Tells which messages may have been used and forgotten already, though they are fresh by the
/// limits of today: an id is kept by the limits under which it was used, in memory and in Redis,
/// and a reload can make messages stay fresh for longer than that.
///
/// What was issued before such a reload therefore counts for as long as it did then. This refuses
/// nothing that was fresh by the earlier limits, and ends when no such message is fresh by the
/// present ones. At most one earlier span is kept: of several reloads in that time, the shortest.
#[derive(Debug, Default)]
pub(super) struct Retention {
    /// By the limits of the last check. Those of the last reload could be ones that were refused.
    current: Option<RetentionSpan>,
    earlier: Option<EarlierRetention>,
}

/// How long limits keep ids, in seconds.
#[derive(Debug, Clone, Copy)]
struct RetentionSpan {
    /// From a message's time of issue on: its window begins that much earlier at most.
    after_issue: i64,
    clock_skew: i64,
}

#[derive(Debug, Clone, Copy)]
struct EarlierRetention {
    /// The last time of issue of a message that was used by then.
    issued_through: UnixTime,
    after_issue: i64,
}

impl Retention {
    /// Where nothing was checked yet, what other replicas have used is kept by these limits.
    pub(super) fn begin(&mut self, limits: ReplayLimits) {
        self.current.get_or_insert_with(|| RetentionSpan::new(limits));
    }

    /// These are the limits of a check at that time.
    pub(super) fn observe(&mut self, limits: ReplayLimits, now: UnixTime) {
        let span = RetentionSpan::new(limits);
        if let Some(before) = self.current.replace(span)
            && before.after_issue < span.after_issue
        {
            let still_fresh =
                self.earlier.filter(|earlier| !earlier.is_over(span.after_issue, now));
            let shortest = still_fresh.map_or(i64::MAX, |earlier| earlier.after_issue);
            self.earlier = Some(EarlierRetention {
                issued_through: later(now, before.clock_skew),
                after_issue: before.after_issue.min(shortest),
            });
        }
    }

    /// Whether a message of that time may have been used and forgotten.
    pub(super) fn may_have_forgotten(&self, issued: UnixTime, now: UnixTime) -> bool {
        self.earlier.is_some_and(|earlier| {
            issued <= earlier.issued_through && later(issued, earlier.after_issue) < now
        })
    }
}

impl RetentionSpan {
    fn new(limits: ReplayLimits) -> Self {
        let clock_skew = seconds(limits.clock_skew);
        Self { after_issue: seconds(limits.window).saturating_sub(clock_skew), clock_skew }
    }
}

impl EarlierRetention {
    /// Whether no message that it is about can be fresh any more, if messages are for that long.
    fn is_over(self, fresh_for: i64, now: UnixTime) -> bool {
        later(self.issued_through, fresh_for) < now
    }
}

fn later(moment: UnixTime, seconds: i64) -> UnixTime {
    UnixTime(moment.0.saturating_add(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limits(window: u64, clock_skew: u64) -> ReplayLimits {
        ReplayLimits {
            window: Duration::from_secs(window),
            clock_skew: Duration::from_secs(clock_skew),
            max_entries: 10,
        }
    }

    /// After checks with these windows, skews and times.
    fn after(checks: &[(u64, u64, i64)]) -> Retention {
        let mut retention = Retention::default();
        for (window, clock_skew, now) in checks {
            retention.observe(limits(*window, *clock_skew), UnixTime(*now));
        }
        retention
    }

    fn forgets(retention: &Retention, issued: i64, now: i64) -> bool {
        retention.may_have_forgotten(UnixTime(issued), UnixTime(now))
    }

    #[test]
    fn s8_what_was_issued_before_a_longer_window_lasts_as_long_as_before() {
        let retention = after(&[(300, 0, 0), (3_600, 0, 60)]);
        for issued in [0, 60] {
            assert!(!forgets(&retention, issued, issued + 300), "{issued}");
            assert!(forgets(&retention, issued, issued + 301), "{issued}");
        }
        assert!(!forgets(&retention, 61, 3_600), "issued under the longer one");
    }

    #[test]
    fn s8_a_message_that_was_used_before_its_time_is_forgotten_that_much_earlier() {
        // By a clock that was ahead by 60 s: used at 100, and kept until 400.
        let retention = after(&[(300, 60, 100), (3_600, 0, 101)]);
        assert!(!forgets(&retention, 160, 400));
        assert!(forgets(&retention, 160, 401));
        assert!(forgets(&retention, 161, 402));
        assert!(!forgets(&retention, 162, 3_600));
        // A smaller tolerance lets a message be fresh for longer than its id is kept, too.
        assert!(forgets(&after(&[(600, 60, 100), (600, 0, 101)]), 160, 701));
    }

    #[test]
    fn equal_and_shorter_windows_refuse_nothing() {
        for checks in [&[(300, 0, 0)][..], &[(300, 0, 0), (300, 0, 9)], &[(300, 0, 0), (60, 0, 9)]]
        {
            assert!(!forgets(&after(checks), 0, 3_600), "{checks:?}");
        }
    }

    #[test]
    fn s8_of_several_windows_the_shortest_counts_while_its_messages_may_be_fresh() {
        let soon = after(&[(300, 0, 0), (600, 0, 60), (3_600, 0, 120)]);
        assert!(forgets(&soon, 60, 361));
        let late = after(&[(300, 0, 0), (600, 0, 60), (600, 0, 9_000), (3_600, 0, 9_000)]);
        assert!(!forgets(&late, 9_000, 9_600));
        assert!(forgets(&late, 9_000, 9_601));
    }

    #[test]
    fn s8_a_check_by_limits_that_are_about_to_end_counts() {
        let retention = after(&[(300, 0, 0), (3_600, 0, 60), (300, 0, 70), (3_600, 0, 80)]);
        assert!(forgets(&retention, 80, 381));
        assert!(!forgets(&retention, 81, 3_600));
    }
}
