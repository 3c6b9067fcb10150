//! Parsers of single values. Each error names what was found and what was expected.

use std::{collections::BTreeSet, net::IpAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;

use super::{
    nearest::nearest,
    node::{Node, Value},
    reader::Parsed,
};

/// The longest accepted text, in bytes: no sensible name, URL or claim value comes near.
const MAX_TEXT_BYTES: usize = 4096;

/// `true` or `false`.
pub(crate) fn switch(node: &Node) -> Parsed<bool> {
    match &node.value {
        Value::Bool(truth) => Ok(*truth),
        Value::Text(text) if node.is_interpolated() => {
            text.parse().map_err(|_| node.mismatch("true or false"))
        }
        _ => Err(node.mismatch("true or false")),
    }
}

/// A text that is not empty and holds neither control characters nor white space at its ends: most
/// of them are compared byte for byte with claims.
pub(crate) fn text(node: &Node) -> Parsed<String> {
    let Some(text) = node.as_text() else {
        return Err(node.mismatch("a text"));
    };
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(node.mismatch(&format!("a text of 1 to {MAX_TEXT_BYTES} bytes")));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(
            node.mismatch("a text without control characters and without white space at its ends")
        );
    }
    Ok(text.to_owned())
}

/// A text that a function of another room turns into something.
pub(crate) fn parsed<T, E: std::fmt::Display>(
    expected: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&Node) -> Parsed<T> {
    move |node| {
        let Some(text) = node.as_text() else {
            return Err(node.mismatch(expected));
        };
        parse(text).map_err(|error| format!("{} ({error})", node.mismatch(expected)))
    }
}

/// One of a closed set of keywords.
pub(crate) fn keyword<T: Copy>(
    keywords: &'static [(&'static str, T)],
) -> impl Fn(&Node) -> Parsed<T> {
    move |node| {
        let found = node.as_text();
        if let Some((_, value)) = keywords.iter().find(|(keyword, _)| Some(*keyword) == found) {
            return Ok(*value);
        }
        let known: Vec<String> =
            keywords.iter().map(|(keyword, _)| format!("{keyword:?}")).collect();
        Err(node.mismatch(&known.join(" or ")))
    }
}

/// A whole number.
pub(crate) fn count(bounds: RangeInclusive<usize>) -> impl Fn(&Node) -> Parsed<usize> {
    move |node| {
        let number = match &node.value {
            Value::Integer(integer) => usize::try_from(*integer).ok(),
            Value::Text(text) if node.is_interpolated() => text.parse().ok(),
            _ => None,
        };
        number.filter(|number| bounds.contains(number)).ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            node.mismatch(&format!("a whole number from {least} to {most}"))
        })
    }
}

/// A part of all, from 0 to 1.
pub(crate) fn fraction(node: &Node) -> Parsed<f64> {
    let part = match &node.value {
        Value::Float(part) => Some(*part),
        Value::Integer(0) => Some(0.0),
        Value::Integer(1) => Some(1.0),
        Value::Text(text) if node.is_interpolated() => text.parse().ok(),
        _ => None,
    };
    let part = part.filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| node.mismatch("a number from 0 to 1, such as 0.5"))
}

/// One of the statuses that `accepts` is true for (RFC 9110 §15).
pub(crate) fn status(
    accepts: impl Fn(u16) -> bool,
    expected: &'static str,
) -> impl Fn(&Node) -> Parsed<StatusCode> {
    move |node| {
        let code = match &node.value {
            Value::Integer(code) => u16::try_from(*code).ok(),
            Value::Text(text) if node.is_interpolated() => text.parse().ok(),
            _ => None,
        };
        let code = code.filter(|code| accepts(*code));
        code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(|| node.mismatch(expected))
    }
}

/// A number of bytes: `"64KiB"`, or a plain number.
pub(crate) fn size(bounds: RangeInclusive<usize>) -> impl Fn(&Node) -> Parsed<usize> {
    move |node| {
        let bytes = match &node.value {
            Value::Integer(integer) => usize::try_from(*integer).ok(),
            Value::Text(text) => {
                text.parse::<ByteSize>().ok().and_then(|size| usize::try_from(size.as_u64()).ok())
            }
            _ => None,
        };
        bytes.filter(|bytes| bounds.contains(bytes)).ok_or_else(|| {
            let (least, most) = (format_size(*bounds.start()), format_size(*bounds.end()));
            node.mismatch(&format!("a size from {least} to {most}, such as \"64KiB\""))
        })
    }
}

/// A span of time with its unit: `"10s"`, `"1h 30m"`.
pub(crate) fn duration(bounds: RangeInclusive<Duration>) -> impl Fn(&Node) -> Parsed<Duration> {
    move |node| {
        let span = node.as_text().and_then(|text| humantime::parse_duration(text).ok());
        span.filter(|span| bounds.contains(span)).ok_or_else(|| {
            let (least, most) = (format_duration(*bounds.start()), format_duration(*bounds.end()));
            let usual = Duration::from_secs(10);
            let example =
                format_duration(if bounds.contains(&usual) { usual } else { *bounds.end() });
            let with_unit = match node.value {
                Value::Integer(_) | Value::Float(_) => ", with its unit",
                _ => "",
            };
            node.mismatch(&format!(
                "a duration from {least} to {most}{with_unit}, such as \"{example}\""
            ))
        })
    }
}

/// A list of names, or `None` for the text `"any"`.
pub(crate) fn any_or_list(expected: &'static str) -> impl Fn(&Node) -> Parsed<Option<Vec<String>>> {
    let name = name("names only, or \"any\" without a list for all of them");
    move |node| match &node.value {
        Value::Text(any) if any == "any" => Ok(None),
        Value::List(list) if !list.is_empty() => {
            list.iter().map(&name).collect::<Parsed<Vec<String>>>().map(Some)
        }
        _ => Err(node.mismatch(expected)),
    }
}

/// A name in a list. `"any"` and `"*"` would count as names there, although all are meant: the
/// error names `instead`, which means all.
pub(crate) fn name(instead: &'static str) -> impl Fn(&Node) -> Parsed<String> {
    move |node| match text(node)? {
        all if stands_for_all(&all) => Err(format!(
            "found {all:?} in a list, where it would be a name like others; expected {instead}"
        )),
        name => Ok(name),
    }
}

/// Whether it is a common way to write "all".
pub(crate) fn stands_for_all(text: &str) -> bool {
    text == "*" || text.eq_ignore_ascii_case("any")
}

/// The name of a header, lower case.
pub(crate) fn header_name(node: &Node) -> Parsed<HeaderName> {
    const EXPECTED: &str = "the name of a header, such as \"x-auth-subject\"";
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| node.mismatch(EXPECTED))
}

/// A header name given as a table key.
pub(crate) fn header_named(name: &str) -> Parsed<HeaderName> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("{name:?} is not the name of a header"))
}

/// The value of a header: printable ASCII.
pub(crate) fn header_value(max_bytes: usize) -> impl Fn(&Node) -> Parsed<HeaderValue> {
    move |node| {
        let text = text(node)?;
        let value = HeaderValue::from_str(&text).ok().filter(|_| text.is_ascii());
        value.filter(|value| value.len() <= max_bytes).ok_or_else(|| {
            node.mismatch(&format!("at most {max_bytes} printable ASCII characters"))
        })
    }
}

/// A network without host bits, or a single address.
pub(crate) fn network(expected: &'static str) -> impl Fn(&Node) -> Parsed<IpNet> {
    move |node| {
        let text = node.as_text().ok_or_else(|| node.mismatch(expected))?;
        let network = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| node.mismatch(expected))?;
        if network.trunc() != network {
            let whole = network.trunc();
            return Err(node.mismatch(&format!("a network without host bits, such as \"{whole}\"")));
        }
        Ok(network)
    }
}

/// The path of a file or directory; a relative one is relative to the file that says it. Whether
/// it exists is not checked here.
pub(crate) fn path(node: &Node) -> Parsed<PathBuf> {
    let path = text(node).map(PathBuf::from)?;
    Ok(match &node.origin {
        Some(origin) => origin.source.resolve(&path),
        None => path,
    })
}

/// Names of what is configured elsewhere, and their values.
pub(crate) type Names<T> = Vec<(String, T)>;

/// The value of a name that is configured elsewhere.
pub(crate) fn reference<T: Copy>(
    what: &'static str,
    names: &Names<T>,
) -> impl Fn(&Node) -> Parsed<T> {
    move |node| {
        let Some(name) = node.as_text() else {
            return Err(node.mismatch(&format!("the name of {what}")));
        };
        if let Some((_, meant)) = names.iter().find(|(known, _)| known == name) {
            return Ok(*meant);
        }
        let known = || names.iter().map(|(known, _)| known.as_str());
        let hint = match nearest(name, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if names.is_empty() => "none is configured".to_owned(),
            None => format!("configured: {}", known().collect::<Vec<_>>().join(", ")),
        };
        Err(format!("found {name:?}, which is not the name of {what}; {hint}"))
    }
}

/// Its name.
pub(crate) fn name_of<T: Copy + PartialEq>(names: &Names<T>, meant: T) -> Option<&str> {
    names.iter().find(|(_, known)| *known == meant).map(|(name, _)| name.as_str())
}

/// What a user may call an upstream or an issuer: the name becomes a metric label and part of a
/// file name.
pub(crate) fn check_name(name: &str) -> Parsed<()> {
    const MAX_NAME_BYTES: usize = 64;
    let allowed = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(allowed) {
        return Err(format!(
            "the name {name:?} must be 1 to {MAX_NAME_BYTES} letters, digits, \"-\" or \"_\""
        ));
    }
    Ok(())
}

/// The first value that occurs twice.
pub(crate) fn first_duplicate<T: Ord>(values: &[T]) -> Option<&T> {
    let mut seen = BTreeSet::new();
    values.iter().find(|value| !seen.insert(*value))
}

/// A size as [`size`] reads it.
pub(crate) fn format_size(bytes: usize) -> String {
    const UNITS: &[(usize, &str)] = &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// A duration as [`duration`] reads it, in the largest unit that needs no fraction.
pub(crate) fn format_duration(span: Duration) -> String {
    const UNITS: &[(u64, &str)] = &[(86_400, "d"), (3_600, "h"), (60, "m")];
    if span.subsec_nanos() != 0 {
        return humantime::format_duration(span).to_string();
    }
    let seconds = span.as_secs();
    match UNITS.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_node(text: &str) -> Node {
        Node { origin: None, value: Value::Text(text.to_owned()) }
    }

    proptest! {
        #[test]
        fn a_size_is_read_as_it_is_written(bytes in 0_usize..=1 << 40) {
            let node = text_node(&format_size(bytes));
            prop_assert_eq!(size(0..=usize::MAX)(&node), Ok(bytes));
        }

        #[test]
        fn a_duration_is_read_as_it_is_written(millis in 0_u64..=1 << 40) {
            let span = Duration::from_millis(millis);
            let node = text_node(&format_duration(span));
            prop_assert_eq!(duration(Duration::ZERO..=Duration::MAX)(&node), Ok(span));
        }

        #[test]
        fn any_text_is_read_or_refused_with_what_was_expected(text in "\\PC{0,40}") {
            let node = text_node(&text);
            let bounds = Duration::from_secs(1)..=Duration::from_secs(9);
            match duration(bounds.clone())(&node) {
                Ok(span) => prop_assert!(bounds.contains(&span)),
                Err(message) => prop_assert!(message.contains("expected a duration from 1s to 9s")),
            }
            match size(1..=9)(&node) {
                Ok(bytes) => prop_assert!((1..=9).contains(&bytes)),
                Err(message) => prop_assert!(message.contains("expected a size from 1B to 9B")),
            }
        }
    }

    #[test]
    fn sizes_and_durations_as_people_write_them() {
        let size = |text: &str| size(0..=1 << 50)(&text_node(text)).ok();
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("64 KiB"), Some(65_536));
        assert_eq!(size("64kB"), Some(64_000));
        assert_eq!(size("100"), Some(100));
        assert_eq!(size("-1"), None);
        assert_eq!(size("99999999999999999999GiB"), None);
        let duration = |text: &str| duration(Duration::ZERO..=Duration::MAX)(&text_node(text)).ok();
        assert_eq!(duration("1h 30m"), Some(Duration::from_mins(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("10"), None);
        assert_eq!(duration("-1s"), None);
    }
}
