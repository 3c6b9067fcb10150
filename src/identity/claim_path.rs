//! How the configuration names a claim: `sub`, `realm_access.roles`, `/realm_access/roles`, or a
//! URI-named claim.

use crate::json::{Json, JsonPointer, Object};

/// A way to a value in the claims.
///
/// A name that starts with `/` is a [`JsonPointer`]. Any other name is first looked up as a whole
/// (`http://wso2.org/claims/enduser`), then by its dots, through objects only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimPath(Notation);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Notation {
    Pointer(JsonPointer),
    Name {
        whole: String,
        /// Member names to follow.
        steps: Vec<String>,
    },
}

/// Why a text names no claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClaimPathError(pub String);

impl ClaimPath {
    /// Parses.
    pub fn parse(text: &str) -> Result<Self, ClaimPathError> {
        if text.is_empty() {
            return Err(ClaimPathError("a claim name is not empty".to_owned()));
        }
        if text.chars().any(char::is_control) {
            return Err(ClaimPathError("a claim name holds no control characters".to_owned()));
        }
        if text.starts_with('/') {
            let pointer = JsonPointer::parse(text);
            return pointer
                .map(|pointer| Self(Notation::Pointer(pointer)))
                .map_err(|error| ClaimPathError(error.to_string()));
        }
        let steps = text.split('.').map(str::to_owned).collect();
        Ok(Self(Notation::Name { whole: text.to_owned(), steps }))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Notation::Pointer(pointer) => pointer.as_str(),
            Notation::Name { whole, .. } => whole,
        }
    }

    /// The pointer that a name with dots also means, where the name itself may be a claim, too:
    /// none for a URI, whose dots separate nothing.
    pub fn as_pointer(&self) -> Option<String> {
        match &self.0 {
            Notation::Name { whole, steps } if steps.len() > 1 && !whole.contains([':', '/']) => {
                Some(format!("/{}", steps.join("/").replace('~', "~0")))
            }
            _ => None,
        }
    }

    /// The value it leads to.
    pub fn find<'c>(&self, claims: &'c Object) -> Option<&'c Json> {
        match &self.0 {
            Notation::Pointer(pointer) => pointer.find_in(claims),
            Notation::Name { whole, steps } => claims.get(whole).or_else(|| follow(claims, steps)),
        }
    }
}

fn follow<'c>(claims: &'c Object, steps: &[String]) -> Option<&'c Json> {
    let (first, rest) = steps.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |value, step| value.as_object()?.get(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str, claims: &str) -> Option<String> {
        let claims = Object::parse(claims.as_bytes()).unwrap();
        let path = ClaimPath::parse(path).unwrap();
        path.find(&claims).map(Json::to_text)
    }

    #[test]
    fn a_whole_name_comes_before_its_dots() {
        let nested = r#"{"realm_access":{"roles":1}}"#;
        assert_eq!(find("realm_access.roles", nested).as_deref(), Some("1"));
        let both = r#"{"a":{"b":1},"a.b":2}"#;
        assert_eq!(find("a.b", both).as_deref(), Some("2"));
        let uri = r#"{"http://wso2.org/claims/enduser":3}"#;
        assert_eq!(find("http://wso2.org/claims/enduser", uri).as_deref(), Some("3"));
        assert_eq!(find("a.b.c", both), None);
        assert_eq!(find("a.c", both), None);
        assert_eq!(find("A.b", r#"{"a":{"b":1}}"#), None);
        assert_eq!(find("a.0", r#"{"a":[1]}"#), None);
    }

    #[test]
    fn a_name_that_starts_with_a_slash_is_a_pointer() {
        let claims = r#"{"a":{"b":[10,{"c":11}]},"/a":12}"#;
        assert_eq!(find("/a/b/1/c", claims).as_deref(), Some("11"));
        assert_eq!(find("/~1a", claims).as_deref(), Some("12"));
        assert_eq!(find("/a.b", claims), None);
    }

    #[test]
    fn what_names_no_claim_is_refused() {
        for (text, advice) in
            [("", "not empty"), ("/a~", "`~0`"), ("/a~2b", "`~0`"), ("a\nb", "control")]
        {
            let error = ClaimPath::parse(text).unwrap_err().0;
            assert!(error.contains(advice), "{text}: {error}");
        }
        assert_eq!(ClaimPath::parse("a.b").unwrap().as_str(), "a.b");
    }
}
