//! Time as a dependency: every rule that depends on the wall clock reads a [`Clock`], so that tests
//! can verify any token at its own time.

mod anchor;

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(crate) use self::anchor::{ClockAnchor, Expiry};

/// Seconds since 1970-01-01T00:00:00Z (RFC 7519 `NumericDate` without its fraction).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// The year 2500. A date farther from 1970 is rejected as malformed: one in milliseconds, or a
    /// language's largest integer, would never expire. Published tokens that are valid for two
    /// centuries stay within (threats C-15).
    pub const FARTHEST: Self = Self(16_725_225_600);

    /// The moment, if it is not beyond [`UnixTime::FARTHEST`] on either side of 1970.
    pub fn plausible(seconds: i64) -> Option<Self> {
        (-Self::FARTHEST.0..=Self::FARTHEST.0).contains(&seconds).then_some(Self(seconds))
    }

    /// The moment as RFC 3339 writes it, in UTC: `2027-01-15T08:00:00Z`. A time before 1970 or
    /// after 9999, the last year with this form, is written as the nearest possible one.
    pub fn to_rfc3339(self) -> String {
        const LAST: i64 = 253_402_300_799;
        let moment = OffsetDateTime::from_unix_timestamp(self.0.clamp(0, LAST)).ok();
        moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
    }

    /// The plausible moment of an RFC 3339 text, in any offset, without its fraction.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        // The library takes any character for the `T` of §5.6.
        const SEPARATOR: usize = "2027-01-15".len();
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let is_separated = text.as_bytes().get(SEPARATOR) == Some(&b'T');
        Self::plausible(moment.unix_timestamp()).filter(|_| is_separated)
    }
}

/// A span in whole seconds, to be added to a [`UnixTime`]; at most [`i64::MAX`].
pub(crate) fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// Where the wall-clock time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> UnixTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> UnixTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime(seconds(since_epoch))
    }
}

/// The present moment in nanoseconds since 1970, for the times of spans: nothing is decided by it.
#[cfg(feature = "otel")]
#[expect(clippy::disallowed_methods, reason = "a span says when it began")]
pub(crate) fn span_time() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// When a log line was written. Nothing is decided by it, so that it is the machine's time whatever
/// clock the rules have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineTime(OffsetDateTime);

impl LineTime {
    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "a line says when it was written")]
    pub(crate) fn now() -> Self {
        Self(SystemTime::now().into())
    }

    /// In UTC, with microseconds: `2027-01-15T08:00:00.000000Z`.
    pub(crate) fn to_rfc3339(self) -> String {
        let (date, time) = (self.0.date(), self.0.time());
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.microsecond()
        )
    }

    /// As the Common Log Format has it: `15/Jan/2027:08:00:00 +0000`.
    pub(crate) fn to_common_log(self) -> String {
        let (date, time) = (self.0.date(), self.0.time());
        let month = date.month().to_string();
        format!(
            "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000",
            date.day(),
            month.get(..3).unwrap_or(&month),
            date.year(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }
}

/// A clock that stays until it is set.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: UnixTime) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Sets the clock.
    pub fn set(&self, now: UnixTime) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock by that many seconds, backwards if negative.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_s_time_is_written_in_utc() {
        let at =
            LineTime(OffsetDateTime::from_unix_timestamp_nanos(1_800_000_000_012_345_678).unwrap());
        assert_eq!(at.to_rfc3339(), "2027-01-15T08:00:00.012345Z");
        assert_eq!(at.to_common_log(), "15/Jan/2027:08:00:00 +0000");
    }

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (UnixTime::FARTHEST.0, "2500-01-01T00:00:00Z"),
        ] {
            assert_eq!(UnixTime(seconds).to_rfc3339(), text);
            assert_eq!(UnixTime::parse_rfc3339(text), Some(UnixTime(seconds)), "{text}");
        }
    }

    #[test]
    fn moments_before_and_behind_the_calendar_are_written_as_its_ends() {
        for before in [-1, i64::MIN] {
            assert_eq!(UnixTime(before).to_rfc3339(), "1970-01-01T00:00:00Z");
        }
        assert_eq!(UnixTime(i64::MAX).to_rfc3339(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn only_rfc_3339_is_read() {
        let read = |text| UnixTime::parse_rfc3339(text).map(|moment| moment.0);
        for same in [
            "2027-01-15T08:00:00z",
            "2027-01-15T08:00:00.999999999Z",
            "2027-01-15T13:30:00+05:30",
            "2027-01-15T04:00:00-04:00",
            "2027-01-15T08:00:00-00:00",
        ] {
            assert_eq!(read(same), Some(1_800_000_000), "{same}");
        }
        for none in [
            "",
            "2027-01-15",
            "2027-01-15 08:00:00Z",
            "2027-01-15x08:00:00Z",
            "2027-01-15T08:00:00",
            "2027-01-15T08:00Z",
            "2027-01-15T08:00:00.Z",
            "2027-01-15T08:00:00+0530",
            "2027-01-15T08:00:00+24:00",
            "2027-01-15T08:00:00+05:60",
            "2027-02-29T08:00:00Z",
            "2027-13-15T08:00:00Z",
            "2027-01-15T24:00:00Z",
            "+2027-01-15T08:00:00Z",
            " 2027-01-15T08:00:00Z",
            "2027-01-15T08:00:00Z ",
            "2027-01-15T08:00:00Zé",
            "2500-01-01T00:00:01Z",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
