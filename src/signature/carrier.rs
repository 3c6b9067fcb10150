//! Where a request carries its signature.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    signature::settings::{SignatureSettings, key},
};

/// The headers that may carry the signature, of which exactly one has a value, exactly once
/// (threats S-6).
#[derive(Debug)]
pub(super) struct Carrier {
    headers: Vec<HeaderName>,
    scheme: Option<String>,
}

impl Carrier {
    pub(super) fn new(settings: &SignatureSettings) -> Self {
        Self { headers: settings.headers.clone(), scheme: settings.scheme.clone() }
    }

    /// The one signature. With a scheme, values of other schemes are ignored.
    pub(super) fn find<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Reason> {
        let values = self.headers.iter().flat_map(|name| headers.get_all(name));
        let mut found = values.filter_map(|value| self.signature_in(value));
        match (found.next(), found.next()) {
            (None, _) => Err(Reason::SignatureMissing),
            (Some(only), None) => only,
            (Some(_), Some(_)) => Err(Reason::SignatureMalformed),
        }
    }

    /// Adds a signature as the first of the headers.
    pub(super) fn carry(&self, headers: &mut HeaderMap, signature: &str) -> bool {
        let text = match &self.scheme {
            Some(scheme) => format!("{scheme} {signature}"),
            None => signature.to_owned(),
        };
        let (Some(name), Ok(value)) = (self.headers.first(), HeaderValue::try_from(text)) else {
            return false;
        };
        headers.insert(name.clone(), value);
        true
    }

    /// The refusal for what [`Carrier::find`] has found.
    #[cold]
    pub(super) fn cause(&self, reason: Reason) -> Cause {
        let fault = match reason {
            Reason::SignatureMissing => Fault::Missing,
            _ => Fault::Malformed,
        };
        let names = Excerpt::list(self.headers.iter().map(HeaderName::as_str));
        let expected = match &self.scheme {
            Some(scheme) => {
                let scheme = Excerpt::quoted(scheme);
                Excerpt::own(format_args!("exactly one in {names} with the scheme {scheme}"))
            }
            None => Excerpt::own(format_args!("exactly one in {names}")),
        };
        let subject = Subject::new(Part::Signature, fault).expected(expected);
        reason.about(subject.setting(key::HEADER))
    }

    fn signature_in<'h>(&self, value: &'h HeaderValue) -> Option<Result<&'h str, Reason>> {
        let Ok(text) = value.to_str() else {
            return Some(Err(Reason::SignatureMalformed));
        };
        let Some(scheme) = &self.scheme else {
            return Some(Ok(text));
        };
        let (found, rest) = text.split_once(' ')?;
        found.eq_ignore_ascii_case(scheme).then(|| Ok(rest.trim_start_matches(' ')))
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    fn found(
        scheme: Option<&str>,
        lines: &[(&'static str, &'static str)],
    ) -> Result<String, Reason> {
        let headers = vec![HeaderName::from_static("x-jws-signature"), AUTHORIZATION];
        let carrier = Carrier { headers, scheme: scheme.map(str::to_owned) };
        let lines = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut request = HeaderMap::new();
        lines.for_each(|(name, value)| {
            request.append(name, value);
        });
        carrier.find(&request).map(str::to_owned)
    }

    #[test]
    fn s6_there_is_exactly_one() {
        assert_eq!(found(None, &[]), Err(Reason::SignatureMissing));
        assert_eq!(found(None, &[("x-jws-signature", "a..b")]), Ok("a..b".to_owned()));
        let twice = [("x-jws-signature", "a..b"), ("x-jws-signature", "a..b")];
        assert_eq!(found(None, &twice), Err(Reason::SignatureMalformed));
        let in_both = [("x-jws-signature", "a..b"), ("authorization", "a..b")];
        assert_eq!(found(None, &in_both), Err(Reason::SignatureMalformed));
    }

    #[test]
    fn a_scheme_is_told_from_others_without_regard_to_case() {
        let jws = [("authorization", "Bearer x"), ("authorization", "jws  a..b")];
        assert_eq!(found(Some("JWS"), &jws), Ok("a..b".to_owned()));
        assert_eq!(found(Some("JWS"), &jws[..1]), Err(Reason::SignatureMissing));
        assert_eq!(found(Some("JWS"), &[("authorization", "JWS")]), Err(Reason::SignatureMissing));
    }
}
