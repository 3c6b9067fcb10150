//! The two header fields that schedule the next fetch.

use std::time::Duration;

use http::{
    HeaderMap,
    header::{CACHE_CONTROL, RETRY_AFTER},
};

/// `max-age` of `Cache-Control` (RFC 9111 §5.2.2.1); `None` also where the answer must not be
/// stored: then it has no freshness of its own. Of several, the smallest.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    let mut least: Option<u64> = None;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return None;
        }
        if name.eq_ignore_ascii_case("max-age") {
            let seconds = seconds(value.trim_matches('"'));
            least = least.into_iter().chain(seconds).min();
        }
    }
    least.map(Duration::from_secs)
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). Its date form is not read: sources that limit
/// rates send seconds, and the backoff bounds the rest.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds(value.trim()).map(Duration::from_secs)
}

/// What a number of seconds counts as that is too large to hold.
const LONGEST: u64 = 1 << 31;

/// Delta seconds: digits only. A number too large to hold counts as 2^31 (RFC 9111 §1.2.2).
fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn age(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CACHE_CONTROL, HeaderValue::from_str(value).unwrap());
        }
        max_age(&headers).map(|age| age.as_secs())
    }

    #[test]
    fn max_age_is_found_among_other_directives() {
        assert_eq!(age(&["public, max-age=600, must-revalidate"]), Some(600));
        assert_eq!(age(&["public", "Max-Age=\"60\""]), Some(60));
        assert_eq!(age(&["max-age=600", "max-age=60"]), Some(60));
        assert_eq!(age(&["max-age=99999999999999999999999"]), Some(LONGEST));
    }

    #[test]
    fn no_max_age_where_there_is_none_or_none_that_counts() {
        for value in
            ["", "public", "max-age", "max-age=", "max-age=-1", "max-age=1.5", "s-maxage=9"]
        {
            assert_eq!(age(&[value]), None, "{value}");
        }
        assert_eq!(age(&["max-age=600, no-store"]), None);
        assert_eq!(age(&["max-age=600", "no-cache"]), None);
    }

    #[test]
    fn retry_after_is_read_in_seconds_only() {
        let read = |value: &str| {
            let headers =
                HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).unwrap())]);
            retry_after(&headers)
        };
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert_eq!(read("-1"), None);
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_panic(value in "[ -~]{0,60}") {
            let _ = age(&[&value]);
        }

        #[test]
        fn any_max_age_is_found(seconds in 0_u64..1_000_000_000, before in "[a-z]{1,9}") {
            prop_assume!(before != "max-age");
            prop_assert_eq!(age(&[&format!("{before}, max-age={seconds}")]), Some(seconds));
        }
    }
}
