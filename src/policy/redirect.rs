//! Redirects: requests of a route that are answered with another URL.
//!
//! The host is the operator's words, or the host of the request where the route lists its hosts.
//! What is captured of a path fills the path only, behind an authority that has ended, and never
//! makes it begin with `//`: no link to here leads elsewhere (threats P-19).

use http::{HeaderValue, StatusCode};

use super::{
    CanonicalRequest, HostPattern, NotCanonical, PathPattern, PathTemplate, PatternError, outgoing,
};

/// What stands for the request's own host.
const OWN_HOST: &str = "{host}";

/// Where the requests of a route are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectTarget {
    text: String,
    origin: RedirectOrigin,
    path: PathTemplate,
}

/// What stands before the path of a redirect's target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RedirectOrigin {
    /// Nothing: the client stays where it is.
    Same,
    /// A scheme, the request's host, and a port.
    OwnHost { scheme: &'static str, port: String },
    /// A scheme, a host and a port.
    Literal(String),
}

/// How a route answers its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Where they are sent.
    pub to: RedirectTarget,
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// Whether the query is taken along.
    pub keeps_query: bool,
}

impl Redirect {
    /// The URL for a request of the route.
    ///
    /// # Errors
    /// Some reading of its path would not begin as the operator says.
    pub fn location(&self, request: &CanonicalRequest) -> Result<HeaderValue, NotCanonical> {
        let mut location = self.to.origin.of(request);
        let origin = location.len();
        self.to.path.fill(request.path(), &mut location);
        let path = location.get(origin..).unwrap_or_default();
        outgoing::check(path, self.to.path.fixed())?;
        if let Some(query) = request.target().query().filter(|_| self.keeps_query) {
            location.push('?');
            location.push_str(query);
        }
        HeaderValue::try_from(location).map_err(|_| NotCanonical::PathCharacter)
    }
}

impl RedirectTarget {
    /// Parses a target for the paths of that pattern.
    ///
    /// # Errors
    /// It is neither a path nor an http(s) URL, or its host is not one certain host.
    pub fn parse(text: &str, pattern: &PathPattern) -> Result<Self, PatternError> {
        let (origin, path) = match text.split_once("://") {
            _ if text.starts_with('/') => (RedirectOrigin::Same, text),
            Some(("http", behind)) => RedirectOrigin::parse("http", behind)?,
            Some(("https", behind)) => RedirectOrigin::parse("https", behind)?,
            _ => return expected("it begins with `https://`, `http://` or `/`"),
        };
        let path = PathTemplate::parse(if path.is_empty() { "/" } else { path }, pattern)?;
        Ok(Self { text: text.to_owned(), origin, path })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it depends on the host of the request.
    pub fn has_own_host(&self) -> bool {
        matches!(self.origin, RedirectOrigin::OwnHost { .. })
    }
}

impl RedirectOrigin {
    fn parse<'t>(scheme: &'static str, text: &'t str) -> Result<(Self, &'t str), PatternError> {
        let end = text.find('/').unwrap_or(text.len());
        let (authority, path) = text.split_at(end);
        if authority.contains('@') {
            return expected("it has no user name and no password");
        }
        if let Some(port) = authority.strip_prefix(OWN_HOST) {
            check_port(port)?;
            return Ok((Self::OwnHost { scheme, port: port.to_owned() }, path));
        }
        if authority.contains(['{', '}']) {
            return expected("no segment of a path is its host, which is literal or `{host}`");
        }
        let host_end = match authority.find(']') {
            Some(bracket) => bracket + 1,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at(host_end);
        check_port(port)?;
        let host = HostPattern::parse(host)?;
        if host.as_str().starts_with('*') {
            return expected("its host is one name, without wildcards");
        }
        Ok((Self::Literal(format!("{scheme}://{}{port}", host.as_str())), path))
    }

    fn of(&self, request: &CanonicalRequest) -> String {
        match self {
            Self::Same => String::new(),
            Self::OwnHost { scheme, port } => format!("{scheme}://{}{port}", request.host()),
            Self::Literal(origin) => origin.clone(),
        }
    }
}

/// Nothing, or a colon and a port.
fn check_port(text: &str) -> Result<(), PatternError> {
    let digits = text.strip_prefix(':').unwrap_or("1");
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let is_port = is_number && digits.parse::<u16>().is_ok();
    if is_port && (text.is_empty() || text.starts_with(':')) {
        return Ok(());
    }
    expected("behind its host is a port from 1 to 65535, or a path")
}

fn expected<T>(what: &str) -> Result<T, PatternError> {
    Err(PatternError(what.to_owned()))
}

#[cfg(test)]
mod tests;
