//! What is signed where a request has no body.

use std::borrow::Cow;

use http::Method;

use crate::{
    policy::CanonicalRequest,
    reason::Reason,
    signature::settings::{BodilessSettings, SignedPath},
};

/// How a request without a body is handled.
#[derive(Debug)]
pub(super) struct Bodiless(BodilessSettings);

impl Bodiless {
    pub(super) fn new(settings: &BodilessSettings) -> Self {
        Self(settings.clone())
    }

    /// What is signed instead of the body. A method that usually has a body and came without one
    /// is refused: the body may have been lost (threats S-10).
    pub(super) fn payload<'r>(
        &self,
        request: &'r CanonicalRequest,
    ) -> Result<Cow<'r, str>, Reason> {
        match &self.0 {
            BodilessSettings::Path(path) if !usually_has_body(request.method()) => {
                Ok(written(path, request.path(), request.target().query()))
            }
            BodilessSettings::Path(_) | BodilessSettings::Refused => Err(Reason::SignedBodyMissing),
        }
    }
}

fn usually_has_body(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS].contains(method)
}

fn written<'r>(rule: &SignedPath, path: &'r str, query: Option<&str>) -> Cow<'r, str> {
    let prefix = rule.prefix.as_deref().unwrap_or_default();
    // `/v1` is a beginning of `/v1/loans`, and not of `/v10`.
    let stripped = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
    let path = stripped.unwrap_or(path);
    match query.filter(|_| rule.with_query) {
        Some(query) => Cow::Owned(format!("{path}?{query}")),
        None => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(prefix: Option<&str>, with_query: bool, path: &str, query: Option<&str>) -> String {
        let rule = SignedPath { prefix: prefix.map(str::to_owned), with_query };
        written(&rule, path, query).into_owned()
    }

    #[test]
    fn a_prefix_is_left_out_where_it_is_one() {
        assert_eq!(signed(Some("/v1"), false, "/v1/loans/7", None), "/loans/7");
        for other in ["/v10/loans", "/loans/v1", "/v1"] {
            assert_eq!(signed(Some("/v1"), false, other, None), other);
        }
        assert_eq!(signed(None, false, "/v1/loans", None), "/v1/loans");
    }

    #[test]
    fn the_query_is_signed_where_the_rule_says_so() {
        assert_eq!(signed(Some("/v1"), true, "/v1/a", Some("b=c")), "/a?b=c");
        assert_eq!(signed(Some("/v1"), false, "/v1/a", Some("b=c")), "/a");
        assert_eq!(signed(None, true, "/a", None), "/a");
    }
}
