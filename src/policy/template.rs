//! Templates of paths, filled with segments of the canonical path.

use super::{
    PathPattern, PatternError,
    path::canonical_path,
    pattern::{REST, capture_name},
};

/// A path with `{name}` for what a segment of the route's pattern matched, and `{rest}` for what
/// its `**` did. There are no regular expressions, and each place is filled at most once per
/// request, so that the result is no longer than template and path together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    pieces: Vec<PathPiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathPiece {
    Literal(String),
    /// That segment of the path, from 0.
    Segment(usize),
    /// What follows so many segments.
    Rest(usize),
}

impl PathTemplate {
    /// Parses a template over the paths of that pattern.
    ///
    /// # Errors
    /// It names what the pattern does not capture, names it twice, or could make no path.
    pub fn parse(text: &str, pattern: &PathPattern) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return expected("it starts with `/`");
        }
        if text.contains(['?', '#']) {
            return expected("it has no query and no fragment: the query goes on as it is");
        }
        if text.contains(';') || text.contains("%3B") {
            return expected("it has no `;` parameters");
        }
        if pattern.is_asterisk() {
            return expected("the request target `*` is forwarded as it is");
        }
        let pieces = split(text, pattern)?;
        check_literals(&pieces)?;
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments that every reading of every result begins with: no place is in them, and no
    /// escape.
    pub(super) fn fixed(&self) -> &str {
        let fixed = self.text.split(['{', '%']).next().unwrap_or_default();
        fixed.rsplit_once('/').map_or("", |(segments, _)| segments)
    }

    /// Whether it ends in `/{rest}`, so that what it makes can be turned back.
    pub(super) fn ends_in_rest(&self) -> bool {
        self.text.ends_with("/{rest}")
    }

    /// Appends what it makes of a path that the pattern matches. Returns the `{rest}`; `None` if it
    /// has none, or the path ends before the slash that it would follow.
    pub(super) fn fill<'p>(&self, path: &'p str, out: &mut String) -> Option<&'p str> {
        let begins = out.len();
        let mut rest = None;
        for piece in &self.pieces {
            match piece {
                PathPiece::Literal(text) => out.push_str(text),
                PathPiece::Segment(at) => out.push_str(segment(path, *at)),
                PathPiece::Rest(after) => {
                    rest = behind(path, *after);
                    match rest {
                        Some(rest) => out.push_str(rest),
                        // `/a` of `/a/**` has no slash that could be followed by something.
                        None if out.len() > begins + 1 && out.ends_with('/') => drop(out.pop()),
                        None => {}
                    }
                }
            }
        }
        rest
    }
}

/// The segment of a path at that place.
fn segment(path: &str, at: usize) -> &str {
    path.split('/').skip(1).nth(at).unwrap_or_default()
}

/// What stands behind the slash after so many segments; `None` if there is no such slash.
pub(super) fn behind(path: &str, segments: usize) -> Option<&str> {
    let (slash, _) = path.match_indices('/').nth(segments)?;
    path.get(slash + 1..)
}

fn split(text: &str, pattern: &PathPattern) -> Result<Vec<PathPiece>, PatternError> {
    let mut pieces = Vec::new();
    let mut left = text;
    while let Some(at) = left.find(['{', '}']) {
        let (literal, from_brace) = left.split_at(at);
        let end = from_brace.find('}').map_or(from_brace.len(), |end| end + 1);
        let (place, behind) = from_brace.split_at(end);
        let piece = place_of(place, pattern)?;
        if pieces.contains(&piece) {
            return expected(format!("it names `{place}` twice"));
        }
        if !literal.is_empty() {
            pieces.push(PathPiece::Literal(literal.to_owned()));
        }
        pieces.push(piece);
        left = behind;
    }
    if !left.is_empty() {
        pieces.push(PathPiece::Literal(left.to_owned()));
    }
    Ok(pieces)
}

fn place_of(place: &str, pattern: &PathPattern) -> Result<PathPiece, PatternError> {
    let Some(name) = capture_name(place) else {
        return expected(
            "a place is `{name}` or `{rest}`: write `%7B` and `%7D` for the characters themselves",
        );
    };
    if name == REST {
        return match pattern.before_rest() {
            Some(segments) => Ok(PathPiece::Rest(segments)),
            None => expected("`{rest}` is what `**` matches, and `path` has none at its end"),
        };
    }
    match pattern.named(name) {
        Some(at) => Ok(PathPiece::Segment(at)),
        None => expected(format!("`{{{name}}}` is no segment of `path`")),
    }
}

/// With a letter for each place, the template is a canonical path.
fn check_literals(pieces: &[PathPiece]) -> Result<(), PatternError> {
    let sample: String = pieces
        .iter()
        .map(|piece| match piece {
            PathPiece::Literal(text) => text.as_str(),
            PathPiece::Segment(_) | PathPiece::Rest(_) => "x",
        })
        .collect();
    match canonical_path(&sample) {
        Ok(canonical) if canonical == sample => Ok(()),
        Ok(canonical) => {
            expected(format!("it is in canonical form: with `x` for each place, `{canonical}`"))
        }
        Err(why) => expected(format!("it can make no path: {why}")),
    }
}

fn expected<T>(what: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError(what.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str, pattern: &str) -> Result<PathTemplate, PatternError> {
        PathTemplate::parse(text, &PathPattern::parse(pattern).unwrap())
    }

    fn filled(text: &str, pattern: &str, path: &str) -> String {
        let mut out = String::new();
        template(text, pattern).unwrap().fill(path, &mut out);
        out
    }

    #[test]
    fn places_are_filled_with_what_the_pattern_matched() {
        for (text, pattern, path, expected) in [
            ("/v2/{rest}", "/api/**", "/api/a/b", "/v2/a/b"),
            ("/v2/{rest}", "/api/**", "/api/", "/v2/"),
            ("/v2/{rest}", "/api/**", "/api", "/v2"),
            ("/{rest}", "/api/**", "/api", "/"),
            ("/{rest}", "/**", "/a/b/", "/a/b/"),
            ("/{rest}", "/**", "/", "/"),
            ("/v2/{rest}/end", "/api/**", "/api/a", "/v2/a/end"),
            ("/u/{id}.json", "/users/{id}", "/users/7", "/u/7.json"),
            ("/{b}/{a}", "/{a}/x/{b}", "/1/x/2", "/2/1"),
            ("/{b}-{a}", "/{a}/x/{b}", "/1/x/2", "/2-1"),
            ("/t/{tenant}/{rest}", "/{tenant}/api/**", "/acme/api/a%2Fb//c", "/t/acme/a%2Fb//c"),
            ("/fixed", "/a/**", "/a/b", "/fixed"),
        ] {
            assert_eq!(filled(text, pattern, path), expected, "{text} {pattern} {path}");
        }
    }

    #[test]
    fn the_beginning_that_no_request_changes() {
        for (text, fixed) in [
            ("/v2/{rest}", "/v2"),
            ("/v2/x{rest}", "/v2"),
            ("/{rest}", ""),
            ("/a/b", "/a"),
            ("/a/b/", "/a/b"),
            ("/a/caf%C3%A9/{rest}", "/a"),
            ("/", ""),
        ] {
            assert_eq!(template(text, "/**").unwrap().fixed(), fixed, "{text}");
        }
    }

    #[test]
    fn x1_a_template_that_can_make_no_path_is_refused_with_advice() {
        for (text, advice) in [
            ("v2/{rest}", "starts with `/`"),
            ("{rest}", "starts with `/`"),
            ("http://a/{rest}", "starts with `/`"),
            ("/v2/{rest}?a=b", "no query"),
            ("/v2#{rest}", "no fragment"),
            ("/v2;x/{rest}", "no `;`"),
            ("/v2%3Bx/{rest}", "no `;`"),
            ("/v2/{id}/{other}", "`{other}` is no segment"),
            ("/v2/{ID}", "`{ID}` is no segment"),
            ("/v2/{id}/{id}", "twice"),
            ("/v2/{id", "`{name}`"),
            ("/v2/id}", "`{name}`"),
            ("/v2/{}", "is no segment"),
            ("//{rest}", "`/x`"),
            ("/a//{rest}", "`/a/x`"),
            ("/../{rest}", "dot segment"),
            ("/a/%2e/{rest}", "dot segment"),
            ("/a%2F{rest}", "encoded slash"),
            ("/a\\{rest}", "backslash"),
            ("/a\r\nx: y/{rest}", "percent-encoded"),
            ("/a b/{rest}", "percent-encoded"),
            ("/%{id}", "hexadecimal"),
            ("/%4{id}", "hexadecimal"),
        ] {
            let error = template(text, "/api/{id}/**").unwrap_err().0;
            assert!(error.contains(advice), "{text}: {error}");
        }
        let error = template("/v2/{rest}", "/api/*").unwrap_err().0;
        assert!(error.contains("has none"), "{error}");
    }
}
