//! The path in an upstream's URL, which every path that it receives begins with.

use super::{PatternError, path::canonical_path};

/// Nothing, or a path without a slash at its end. It has no escapes and no parameters, so that no
/// reading of a path that begins with it begins otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Parses the path of a URL. `/` and nothing are the same, and so are `/a` and `/a/`.
    ///
    /// # Errors
    /// It is not in canonical form, or could be read in another way.
    pub fn parse(path: &str) -> Result<Self, PatternError> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        if bare.contains(['%', ';']) {
            return Err(PatternError(
                "a base path has no escapes and no `;` parameters".to_owned(),
            ));
        }
        match canonical_path(path) {
            _ if path.is_empty() => Ok(Self::default()),
            Ok(canonical) if canonical == path => Ok(Self(bare.to_owned())),
            Ok(canonical) => {
                Err(PatternError(format!("a base path is in canonical form: write `{canonical}`")))
            }
            Err(why) => Err(PatternError(why.to_string())),
        }
    }

    /// As text; empty if there is none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        for (path, base) in
            [("", ""), ("/", ""), ("/a", "/a"), ("/a/", "/a"), ("/a/b~c/", "/a/b~c")]
        {
            assert_eq!(BasePath::parse(path).unwrap().as_str(), base, "{path}");
        }
    }

    #[test]
    fn x1_what_has_more_than_one_reading_is_no_base() {
        for path in [
            "a", "//", "/a//", "//a", "/a//b", "/a/..", "/./a", "/a%2Fb", "/%61", "/a;b", "/a\\b",
            "/a b", "/ä", "/{a}",
        ] {
            assert!(BasePath::parse(path).is_err(), "{path}");
        }
    }
}
