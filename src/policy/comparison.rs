//! The one comparison of a value in a document with what the operator requires: of claims, of the
//! parameters of a signature's header, and of the fields of a registry's answer.
//!
//! A value equals a text if it is that text, or a number or truth value that is written so: `7`
//! equals the number 7 and the string `"7"`, `07` the string only. Nothing else equals anything:
//! no prefixes, patterns or regular expressions (threats C-13), and no `null`. Comparing allocates
//! nothing.

pub mod settings;

use std::fmt::{self, Write};

use crate::{
    identity::{ClaimPath, shown_claim},
    json::{Json, Object},
    reason::{Excerpt, Fault, Subject},
};

/// A claim that must equal, or contain, one of some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimComparison {
    /// The claim.
    pub claim: ClaimPath,
    /// The values that are accepted.
    pub any_of: Vec<String>,
}

/// What a single value must be. An array is rejected: whether all of its elements or one would have
/// to match depends on their meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredValue {
    /// One of these texts.
    AnyOf(Vec<String>),
    /// The value of a claim of the verified token.
    Claim(ClaimPath),
}

impl ClaimComparison {
    /// Whether the claim is an accepted value, or an array that holds one: in `groups` and `aud`,
    /// each element counts on its own.
    pub fn holds(&self, claims: &Object) -> bool {
        match self.claim.find(claims) {
            Some(Json::Array(values)) => values.iter().any(|value| equals_any(value, &self.any_of)),
            Some(value) => equals_any(value, &self.any_of),
            None => false,
        }
    }

    /// What is said where it does not hold.
    #[cold]
    pub fn unmet(&self, claims: &Object) -> Subject {
        let (name, found) = (self.claim.as_str(), self.claim.find(claims));
        let fault = if found.is_some() { Fault::NotAllowed } else { Fault::Missing };
        Subject::claim(name, fault)
            .found(shown_claim(name, found))
            .expected(Excerpt::list(self.any_of.iter().map(String::as_str)))
    }
}

impl RequiredValue {
    /// Whether what was found is what it must be; `claims` are those of the verified token.
    pub fn is_met_by(&self, found: Option<&Json>, claims: Option<&Object>) -> bool {
        let Some(found) = found else {
            return false;
        };
        match self {
            Self::AnyOf(texts) => equals_any(found, texts),
            Self::Claim(claim) => {
                let claimed = claims.and_then(|claims| claim.find(claims));
                claimed.is_some_and(|claimed| are_equal(found, claimed))
            }
        }
    }
}

fn equals_any(value: &Json, texts: &[String]) -> bool {
    texts.iter().any(|text| equals(value, text))
}

/// Whether two values of documents are equal: both are written in the same way.
fn are_equal(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::String(text), value) | (value, Json::String(text)) => equals(value, text),
        (Json::Bool(one), Json::Bool(other)) => one == other,
        (Json::Integer(one), Json::Integer(other)) => one == other,
        (Json::Float(one), Json::Float(other)) => one.to_bits() == other.to_bits(),
        _ => false,
    }
}

/// Whether a value equals a text.
pub fn equals(value: &Json, text: &str) -> bool {
    match value {
        Json::String(string) => string == text,
        Json::Bool(truth) => is_written(format_args!("{truth}"), text),
        Json::Integer(number) => is_written(format_args!("{number}"), text),
        // As `Json::to_text` writes it.
        Json::Float(number) => is_written(format_args!("{number:?}"), text),
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}

fn is_written(value: fmt::Arguments<'_>, text: &str) -> bool {
    let mut expected = Expected(text);
    expected.write_fmt(value).is_ok() && expected.0.is_empty()
}

/// What is still to be written of a text; whatever else is written is an error.
struct Expected<'t>(&'t str);

impl Write for Expected<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    fn by_claim(found: &str, claims: &str) -> bool {
        let required = RequiredValue::Claim(ClaimPath::parse("c").unwrap());
        let claims = Object::parse(claims.as_bytes()).unwrap();
        required.is_met_by(Some(&json(found)), Some(&claims))
    }

    #[test]
    fn c13_a_value_equals_the_text_that_it_is_written_as() {
        for (value, text) in [
            (r#""a""#, "a"),
            (r#""true""#, "true"),
            ("true", "true"),
            ("false", "false"),
            ("7", "7"),
            ("-7", "-7"),
            ("1.5", "1.5"),
            ("1.50", "1.5"),
            ("1e300", "1e300"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let found = json(value);
            assert!(equals(&found, text), "{value} {text}");
            assert_eq!(found.as_str().map_or_else(|| found.to_text(), str::to_owned), text);
        }
        for (value, text) in [
            (r#""a""#, "A"),
            (r#""a""#, "ab"),
            ("true", "t"),
            ("true", "true "),
            ("7", "07"),
            ("7", "+7"),
            ("7", "70"),
            ("70", "7"),
            ("7.0", "7"),
            ("7", "7.0"),
            ("1.5", "1.50"),
            ("-0.0", "0.0"),
            ("null", "null"),
            ("null", ""),
            ("[]", "[]"),
            (r#"["a"]"#, "a"),
            ("{}", "{}"),
        ] {
            assert!(!equals(&json(value), text), "{value} {text}");
        }
    }

    #[test]
    fn c13_values_of_two_documents_are_equal_if_they_are_written_in_the_same_way() {
        for (one, other) in [
            (r#""a""#, r#""a""#),
            ("true", "true"),
            ("true", r#""true""#),
            ("7", "7"),
            ("7", r#""7""#),
            ("1.5", r#""1.5""#),
            ("1.5", "1.50"),
        ] {
            assert!(by_claim(one, &format!(r#"{{"c":{other}}}"#)), "{one} {other}");
            assert!(by_claim(other, &format!(r#"{{"c":{one}}}"#)), "{other} {one}");
        }
        for (one, other) in [
            ("true", "false"),
            ("true", "1"),
            ("7", "7.0"),
            ("7", r#""07""#),
            (r#""a""#, r#"["a"]"#),
            (r#"["a"]"#, r#"["a"]"#),
            ("{}", "{}"),
            (r#""null""#, "null"),
            ("null", "null"),
            ("-0.0", "0.0"),
        ] {
            assert!(!by_claim(one, &format!(r#"{{"c":{other}}}"#)), "{one} {other}");
            assert!(!by_claim(other, &format!(r#"{{"c":{one}}}"#)), "{other} {one}");
        }
    }

    #[test]
    fn what_is_missing_meets_nothing() {
        let claim = RequiredValue::Claim(ClaimPath::parse("c").unwrap());
        let claims = Object::parse(br#"{"c":"a"}"#).unwrap();
        assert!(!claim.is_met_by(None, Some(&claims)));
        assert!(!claim.is_met_by(Some(&json(r#""a""#)), None));
        assert!(!claim.is_met_by(Some(&json(r#""a""#)), Some(&Object::default())));
        assert!(!RequiredValue::AnyOf(vec![String::new()]).is_met_by(None, None));
    }
}
