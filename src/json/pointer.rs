//! JSON pointers (RFC 6901): the way to one value of a document.

use std::fmt;

use super::{Json, Object};

/// A pointer that leads into a document: `/data`, `/keys/0`. In a step, `~1` is a slash and `~0` a
/// tilde; a number picks an array element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JsonPointer {
    text: String,
    /// Unescaped; at least one.
    steps: Vec<String>,
}

/// Why a text is no pointer into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonPointerError {
    /// It does not start with a slash.
    #[error("a JSON pointer starts with `/`")]
    Start,
    /// A tilde that is neither `~0` nor `~1`.
    #[error("in a JSON pointer, `~` is written `~0` and `/` is written `~1`")]
    Escape,
    /// Control characters, which no sane name has.
    #[error("a JSON pointer holds no control characters")]
    Control,
}

impl JsonPointer {
    /// Parses. The empty pointer, the whole document, is rejected.
    pub fn parse(text: &str) -> Result<Self, JsonPointerError> {
        if text.chars().any(char::is_control) {
            return Err(JsonPointerError::Control);
        }
        let steps = text.strip_prefix('/').ok_or(JsonPointerError::Start)?;
        let steps = steps.split('/').map(unescape).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value it leads to.
    pub fn find<'j>(&self, document: &'j Json) -> Option<&'j Json> {
        self.steps.iter().try_fold(document, |value, step| enter(value, step))
    }

    /// Whether it leads to a `null`, for the few who take one that is written for more than an
    /// absence.
    pub fn leads_to_null(&self, document: &Json) -> bool {
        let Some((last, way)) = self.steps.split_last() else {
            return false;
        };
        match way.iter().try_fold(document, |value, step| enter(value, step)) {
            Some(Json::Object(object)) => object.is_null(last),
            Some(Json::Array(array)) => index(last).and_then(|i| array.get(i)) == Some(&Json::Null),
            _ => false,
        }
    }

    /// Finds the value in a document that is an object.
    pub fn find_in<'j>(&self, document: &'j Object) -> Option<&'j Json> {
        let (first, rest) = self.steps.split_first()?;
        rest.iter().try_fold(document.get(first)?, |value, step| enter(value, step))
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn enter<'j>(value: &'j Json, step: &str) -> Option<&'j Json> {
    match value {
        Json::Object(object) => object.get(step),
        Json::Array(array) => element(array, step),
        _ => None,
    }
}

/// The array element that a step picks. Like a member, it is none if it is `null`.
fn element<'j>(array: &'j [Json], step: &str) -> Option<&'j Json> {
    array.get(index(step)?).filter(|element| !element.is_null())
}

/// Decimal digits without leading zeros (RFC 6901 §4).
fn index(step: &str) -> Option<usize> {
    let canonical = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| canonical)
}

fn unescape(step: &str) -> Result<String, JsonPointerError> {
    let mut parts = step.split('~');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix('0'), part.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (_, Some(rest)) => ('/', rest),
            _ => return Err(JsonPointerError::Escape),
        };
        out.push(character);
        out.push_str(rest);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_follows_rfc_6901() {
        let text = r#"{"a":{"b":[10,{"c":11}]},"x/y":{"~z":12},"":{"":13},"m":{"0":14}}"#;
        let document = Json::parse(text.as_bytes()).unwrap();
        for (pointer, value) in [
            ("/a/b/0", Some("10")),
            ("/a/b/1/c", Some("11")),
            ("/x~1y/~0z", Some("12")),
            ("//", Some("13")),
            ("/m/0", Some("14")),
            ("/a/b/2", None),
            ("/a/b/00", None),
            ("/a/b/01", None),
            ("/a/b/+1", None),
            ("/a/b/-", None),
            ("/a/b/1/c/d", None),
            ("/x", None),
            ("/a.b", None),
        ] {
            let pointer = JsonPointer::parse(pointer).unwrap();
            let found = pointer.find(&document).map(Json::to_text);
            assert_eq!(found.as_deref(), value, "{pointer}");
            let found = pointer.find_in(document.as_object().unwrap()).map(Json::to_text);
            assert_eq!(found.as_deref(), value, "{pointer}");
        }
        // `~01` is a tilde and a one, not a slash.
        let tilde = JsonPointer::parse("/~01").unwrap();
        let document = Json::parse(br#"{"~1":1,"/":2}"#).unwrap();
        assert_eq!(tilde.find(&document), Some(&Json::from(1)));
    }

    #[test]
    fn c16_a_null_is_found_only_by_those_who_ask_for_it() {
        let document = Json::parse(br#"{"a":{"b":null,"c":1},"d":[null,2]}"#).unwrap();
        for (pointer, is_null) in [("/a/b", true), ("/d/0", true), ("/a/c", false), ("/d/1", false)]
        {
            let pointer = JsonPointer::parse(pointer).unwrap();
            assert_eq!(pointer.leads_to_null(&document), is_null, "{pointer}");
            assert_eq!(pointer.find(&document).is_none(), is_null, "{pointer}");
        }
        for nothing in ["/x", "/a/x", "/a/b/c", "/d/2", "/d/00", "/a/c/x"] {
            let pointer = JsonPointer::parse(nothing).unwrap();
            assert!(!pointer.leads_to_null(&document), "{pointer}");
        }
    }

    #[test]
    fn a_document_may_be_an_array() {
        let document = Json::parse(br#"["a","b"]"#).unwrap();
        let second = JsonPointer::parse("/1").unwrap();
        assert_eq!(second.find(&document).and_then(Json::as_str), Some("b"));
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for (text, error) in [
            ("", JsonPointerError::Start),
            ("data", JsonPointerError::Start),
            ("#/data", JsonPointerError::Start),
            ("/a~", JsonPointerError::Escape),
            ("/a~2b", JsonPointerError::Escape),
            ("/a\nb", JsonPointerError::Control),
        ] {
            assert_eq!(JsonPointer::parse(text), Err(error), "{text}");
        }
    }
}
