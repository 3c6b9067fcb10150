//! The canonical path of a request in origin form.

use countersign::policy::CanonicalRequest;
use http::{HeaderMap, HeaderValue, Method, Uri, Version, header::HOST};

use super::percent::{decoded, decoded_fully, escapes};

/// A canonical path is its own canonical form, means what was sent, and means the same however
/// often it is decoded: nothing that decodes it can find a dot segment or another separator.
pub fn check(input: &[u8]) -> bool {
    let Some(path) = canonical(input) else { return false };
    let sent = input.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    assert_eq!(canonical(path.as_bytes()).as_deref(), Some(path.as_str()), "not idempotent");
    assert_eq!(segments(path.as_bytes()), segments(sent), "another path than the one sent");
    assert_is_canonical(&path);
    true
}

/// What holds of every canonical path.
pub(super) fn assert_is_canonical(path: &str) {
    assert!(path.starts_with('/'), "{path}");
    assert!(!path.contains("//"), "an empty segment: {path}");
    assert!(
        path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"#<>?[]^`{|}".contains(&byte))
    );
    assert!(escapes(path.as_bytes()).iter().all(|(value, upper)| *upper && !is_plain(*value)));
    let once = decoded(path.as_bytes());
    assert!(std::str::from_utf8(&once).is_ok(), "not UTF-8: {path}");
    assert_eq!(path.matches('%').count(), escapes(path.as_bytes()).len(), "a bare %: {path}");
    let meaning = decoded_fully(path.as_bytes());
    for separator in [b'/', b';', b'\\'] {
        let parts = |text: &[u8]| text.split(|byte| *byte == separator).count();
        assert_eq!(parts(&meaning), parts(&once), "a hidden separator: {path}");
    }
    assert!(!meaning.iter().any(u8::is_ascii_control), "a hidden control character: {path}");
    for segment in meaning.split(|byte| *byte == b'/') {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        assert!(!matches!(name, b"." | b".."), "a dot segment: {path}");
    }
}

/// What the segments stand for, empty ones left out. A slash at the end is an empty last one.
pub(super) fn segments(path: &[u8]) -> Vec<Vec<u8>> {
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    let mut meant = Vec::new();
    while let Some(segment) = segments.next() {
        if !segment.is_empty() || segments.peek().is_none() {
            meant.push(decoded(segment));
        }
    }
    meant
}

fn canonical(target: &[u8]) -> Option<String> {
    let target = Uri::try_from(target).ok().filter(|target| target.authority().is_none())?;
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("api.test"))]);
    let request = CanonicalRequest::new(&Method::GET, &target, Version::HTTP_11, &headers).ok()?;
    Some(request.path().to_owned())
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
