//! How old a signed message may be.

use std::time::Duration;

use crate::{
    clock::{UnixTime, seconds},
    json::{Json, Object},
    reason::{Cause, Excerpt, Fault, Reason},
    signature::settings::{FreshnessSettings, MessageField},
};

/// The compiled `freshness`.
#[derive(Debug)]
pub(super) struct Freshness(FreshnessSettings);

impl Freshness {
    pub(super) fn new(settings: FreshnessSettings) -> Self {
        Self(settings)
    }

    /// Checks the times in the header, before the body is read. Returns when the message was
    /// signed, if that is in the header.
    pub(super) fn check_header(
        &self,
        header: &Object,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, Cause> {
        self.check(now, |field| match field {
            MessageField::Parameter(name) => Some(header.get(name)),
            MessageField::Body(_) => None,
        })
    }

    /// Checks the times in the body, once it is known to be the signer's. Returns when the message
    /// was signed, if that is in the body.
    pub(super) fn check_body(&self, body: &Json, now: UnixTime) -> Result<Option<UnixTime>, Cause> {
        self.check(now, |field| match field {
            MessageField::Parameter(_) => None,
            MessageField::Body(place) => Some(place.find(body)),
        })
    }

    /// `look` returns nothing for a field in the other part.
    fn check<'v>(
        &self,
        now: UnixTime,
        look: impl Fn(&MessageField) -> Option<Option<&'v Json>>,
    ) -> Result<Option<UnixTime>, Cause> {
        let Self(settings) = self;
        let mut signed_at = None;
        if let Some(field) = &settings.issued
            && let Some(found) = look(field)
        {
            let issued = moment(found).ok_or_else(|| field_missing(field, found))?;
            if issued > later(now, settings.clock_skew) {
                return Err(untimely(field, issued, now, "freshness.clock_skew"));
            }
            if later(issued, settings.max_age + settings.clock_skew) < now {
                return Err(untimely(field, issued, now, "freshness.max_age"));
            }
            signed_at = Some(issued);
        }
        if let Some(field) = &settings.expires
            && let Some(found) = look(field)
        {
            let expires = moment(found).ok_or_else(|| field_missing(field, found))?;
            if later(expires, settings.clock_skew) <= now {
                return Err(untimely(field, expires, now, "freshness.clock_skew"));
            }
        }
        Ok(signed_at)
    }
}

/// The refusal of a message without a field that it must have, in a form that can be read.
#[cold]
pub(super) fn field_missing(field: &MessageField, found: Option<&Json>) -> Cause {
    let fault = if found.is_some() { Fault::Malformed } else { Fault::Missing };
    let found = found.map_or_else(|| "nothing".to_owned(), Json::kind);
    let found = Excerpt::own(format_args!("{found}"));
    Reason::SignatureFieldMissing.about(field.subject(fault).found(found))
}

/// The refusal of a message for its time, by that setting.
#[cold]
pub(super) fn untimely(
    field: &MessageField,
    at: UnixTime,
    now: UnixTime,
    setting: &'static str,
) -> Cause {
    let off = at.0.abs_diff(now.0);
    let (reason, fault, when) = if at > now {
        (Reason::SignatureIssuedInFuture, Fault::InFuture, "from now")
    } else {
        (Reason::SignatureExpired, Fault::InPast, "ago")
    };
    let found = Excerpt::own(format_args!("{}, {off} s {when}", at.0));
    reason.about(field.subject(fault).found(found).setting(setting))
}

/// Seconds since 1970, milliseconds where it can't be seconds, or RFC 3339.
fn moment(value: Option<&Json>) -> Option<UnixTime> {
    /// The year 5138 in seconds, and 1973 in milliseconds: OCEN writes the latter.
    const FIRST_MILLISECONDS: i128 = 100_000_000_000;
    match value? {
        Json::Integer(number) if number.get() >= FIRST_MILLISECONDS => {
            unix_time(number.get() / 1000)
        }
        Json::Integer(number) => unix_time(number.get()),
        #[expect(clippy::cast_possible_truncation, reason = "in range, and seconds suffice")]
        Json::Float(number) if (0.0..1e11).contains(number) => UnixTime::plausible(*number as i64),
        Json::String(text) => UnixTime::parse_rfc3339(text),
        _ => None,
    }
}

fn unix_time(number: i128) -> Option<UnixTime> {
    i64::try_from(number).ok().and_then(UnixTime::plausible)
}

fn later(moment: UnixTime, span: Duration) -> UnixTime {
    UnixTime(moment.0.saturating_add(seconds(span)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn freshness(issued: bool, expires: bool) -> Freshness {
        let field = |name: &str| Some(MessageField::Parameter(name.to_owned()));
        Freshness(FreshnessSettings {
            issued: field("iat").filter(|_| issued),
            max_age: Duration::from_mins(5),
            expires: field("exp").filter(|_| expires),
            clock_skew: Duration::from_mins(1),
        })
    }

    fn verdict(rule: &Freshness, header: &str) -> Result<(), Reason> {
        let verdict = rule.check_header(&Object::parse(header.as_bytes()).unwrap(), NOW);
        verdict.map(drop).map_err(|cause| cause.reason())
    }

    #[test]
    fn s8_a_message_is_good_from_its_time_on_and_for_its_age() {
        let rule = freshness(true, false);
        for (iat, expected) in [
            (NOW.0, Ok(())),
            (NOW.0 - 360, Ok(())),
            (NOW.0 - 361, Err(Reason::SignatureExpired)),
            (NOW.0 + 60, Ok(())),
            (NOW.0 + 61, Err(Reason::SignatureIssuedInFuture)),
            (UnixTime::FARTHEST.0, Err(Reason::SignatureIssuedInFuture)),
            (-UnixTime::FARTHEST.0, Err(Reason::SignatureExpired)),
        ] {
            assert_eq!(verdict(&rule, &format!(r#"{{"iat":{iat}}}"#)), expected, "{iat}");
        }
        let forever = format!(r#"{{"iat":{}}}"#, i64::MAX);
        for missing in ["{}", r#"{"iat":null}"#, r#"{"iat":"soon"}"#, r#"{"iat":[1]}"#, &forever] {
            assert_eq!(verdict(&rule, missing), Err(Reason::SignatureFieldMissing), "{missing}");
        }
    }

    #[test]
    fn s8_a_message_ends_when_it_says_so() {
        let rule = freshness(false, true);
        assert_eq!(verdict(&rule, &format!(r#"{{"exp":{}}}"#, NOW.0 - 59)), Ok(()));
        let ended = verdict(&rule, &format!(r#"{{"exp":{}}}"#, NOW.0 - 60));
        assert_eq!(ended, Err(Reason::SignatureExpired));
    }

    #[test]
    fn times_are_read_as_the_systems_write_them() {
        let read = |text: &str| moment(Some(&Json::parse(text.as_bytes()).unwrap()));
        for same in [
            "1800000000",
            "1800000000123",
            "1800000000.5",
            r#""2027-01-15T08:00:00Z""#,
            r#""2027-01-15T08:00:00.123Z""#,
            r#""2027-01-15T13:30:00+05:30""#,
            r#""2027-01-15T04:00:00-04:00""#,
        ] {
            assert_eq!(read(same), Some(NOW), "{same}");
        }
        for none in [
            r#""2027-01-15""#,
            r#""""#,
            r#""2027-01-15T08:00:00+99:99""#,
            "true",
            r#""é:00000""#,
            // Implausible: microseconds, and the largest integer.
            "1800000000123456",
            "9223372036854775807",
            "20000000000",
            r#""2600-01-01T00:00:00Z""#,
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
