//! The framing of a request's body, with only one interpretation.

use http::{
    HeaderMap, HeaderValue,
    header::{EXPECT, TRANSFER_ENCODING},
};

use crate::reason::Reason;

/// Refuses what hyper would read although there is more than one meaning for it (threats F-2).
pub(super) fn check(headers: &HeaderMap) -> Result<(), Reason> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !codings.next().is_none_or(is_chunked) || codings.next().is_some() {
        return Err(Reason::FramingNotAllowed);
    }
    let is_continue = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if !headers.get_all(EXPECT).iter().all(is_continue) {
        return Err(Reason::ExpectationNotSupported);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(fields: &[(&'static str, &'static str)]) -> Result<(), Reason> {
        let fields = fields.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        check(&fields.collect())
    }

    #[test]
    fn f2_a_transfer_coding_is_chunked_or_nothing() {
        for fields in
            [&[][..], &[("transfer-encoding", "chunked")], &[("transfer-encoding", "Chunked")]]
        {
            assert_eq!(verdict(fields), Ok(()), "{fields:?}");
        }
        for fields in [
            &[("transfer-encoding", "gzip, chunked")][..],
            &[("transfer-encoding", "identity")],
            &[("transfer-encoding", "")],
            &[("transfer-encoding", "chunked, chunked")],
            &[("transfer-encoding", "identity"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        ] {
            assert_eq!(verdict(fields), Err(Reason::FramingNotAllowed), "{fields:?}");
        }
    }

    #[test]
    fn an_expectation_is_100_continue_or_refused() {
        assert_eq!(verdict(&[("expect", "100-Continue")]), Ok(()));
        let other = verdict(&[("expect", "100-continue"), ("expect", "tea")]);
        assert_eq!(other, Err(Reason::ExpectationNotSupported));
    }
}
