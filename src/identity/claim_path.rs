//! How the configuration names a claim: `sub`, `realm_access.roles`, `/realm_access/roles`, or a
//! URI-named claim.

use crate::jose::{Json, Object};

/// A way to a value in the claims.
///
/// A name that starts with `/` is a JSON pointer (RFC 6901): `~1` is a slash, `~0` a tilde, and a
/// number picks an array element. Any other name is first looked up as a whole
/// (`http://wso2.org/claims/enduser`), then by its dots, through objects only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimPath {
    text: String,
    /// Member names to follow, unescaped.
    steps: Vec<String>,
}

/// Why a text names no claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClaimPathError(pub String);

impl ClaimPath {
    /// Parses.
    pub fn parse(text: &str) -> Result<Self, ClaimPathError> {
        if text.is_empty() {
            return Err(expected("a claim name is not empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(expected("a claim name holds no control characters"));
        }
        let steps = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescape).collect::<Result<_, _>>()?,
            None => text.split('.').map(str::to_owned).collect(),
        };
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value it leads to.
    pub fn find<'c>(&self, claims: &'c Object) -> Option<&'c Json> {
        if self.is_pointer() {
            return self.follow(claims, element);
        }
        claims.get(&self.text).or_else(|| self.follow(claims, |_, _| None))
    }

    fn is_pointer(&self) -> bool {
        self.text.starts_with('/')
    }

    fn follow<'c>(
        &self,
        claims: &'c Object,
        element: impl Fn(&'c [Json], &str) -> Option<&'c Json>,
    ) -> Option<&'c Json> {
        let (first, rest) = self.steps.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, step| match value {
            Json::Object(object) => object.get(step),
            Json::Array(array) => element(array, step),
            _ => None,
        })
    }
}

/// The array element that a pointer's step picks: decimal digits without leading zeros (RFC 6901
/// §4).
fn element<'c>(array: &'c [Json], step: &str) -> Option<&'c Json> {
    let canonical = step == "0" || !step.starts_with(['0', '+']);
    array.get(step.parse::<usize>().ok().filter(|_| canonical)?)
}

fn unescape(step: &str) -> Result<String, ClaimPathError> {
    let mut parts = step.split('~');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix('0'), part.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (_, Some(rest)) => ('/', rest),
            _ => {
                return Err(expected(
                    "in a JSON pointer, `~` is written `~0` and `/` is written `~1`",
                ));
            }
        };
        out.push(character);
        out.push_str(rest);
    }
    Ok(out)
}

fn expected(what: &str) -> ClaimPathError {
    ClaimPathError(what.to_owned())
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
    fn a_pointer_follows_rfc_6901() {
        let claims = r#"{"a":{"b":[10,{"c":11}]},"x/y":{"~z":12},"":{"":13},"m":{"0":14}}"#;
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
            assert_eq!(find(pointer, claims).as_deref(), value, "{pointer}");
        }
        // `~01` is a tilde and a one, not a slash.
        assert_eq!(find("/~01", r#"{"~1":1,"/":2}"#).as_deref(), Some("1"));
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
