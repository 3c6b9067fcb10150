//! Path and host patterns: what a route is for, as the operator writes it.

use std::borrow::Cow;

use super::{
    authority::canonical_host,
    path::{canonical_path, decoded},
};

const ASTERISK: &str = "*";
/// What templates call that which `**` matches.
pub(super) const REST: &str = "rest";

/// A path pattern: literal segments, `*` or `{name}` for one segment, a final `**` for any rest.
///
/// - `/a/b` matches that path only; `/a/b/` is another path.
/// - `/a/*` matches `/a/x`, but neither `/a/` nor `/a/x/y`. `/a/{name}` matches the same paths, and
///   a [`PathTemplate`](super::PathTemplate) of the route may use the segment by that name.
/// - `/a/**` matches `/a`, `/a/` and everything below: who protects a tree means its root too.
///
/// - `*` alone is for the request target `*`, which only `OPTIONS` has (RFC 9112 §3.2.4).
///
/// Letter case is significant. The query never takes part, and there are no regular expressions
/// (threats P-4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern(String);

/// A host pattern: an exact name, or `*.example.com` for any one or more labels below it.
///
/// Ports take no part: a pattern matches its host on every port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern(String);

/// Why a pattern is not one, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(pub String);

/// One segment of a [`PathPattern`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment<'p> {
    /// Exactly these characters, escapes decoded.
    Literal(Cow<'p, [u8]>),
    /// `*` or `{name}`: any one segment that is not empty.
    One,
    /// `**`: any rest, or none.
    Rest,
}

impl PathPattern {
    /// Parses a pattern. It must be in canonical form itself, else it could never match.
    pub fn parse(pattern: &str) -> Result<Self, PatternError> {
        if pattern == ASTERISK {
            return Ok(Self(pattern.to_owned()));
        }
        if !pattern.starts_with('/') {
            return expected("a path pattern starts with `/`");
        }
        if pattern.contains(['?', '#']) {
            return expected(
                "a path pattern has no query and no fragment: routes match the path only",
            );
        }
        if pattern.contains("/:") {
            return expected(
                "a path pattern has no `:name`: write `{name}` or `*` for one segment (and `%3A` for the character itself)",
            );
        }
        if pattern.contains(';') || pattern.contains("%3B") {
            return expected("a path pattern holds no `;` parameters: they never decide the route");
        }
        check_wildcards(pattern)?;
        let unnamed = check_captures(pattern)?;
        match canonical_path(&unnamed) {
            Ok(canonical) if canonical == unnamed => Ok(Self(pattern.to_owned())),
            Ok(canonical) => {
                expected(format!("a path pattern is in canonical form: write `{canonical}`"))
            }
            Err(why) => expected(format!("no request could match this pattern: {why}")),
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is for the request target `*`.
    pub(super) fn is_asterisk(&self) -> bool {
        self.0 == ASTERISK
    }

    /// Whether it matches one path only.
    pub fn is_literal(&self) -> bool {
        self.segments().all(|segment| matches!(segment, Segment::Literal(_)))
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.0.split('/').skip(1).map(|segment| match segment {
            "*" => Segment::One,
            "**" => Segment::Rest,
            named if capture_name(named).is_some() => Segment::One,
            literal => Segment::Literal(decoded(literal.as_bytes())),
        })
    }

    /// Which segment has that name, from 0.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.0.split('/').skip(1).position(|segment| capture_name(segment) == Some(name))
    }

    /// How many segments stand before the `**` at its end; `None`: it has none.
    pub(super) fn before_rest(&self) -> Option<usize> {
        self.segments().position(|segment| segment == Segment::Rest)
    }
}

impl HostPattern {
    /// Parses a pattern.
    pub fn parse(pattern: &str) -> Result<Self, PatternError> {
        let (wildcard, host) = match pattern.strip_prefix("*.") {
            Some(suffix) => ("*.", suffix),
            None => ("", pattern),
        };
        if host.contains('*') {
            return expected(
                "a host pattern is a name, or `*.` and a name; leave `hosts` out for any host",
            );
        }
        if host.ends_with('.') {
            return expected(
                "a host pattern has no dot at its end: such requests match without it",
            );
        }
        match canonical_host(host) {
            Some(canonical) => Ok(Self(format!("{wildcard}{canonical}"))),
            None => expected(
                "a host pattern is a host name, an IPv4 address or an IPv6 address in brackets, without scheme and port",
            ),
        }
    }

    /// As written, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host, in its canonical form, matches.
    pub fn matches(&self, host: &str) -> bool {
        match self.suffix() {
            None => self.0 == host,
            Some(suffix) => host.strip_suffix(suffix).is_some_and(|name| name.ends_with('.')),
        }
    }

    /// Whether some host matches both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.suffix(), other.suffix()) {
            (None, _) => other.matches(&self.0),
            (_, None) => self.matches(&other.0),
            (Some(one), Some(two)) => one == two || other.matches(one) || self.matches(two),
        }
    }

    /// The name below which every host matches; `None` for an exact pattern.
    pub(super) fn suffix(&self) -> Option<&str> {
        self.0.strip_prefix("*.")
    }
}

fn check_wildcards(pattern: &str) -> Result<(), PatternError> {
    let mut segments = pattern.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "**" if segments.peek().is_some() => {
                return expected("`**` is the last segment of a path pattern");
            }
            "*" | "**" => {}
            _ if segment.contains('*') => {
                return expected(
                    "a `*` is a whole segment of a path pattern: write `%2A` for the character itself",
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// The pattern with `*` for each `{name}`.
fn check_captures(pattern: &str) -> Result<String, PatternError> {
    let mut names = Vec::new();
    let mut unnamed = String::with_capacity(pattern.len());
    for segment in pattern.split('/').skip(1) {
        unnamed.push('/');
        match capture_name(segment) {
            Some(name) => {
                check_capture_name(name)?;
                if names.contains(&name) {
                    return expected(format!("two segments are called `{{{name}}}`"));
                }
                names.push(name);
                unnamed.push_str(ASTERISK);
            }
            None if segment.contains(['{', '}']) => {
                return expected(
                    "a `{name}` is a whole segment of a path pattern: write `%7B` and `%7D` for the characters themselves",
                );
            }
            None => unnamed.push_str(segment),
        }
    }
    Ok(unnamed)
}

/// `rest` is what a [`PathTemplate`](super::PathTemplate) calls that which `**` matches.
fn check_capture_name(name: &str) -> Result<(), PatternError> {
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return expected(format!(
            "`{{{name}}}` is no name: it begins with a letter, and has letters, digits and `_`"
        ));
    }
    if name == REST {
        return expected("`{rest}` stands for what `**` matches: write another name");
    }
    Ok(())
}

/// `name` of `{name}`.
pub(super) fn capture_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn expected<T>(what: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError(what.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_error(pattern: &str) -> String {
        PathPattern::parse(pattern).unwrap_err().0
    }

    #[test]
    fn path_patterns_in_canonical_form_are_taken() {
        for pattern in [
            "*",
            "/",
            "/a",
            "/a/",
            "/a/*",
            "/*/b",
            "/**",
            "/a/**",
            "/a%2Ab",
            "/a%C3%A9",
            "/.well-known/*",
            "/users:export",
            "/%3Aid",
            "/users/{id}/posts/{post_2}",
            "/{tenant}/**",
        ] {
            assert_eq!(PathPattern::parse(pattern).unwrap().as_str(), pattern);
        }
    }

    #[test]
    fn x1_a_path_pattern_that_could_not_match_is_refused_with_advice() {
        for (pattern, advice) in [
            ("", "starts with `/`"),
            ("a/b", "starts with `/`"),
            ("http://a/b", "starts with `/`"),
            ("/a?x=1", "no query"),
            ("/a#b", "no fragment"),
            ("/users/:id", "write `{name}`"),
            ("/users/{id}.json", "whole segment"),
            ("/users/{id", "whole segment"),
            ("/users/{}", "no name"),
            ("/users/{1}", "no name"),
            ("/users/{a-b}", "no name"),
            ("/users/{{a}}", "no name"),
            ("/{a}/{a}", "two segments"),
            ("/a/{rest}", "what `**` matches"),
            ("/{a}//b", "write `/*/b`"),
            ("/a;v=1", "parameters"),
            ("/a%3Bv", "parameters"),
            ("/a*", "whole segment"),
            ("/*.js", "whole segment"),
            ("/a/***", "whole segment"),
            ("/**/a", "last segment"),
            ("/**/", "last segment"),
            ("/%41dmin", "write `/Admin`"),
            ("/a%c3%a9", "write `/a%C3%A9`"),
            ("/a//b", "write `/a/b`"),
            ("/a[1]", "write `/a%5B1%5D`"),
            ("/a/../b", "dot segment"),
            ("/a%2Fb", "encoded slash"),
            ("/ä", "percent-encoded"),
            ("/a%3bv", "write `/a%3Bv`"),
        ] {
            let error = path_error(pattern);
            assert!(error.contains(advice), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_named_segment_matches_like_an_asterisk() {
        let segments = |pattern| PathPattern::parse(pattern).unwrap().segments().count();
        assert_eq!(segments("/a/{id}/**"), segments("/a/*/**"));
        let pattern = PathPattern::parse("/a/{id}/**").unwrap();
        assert_eq!(
            (pattern.named("id"), pattern.named("a"), pattern.before_rest()),
            (Some(1), None, Some(2))
        );
        assert!(!pattern.is_literal());
        assert!(PathPattern::parse("/a/b").unwrap().is_literal());
    }

    #[test]
    fn host_patterns_are_names_or_wildcards() {
        for (pattern, parsed) in [
            ("Example.com", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("10.0.0.1", "10.0.0.1"),
            ("[0::1]", "[::1]"),
            ("svc_name", "svc_name"),
        ] {
            assert_eq!(HostPattern::parse(pattern).unwrap().as_str(), parsed);
        }
    }

    #[test]
    fn x1_a_host_pattern_that_could_not_match_is_refused_with_advice() {
        for (pattern, advice) in [
            ("*", "leave `hosts` out"),
            ("*.*.com", "`*.` and a name"),
            ("a.*.com", "`*.` and a name"),
            ("api*.com", "`*.` and a name"),
            ("example.com.", "no dot"),
            ("example.com:80", "without scheme and port"),
            ("https://example.com", "without scheme and port"),
            ("", "host name"),
            ("*.", "host name"),
            ("a..b", "host name"),
            ("u@a", "host name"),
        ] {
            let error = HostPattern::parse(pattern).unwrap_err().0;
            assert!(error.contains(advice), "{pattern}: {error}");
        }
    }
}
