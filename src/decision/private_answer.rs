//! Answers to requests with a credential in their URL (RFC 6750 §2.3).

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, REFERRER_POLICY},
};

/// The answer is for one caller, and what the page loads next must not name its URL. The service
/// does not know that there was a credential, so its own policy on referrers does not count.
pub(super) fn protect(status: StatusCode, headers: &mut HeaderMap) {
    if status.is_informational() {
        return;
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let is_private = |value: &HeaderValue| {
        let mut directives = value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        directives.any(|directive| [&b"private"[..], b"no-store"].contains(&directive))
    };
    if !headers.get_all(CACHE_CONTROL).iter().any(is_private) {
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t25_a_shared_cache_keeps_no_answer_to_a_url_with_a_token() {
        for (given, expected) in [
            (&[][..], &["private"][..]),
            (&["max-age=60"], &["max-age=60", "private"]),
            (&["public, max-age=60"], &["public, max-age=60", "private"]),
            (&["max-age=60, private"], &["max-age=60, private"]),
            (&["no-store"], &["no-store"]),
            // Only some fields are private there.
            (&["private=\"x-a\""], &["private=\"x-a\"", "private"]),
        ] {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(CACHE_CONTROL, HeaderValue::from_str(value).unwrap());
            }
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("unsafe-url"));
            protect(StatusCode::OK, &mut headers);
            assert!(headers.get_all(CACHE_CONTROL).iter().eq(expected.iter()), "{headers:?}");
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        }
    }
}
