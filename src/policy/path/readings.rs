//! Every reading of a path that is forwarded as it came: what some upstream, or a proxy before it,
//! may take it for.
//!
//! Upstreams decode once or twice, before or after they cut parameters off, take a backslash for a
//! slash, merge empty segments. So the steps are applied in any order until nothing further turns
//! up. A path may only be kept if its route is the same in all of them.

use std::borrow::Cow;

use super::{decoded, escape};
use crate::policy::NotCanonical;

/// What all readings of one path may take; it bounds what a request can cost. Object names of cloud
/// storages have 1,024 bytes, three times as many escaped: twenty readings of them fit.
const MAX_BYTES: usize = 64 * 1024;

/// More than honest paths have, by far.
const MAX_READINGS: usize = 64;

type Step = fn(&[u8]) -> Option<Vec<u8>>;

/// What is done to a path on its way. Each returns `None` for a path that it leaves as it is.
const STEPS: [Step; 8] = [
    decode,
    backslashes_as_slashes,
    escaped_backslashes_as_slashes,
    without_parameters,
    without_escaped_parameters,
    without_empty_segments,
    without_line_breaks,
    without_authority,
];

/// The readings of a path, the path itself first. An error if one of them holds what no upstream
/// must be given.
pub(in crate::policy) fn readings(path: &str) -> Result<Vec<Vec<u8>>, NotCanonical> {
    let mut found = vec![path.as_bytes().to_vec()];
    let mut next = 0;
    while let Some(reading) = found.get(next) {
        check(reading)?;
        for other in STEPS.iter().filter_map(|step| step(reading)).collect::<Vec<_>>() {
            if !found.contains(&other) {
                found.push(other);
            }
        }
        // No step makes a path longer.
        if found.len() > MAX_READINGS || found.len() * path.len() > MAX_BYTES {
            return Err(NotCanonical::Ambiguous);
        }
        next += 1;
    }
    Ok(found)
}

/// No route is for these, whatever it keeps: a dot segment leaves the route's tree, NUL ends the
/// path for an upstream with C strings, and an overlong form of a character is that character to
/// an upstream with a lenient decoder.
fn check(reading: &[u8]) -> Result<(), NotCanonical> {
    if reading.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b"..")) {
        return Err(NotCanonical::DotSegment);
    }
    if reading.contains(&0) {
        return Err(NotCanonical::EncodedControl);
    }
    if !reading.is_ascii() && reading.windows(2).any(is_overlong) {
        return Err(NotCanonical::EncodedNotUtf8);
    }
    Ok(())
}

/// Whether a sequence begins that encodes a character in more bytes than it takes (RFC 3629 §3).
fn is_overlong(bytes: &[u8]) -> bool {
    matches!(bytes, [0xc0 | 0xc1, 0x80..=0xbf] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f])
}

fn decode(path: &[u8]) -> Option<Vec<u8>> {
    match decoded(path) {
        Cow::Owned(decoded) if decoded != path => Some(decoded),
        _ => None,
    }
}

fn backslashes_as_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let slash = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
    path.contains(&b'\\').then(|| path.iter().map(slash).collect())
}

/// As an upstream does it that leaves other escapes as they are.
fn escaped_backslashes_as_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match escape(rest) {
            Some((b'\\', after)) => (b'/', after),
            _ => (byte, after),
        };
        out.push(byte);
        rest = after;
    }
    changed(path, out)
}

fn without_parameters(path: &[u8]) -> Option<Vec<u8>> {
    path.contains(&b';').then(|| each_segment(path, |rest| rest.starts_with(b";")))
}

/// As an upstream does it that decodes before.
pub(super) fn without_escaped_parameters(path: &[u8]) -> Option<Vec<u8>> {
    let is_escaped = |rest: &[u8]| rest.get(..3).is_some_and(|it| it.eq_ignore_ascii_case(b"%3b"));
    let is_either = |rest: &[u8]| rest.starts_with(b";") || is_escaped(rest);
    if !path.contains(&b';') && !path.windows(3).any(is_escaped) {
        return None;
    }
    Some(each_segment(path, is_either))
}

/// The path with each segment up to where its parameters begin.
fn each_segment(path: &[u8], begins: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut is_name = true;
    for (at, byte) in path.iter().enumerate() {
        is_name = *byte == b'/' || (is_name && !path.get(at..).is_some_and(&begins));
        if is_name {
            out.push(*byte);
        }
    }
    out
}

pub(super) fn without_empty_segments(path: &[u8]) -> Option<Vec<u8>> {
    if !path.windows(2).any(|pair| pair == b"//") {
        return None;
    }
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        if !(*byte == b'/' && out.last() == Some(&b'/')) {
            out.push(*byte);
        }
    }
    changed(path, out)
}

/// As parsers of URLs that follow WHATWG's standard do it.
fn without_line_breaks(path: &[u8]) -> Option<Vec<u8>> {
    let is_dropped = |byte: &u8| matches!(byte, b'\t' | b'\r' | b'\n');
    let is_kept = |byte: &u8| !is_dropped(byte);
    path.iter().any(is_dropped).then(|| path.iter().copied().filter(is_kept).collect())
}

/// What is left where `//name/path` is taken for a host and a path (RFC 3986 §4.2).
fn without_authority(path: &[u8]) -> Option<Vec<u8>> {
    let behind = path.strip_prefix(b"//")?;
    let end = behind.iter().position(|byte| *byte == b'/');
    Some(end.and_then(|end| behind.get(end..)).unwrap_or(b"/").to_vec())
}

fn changed(path: &[u8], other: Vec<u8>) -> Option<Vec<u8>> {
    (other != path).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str) -> Vec<String> {
        let readings = readings(path).unwrap().into_iter();
        readings.map(|reading| String::from_utf8_lossy(&reading).into_owned()).collect()
    }

    #[test]
    fn p1_a_path_is_read_in_every_way_that_it_can_be() {
        assert_eq!(texts("/a/b"), ["/a/b"]);
        assert_eq!(texts("/a%2Fb"), ["/a%2Fb", "/a/b"]);
        assert_eq!(texts("/a%5cb"), ["/a%5cb", "/a\\b", "/a/b"]);
        let mixed = texts("/a%2Fb%5Cc");
        assert!(mixed.contains(&"/a%2Fb/c".to_owned()), "{mixed:?}");
        assert_eq!(texts("/a%252Fb"), ["/a%252Fb", "/a%2Fb", "/a/b"]);
        assert_eq!(texts("/a//b"), ["/a//b", "/a/b"]);
        assert_eq!(texts("//a/b"), ["//a/b", "/a/b", "/b"]);
        assert_eq!(texts("/%2Fa"), ["/%2Fa", "//a", "/a", "/"]);
        assert_eq!(texts("/a%0Ab"), ["/a%0Ab", "/a\nb", "/ab"]);
        // A `;` that is uncovered ends a name, and one that was there ended it before.
        assert_eq!(texts("/a%3bx%2Fb"), ["/a%3bx%2Fb", "/a;x/b", "/a", "/a/b"]);
        // An upstream that cuts at `;` may leave `%3B`.
        assert!(texts("/;x/%3B/y").contains(&"/%3B/y".to_owned()));
    }

    #[test]
    fn p1_what_no_reading_may_hold() {
        use NotCanonical::*;
        for (path, why) in [
            ("/a%2F..", DotSegment),
            ("/a%2F..%2Fb", DotSegment),
            ("/a%5C..%5Cb", DotSegment),
            ("/a/%252e%252e/b", DotSegment),
            ("/a/..%253bx/b", DotSegment),
            ("/a/.%0A./b", DotSegment),
            ("/a%2F..;x", DotSegment),
            ("//a/..", DotSegment),
            ("/a%00", EncodedControl),
            ("/a%2500", EncodedControl),
            ("/%c0%ae%c0%ae/", EncodedNotUtf8),
            ("/%e0%80%af", EncodedNotUtf8),
            ("/%f0%80%80%af", EncodedNotUtf8),
        ] {
            assert_eq!(readings(path), Err(why), "{path}");
        }
        assert_eq!(texts("/caf%E9").len(), 2, "Latin-1 is nothing of these");
    }

    #[test]
    fn p1_readings_are_bounded_in_number_and_length() {
        let nested = format!("/a%{}2Fb", "25".repeat(MAX_READINGS));
        assert_eq!(readings(&nested), Err(NotCanonical::Ambiguous));
        let long = format!("/{}%2F", "a".repeat(MAX_BYTES / 2));
        assert_eq!(readings(&long), Err(NotCanonical::Ambiguous));
        // Each step has something to do here, decoding twice.
        assert_eq!(texts("/a%2Fb%5Cc%0Ad%253be//f;g").len(), 48);
    }
}
