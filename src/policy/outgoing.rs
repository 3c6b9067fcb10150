//! The path that the upstream receives where it is not the one that policy has read.
//!
//! Policy decides on the canonical path of the client. What is made of it here must not lead
//! elsewhere than the operator says, however the upstream reads it (threats P-17): in each of the
//! readings that a kept path has, the result begins with the upstream's path and with what the
//! template begins with, and never with `//`.

use http::HeaderValue;

use super::{
    BasePath, CanonicalRequest, NotCanonical, PathPattern, PathTemplate, PatternError,
    RequestTarget, path::readings::readings, template::behind,
};

/// What a route makes of the path, before the upstream's own path is put before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PathChange {
    /// Nothing.
    #[default]
    Keep,
    /// `strip_prefix`
    Strip(StrippedPrefix),
    /// `rewrite`
    Rewrite(PathTemplate),
}

/// The beginning of a route's paths that the upstream does not receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrippedPrefix {
    text: String,
    segments: usize,
}

/// How the paths of a route become those of its upstream.
#[derive(Debug)]
pub struct OutgoingPath {
    base: BasePath,
    change: PathChange,
    /// What every result begins with.
    fixed: String,
    maps_back: bool,
    /// For `X-Forwarded-Prefix`.
    stripped: Option<HeaderValue>,
}

/// A request's target as the upstream receives it.
#[derive(Debug)]
pub struct OutgoingTarget {
    /// The target.
    pub target: RequestTarget,
    /// How paths in its answer become the client's, if they do.
    pub back: Option<PathMapping>,
}

/// Two beginnings of paths, of which one stands for the other. Neither has a slash at its end, and
/// either may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMapping {
    client: String,
    upstream: String,
}

impl StrippedPrefix {
    /// Parses the prefix of the paths of that pattern.
    ///
    /// # Errors
    /// Not every path that the pattern matches begins with it.
    pub fn parse(text: &str, pattern: &PathPattern) -> Result<Self, PatternError> {
        let prefix = PathPattern::parse(text)?;
        if prefix.is_asterisk() || text.ends_with('/') || !prefix.is_literal() {
            let what = "it is a path such as `/api`, without wildcards and a slash at its end";
            return Err(PatternError(what.to_owned()));
        }
        let segments = prefix.segments().count();
        if !pattern.segments().take(segments).eq(prefix.segments()) {
            let what = format!("every path of the route has to begin with it, as `{text}/**` does");
            return Err(PatternError(what));
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PathChange {
    /// The beginning that is stripped.
    pub fn stripped(&self) -> Option<&StrippedPrefix> {
        match self {
            Self::Strip(prefix) => Some(prefix),
            Self::Keep | Self::Rewrite(_) => None,
        }
    }

    /// Whether paths in answers can be turned back.
    pub(super) fn is_reversible(&self) -> bool {
        match self {
            Self::Keep | Self::Strip(_) => true,
            Self::Rewrite(template) => template.ends_in_rest(),
        }
    }
}

impl OutgoingPath {
    /// Compiles what a route makes of its paths; `None` where the upstream receives them as they
    /// are. `maps_back`: paths in answers are turned back.
    pub fn compile(change: &PathChange, base: &BasePath, maps_back: bool) -> Option<Box<Self>> {
        if base.is_empty() && *change == PathChange::Keep && !maps_back {
            return None;
        }
        let of_template = match change {
            PathChange::Rewrite(template) => template.fixed(),
            PathChange::Keep | PathChange::Strip(_) => "",
        };
        Some(Box::new(Self {
            fixed: format!("{}{of_template}", base.as_str()),
            base: base.clone(),
            change: change.clone(),
            maps_back,
            stripped: change.stripped().and_then(|it| HeaderValue::from_str(it.as_str()).ok()),
        }))
    }

    /// The beginning that the upstream does not receive, if one is stripped.
    pub fn stripped(&self) -> Option<&HeaderValue> {
        self.stripped.as_ref()
    }

    /// What the upstream receives of a request of the route. The query stays as it is, and so does
    /// the target `*`.
    ///
    /// # Errors
    /// Some reading of the result leads out of the upstream's path.
    pub fn apply(&self, request: &CanonicalRequest) -> Result<Box<OutgoingTarget>, NotCanonical> {
        let path = request.path();
        let is_kept = self.base.is_empty() && self.change == PathChange::Keep;
        if path == "*" || is_kept {
            let target = request.target().clone();
            let back = self.maps_back.then(|| PathMapping::new("", ""));
            return Ok(Box::new(OutgoingTarget { target, back }));
        }
        let mut out = String::with_capacity(self.fixed.len() + path.len());
        out.push_str(self.base.as_str());
        let rest = self.change.write(path, &mut out);
        check(&out, &self.fixed)?;
        let back = self.maps_back.then(|| PathMapping::between(path, &out, rest));
        let target = RequestTarget::of_parts(&out, request.target().query())?;
        Ok(Box::new(OutgoingTarget { target, back }))
    }
}

impl PathChange {
    /// Appends the path that is sent. What stands behind the last slash that both have in common
    /// is returned; `None` where there is no such slash.
    fn write<'p>(&self, path: &'p str, out: &mut String) -> Option<&'p str> {
        match self {
            Self::Keep => {
                out.push_str(path);
                path.strip_prefix('/')
            }
            Self::Strip(prefix) => {
                let rest = behind(path, prefix.segments);
                out.push('/');
                out.push_str(rest.unwrap_or_default());
                rest
            }
            Self::Rewrite(template) => template.fill(path, out),
        }
    }
}

impl PathMapping {
    /// The client's beginning, and the upstream's. Neither has a slash at its end.
    pub(crate) fn new(client: &str, upstream: &str) -> Self {
        Self { client: client.to_owned(), upstream: upstream.to_owned() }
    }

    /// What stands before the rest that both paths have.
    fn between(client: &str, upstream: &str, rest: Option<&str>) -> Self {
        let end = |path: &str| path.len().saturating_sub(rest.map_or(0, |rest| rest.len() + 1));
        let before = |path| str::get(path, ..end(path)).unwrap_or_default();
        let bare = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
        Self { client: bare(before(client)), upstream: bare(before(upstream)) }
    }

    /// The client's path for one of the upstream's. `None` for one that the client can't reach by
    /// the same route, or whose client form could be taken for a host.
    pub fn to_client(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.upstream.as_str())?;
        let is_inside = rest.is_empty() || rest.starts_with('/');
        let begins = if self.client.is_empty() && rest.is_empty() { "/" } else { &self.client };
        let path = format!("{begins}{rest}");
        (is_inside && !path.starts_with("//")).then_some(path)
    }

    /// Where a cookie of that path is sent: below the same path for a client. One that the upstream
    /// wants for more than the route leads to is sent to all that the route leads to.
    pub fn cookie_to_client(&self, path: &str) -> Option<String> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        let is_above = self
            .upstream
            .strip_prefix(bare)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.to_client(if is_above { &self.upstream } else { path })
    }
}

/// Refuses a path that some server could read as one that does not begin as it has to.
pub(super) fn check(path: &str, fixed: &str) -> Result<(), NotCanonical> {
    let has_one_reading =
        !(path.contains(['%', ';']) || path.contains("//") || path.contains("/."));
    if has_one_reading {
        return Ok(());
    }
    let is_inside = |reading: &Vec<u8>| {
        let rest = reading.strip_prefix(fixed.as_bytes());
        let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
        is_below && reading.starts_with(b"/") && !reading.starts_with(b"//")
    };
    if readings(path)?.iter().all(is_inside) { Ok(()) } else { Err(NotCanonical::OutsideOfBase) }
}

#[cfg(test)]
pub(super) mod tests;
