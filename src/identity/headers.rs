//! Claim headers: from the verified claims of a token to the headers that the upstream receives.

pub mod settings;

use std::sync::Arc;

use bytes::Bytes;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    ClaimPath,
    assertion::{AssertionSlot, Assertions},
};
use crate::{
    identity::headers::settings::ClaimHeaderSettings,
    json::Object,
    reason::{Excerpt, Fault, Part, Subject},
};

/// The compiled `[claims]`.
#[derive(Debug)]
pub struct ClaimHeaders {
    mapping: Vec<ClaimHeaderSettings>,
    /// Of all lines: those of a token that has every claim.
    names: Arc<[HeaderName]>,
    max_bytes: usize,
    assertions: Option<Arc<Assertions>>,
}

/// The header values of one token, ready to be set on any number of requests.
///
/// The values are marked as sensitive: `Debug` does not show them, and HTTP/2 keeps them out of its
/// compression tables. They are parts of one text, so that a token that was not used lately has one
/// place in memory with them and one reference count, not two places for each.
#[derive(Debug)]
pub struct RenderedHeaders {
    /// Of each value, shared with other tokens.
    names: Arc<[HeaderName]>,
    values: Box<[HeaderValue]>,
    /// Boxed: few configurations have one, and every token in a cache has room for it.
    assertion: Option<Box<AssertionSlot>>,
}

/// A claim that can't be written as a header: nested where a list is needed, or too long. It is
/// never truncated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrenderable {
    /// The header it was for.
    pub header: HeaderName,
    /// The first claim that the header is made from; an assertion is made from all.
    pub claim: Option<ClaimPath>,
    /// How long its value would be, if it has one.
    pub bytes: Option<usize>,
    /// The most bytes of a value.
    pub max_bytes: usize,
}

impl Unrenderable {
    /// What is said of it.
    #[cold]
    pub fn subject(&self) -> Subject {
        let header = Excerpt::quoted(self.header.as_str());
        let most = self.max_bytes;
        let subject = match &self.claim {
            Some(claim) => Subject::claim(claim.as_str(), Fault::Unsuitable),
            None => Subject::new(Part::Claims, Fault::Unsuitable),
        };
        match self.bytes {
            Some(bytes) => subject
                .found(Excerpt::own(format_args!("{bytes} bytes for header {header}")))
                .expected(Excerpt::own(format_args!("at most {most} bytes")))
                .setting("forwarding.max_header_bytes"),
            None => {
                subject.found(Excerpt::own(format_args!("a value that header {header} can't hold")))
            }
        }
    }
}

impl ClaimHeaders {
    /// Compiles the mapping. `max_bytes` bounds one header's value.
    pub fn compile(mapping: &[ClaimHeaderSettings], max_bytes: usize) -> Self {
        let names = mapping.iter().map(|line| line.header.clone()).collect();
        Self { mapping: mapping.to_vec(), names, max_bytes, assertions: None }
    }

    /// Adds a slot for an assertion, if assertions are configured.
    #[must_use]
    pub fn with_assertions(self, assertions: Option<Arc<Assertions>>) -> Self {
        Self { assertions, ..self }
    }

    /// Whether both make the same headers of the same claims.
    pub fn is_like(&self, other: &Self) -> bool {
        let settings = |it: &Self| it.assertions.as_ref().map(|it| it.settings().clone());
        self.mapping == other.mapping
            && self.max_bytes == other.max_bytes
            && settings(self) == settings(other)
    }

    /// The headers that these claims make. A claim that is missing, null or empty makes none: the
    /// upstream sees no header rather than an empty one (threats H-7). Of several names for one
    /// claim the first counts that is there and not null, whatever its value. `issuer` is the `iss`
    /// of the token, which its assertion names.
    pub fn render(&self, issuer: &str, claims: &Object) -> Result<RenderedHeaders, Unrenderable> {
        let mut lines = Vec::with_capacity(self.mapping.len());
        for line in &self.mapping {
            let text = self.text(line, claims)?;
            if !text.is_empty() {
                lines.push((line, text));
            }
        }
        let mut texts: Bytes = lines.iter().flat_map(|(_, text)| text.bytes()).collect();
        let values = lines.iter().map(|(line, text)| {
            let mut value = HeaderValue::from_maybe_shared(texts.split_to(text.len()))
                .map_err(|_| self.unrenderable(line, None))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let values = values.collect::<Result<_, _>>()?;
        let names = self.names_of(&lines);
        let assertions = self.assertions.as_ref();
        let assertion =
            assertions.map(|assertions| assertions.reserve(issuer, claims)).transpose()?;
        Ok(RenderedHeaders { names, values, assertion: assertion.map(Box::new) })
    }

    fn names_of(&self, lines: &[(&ClaimHeaderSettings, String)]) -> Arc<[HeaderName]> {
        if lines.len() == self.mapping.len() {
            return Arc::clone(&self.names);
        }
        lines.iter().map(|(line, _)| line.header.clone()).collect()
    }

    /// The header's value; empty if every claim is blank.
    fn text(&self, line: &ClaimHeaderSettings, claims: &Object) -> Result<String, Unrenderable> {
        let named = || line.claims.iter().filter_map(|claim| claim.find(claims));
        // A blank claim counts only if all the others are blank or missing.
        let Some(claim) = named().find(|claim| !claim.is_blank()).or_else(|| named().next()) else {
            return Ok(String::new());
        };
        match line.encoding.write(claim, line.text) {
            Ok(text) if text.len() <= self.max_bytes => Ok(text),
            Ok(text) => Err(self.unrenderable(line, Some(text.len()))),
            Err(_) => Err(self.unrenderable(line, None)),
        }
    }

    #[cold]
    fn unrenderable(&self, line: &ClaimHeaderSettings, bytes: Option<usize>) -> Unrenderable {
        Unrenderable {
            header: line.header.clone(),
            claim: line.claims.first().cloned(),
            bytes,
            max_bytes: self.max_bytes,
        }
    }
}

impl RenderedHeaders {
    /// Sets every header. The map must be clean (see [`super::Hygiene`]): a header whose claim is
    /// missing is not touched here.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in self.names.iter().zip(&self.values) {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Where the token's assertion is kept; it is not among the headers.
    pub fn assertion(&self) -> Option<&AssertionSlot> {
        self.assertion.as_deref()
    }

    /// Bytes that the headers take, for caches that are bounded by memory. Names are shared and not
    /// counted.
    pub fn memory(&self) -> usize {
        /// What `Bytes` allocates beside the text once it is shared.
        const SHARED: usize = 4 * size_of::<usize>();
        let texts: usize = self.values.iter().map(HeaderValue::len).sum();
        let assertion = self.assertion().map_or(0, AssertionSlot::memory);
        size_of::<Self>() + size_of_val(&*self.values) + SHARED + texts + assertion
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Encoding, TextForm};

    const ISSUER: &str = "https://idp.test";

    fn compile(lines: &[(&'static str, &str, Encoding)], max_bytes: usize) -> ClaimHeaders {
        let mapping: Vec<_> = lines
            .iter()
            .map(|(header, claim, encoding)| ClaimHeaderSettings {
                header: HeaderName::from_static(header),
                claims: claim.split('|').map(|name| ClaimPath::parse(name).unwrap()).collect(),
                encoding: *encoding,
                text: TextForm::default(),
            })
            .collect();
        ClaimHeaders::compile(&mapping, max_bytes)
    }

    fn claims(text: &str) -> Object {
        Object::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn h7_a_claim_makes_a_header_and_a_missing_one_makes_none() {
        let mapping = compile(
            &[
                ("x-auth-subject", "sub", Encoding::Csv),
                ("x-auth-roles", "/realm_access/roles", Encoding::Csv),
                ("x-auth-realm", "realm_access", Encoding::Json),
                ("x-auth-id", "id", Encoding::Csv),
                ("x-auth-name", "name", Encoding::Csv),
                ("x-auth-mail", "mail", Encoding::Csv),
                ("x-auth-none", "none", Encoding::Json),
            ],
            100,
        );
        let claims = claims(
            r#"{"sub":"alice","realm_access":{"roles":["a","b"]},"id":9007199254740993,"name":"","none":null}"#,
        );
        let rendered = mapping.render(ISSUER, &claims).unwrap();
        let mut headers = HeaderMap::new();
        rendered.apply(&mut headers);
        assert_eq!(headers.len(), 4);
        assert_eq!(headers["x-auth-subject"], "alice");
        assert_eq!(headers["x-auth-roles"], "a,b");
        assert_eq!(headers["x-auth-realm"], r#"{"roles":["a","b"]}"#);
        assert_eq!(headers["x-auth-id"], "9007199254740993");
    }

    #[test]
    fn of_several_names_the_first_that_says_something_counts() {
        let mapping = compile(&[("x-auth-purpose", "pur|purpose", Encoding::Csv)], 100);
        let header = |text: &str| {
            let mut headers = HeaderMap::new();
            mapping.render(ISSUER, &claims(text)).unwrap().apply(&mut headers);
            headers.get("x-auth-purpose").map(|value| value.to_str().unwrap().to_owned())
        };
        for (claims, expected) in [
            (r#"{"purpose":"old","pur":"new"}"#, Some("new")),
            (r#"{"purpose":"old"}"#, Some("old")),
            (r#"{"pur":null,"purpose":"old"}"#, Some("old")),
            (r#"{"pur":"","purpose":"old"}"#, Some("old")),
            (r#"{"pur":[],"purpose":""}"#, None),
            ("{}", None),
        ] {
            assert_eq!(header(claims).as_deref(), expected, "{claims}");
        }
    }

    #[test]
    fn h6_a_value_that_is_too_long_is_refused_not_cut() {
        let mapping = compile(&[("x-a", "a", Encoding::Csv)], 6);
        assert!(mapping.render(ISSUER, &claims(r#"{"a":"123456"}"#)).is_ok());
        let refused = |claims_text| {
            let refused = mapping.render(ISSUER, &claims(claims_text)).unwrap_err();
            assert_eq!(refused.header, "x-a");
            refused.bytes
        };
        assert_eq!(refused(r#"{"a":"1234567"}"#), Some(7));
        // It is the written form that counts.
        assert_eq!(refused(r#"{"a":"äää"}"#), Some(18));
        assert_eq!(refused(r#"{"a":{}}"#), None);
    }

    #[test]
    fn o2_values_stay_out_of_debug_output() {
        let mapping = compile(&[("x-a", "a", Encoding::Csv)], 100);
        let rendered = mapping.render(ISSUER, &claims(r#"{"a":"personal"}"#)).unwrap();
        assert!(!format!("{rendered:?}").contains("personal"));
    }

    #[test]
    fn memory_counts_the_values() {
        let mapping = compile(&[("x-a", "a", Encoding::Csv)], 10_000);
        let memory = |a: &str| {
            mapping.render(ISSUER, &claims(&format!(r#"{{"a":"{a}"}}"#))).unwrap().memory()
        };
        assert_eq!(memory(&"a".repeat(1001)) - memory("a"), 1000);
        assert!(memory("a") > size_of::<HeaderValue>());
    }
}
