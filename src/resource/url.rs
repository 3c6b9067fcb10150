//! The identifier of a resource, and where its metadata is published.

use crate::{
    config::urls::{UrlMistake, check_fetchable},
    policy::{HostPattern, PathPattern},
};

/// An `https` URL without query and fragment (RFC 9728 §1.2), in the one spelling that clients
/// compare it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUrl {
    text: String,
    /// Scheme, host and port.
    origin_len: usize,
    host: String,
}

/// Before the resource's path, in the path of its metadata (RFC 9728 §3).
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Default ports, which a URL does not spell out: clients drop them.
const DEFAULT_PORTS: &[(&str, u16)] = &[("https", 443), ("http", 80)];

impl ResourceUrl {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = check_fetchable(text, false).map_err(|mistake| {
            String::from(match mistake {
                UrlMistake::Syntax => "it is no absolute URL without a fragment",
                UrlMistake::UserInformation => "it holds a user name or password",
                UrlMistake::PlainHttp => "tokens travel there, so that only https will do",
            })
        })?;
        let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
        if text.contains('*') {
            return Err("it is one URL, without wildcards".to_owned());
        }
        if url.query().is_some() {
            return Err("it has a query".to_owned());
        }
        if url.port_u16().is_some_and(|port| DEFAULT_PORTS.contains(&(scheme, port))) {
            return Err("it spells out the default port, which clients leave out".to_owned());
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let canonical = HostPattern::parse(host).map_err(|error| error.to_string())?;
        let origin = format!("{scheme}://{}{port}", canonical.as_str());
        let path = text.strip_prefix(&origin).filter(|path| path.is_empty() || *path == url.path());
        let path = path.ok_or_else(|| {
            let path = if text.ends_with('/') || url.path() != "/" { url.path() } else { "" };
            format!("clients write it {origin}{path}")
        })?;
        check_path(path)?;
        Ok(Self {
            text: text.to_owned(),
            origin_len: origin.len(),
            host: canonical.as_str().to_owned(),
        })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its host, without the port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Its path, without a slash at the end: two that differ in that are one for many clients, and
    /// share one document.
    pub(super) fn path(&self) -> &str {
        let path = self.text.get(self.origin_len..).unwrap_or_default();
        path.strip_suffix('/').unwrap_or(path)
    }

    /// The path of its metadata.
    pub(crate) fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.path())
    }

    /// The URL of its metadata.
    pub fn metadata_url(&self) -> String {
        let origin = self.text.get(..self.origin_len).unwrap_or_default();
        format!("{origin}{}", self.metadata_path())
    }

    /// The spellings of it that tokens may name as audience. Without a path it is the same URL with
    /// `/` (RFC 3986 §6.2.3), and clients that parse it ask for that.
    pub(super) fn spellings(&self) -> Vec<String> {
        match (self.path(), self.text.strip_suffix('/')) {
            ("", Some(bare)) => vec![self.text.clone(), bare.to_owned()],
            ("", None) => vec![self.text.clone(), format!("{}/", self.text)],
            _ => vec![self.text.clone()],
        }
    }

    /// Whether the metadata of both would be at one place.
    pub(super) fn collides_with(&self, other: &Self) -> bool {
        self.host == other.host && self.path() == other.path()
    }
}

/// No request has another path than a canonical one.
fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Ok(());
    }
    let pattern = PathPattern::parse(path).map_err(|error| error.to_string())?;
    if pattern.is_literal() { Ok(()) } else { Err("it is one URL, without wildcards".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ResourceUrl {
        ResourceUrl::parse(text).unwrap()
    }

    #[test]
    fn the_metadata_stands_between_host_and_path() {
        for (id, metadata) in [
            ("https://api.test", "https://api.test/.well-known/oauth-protected-resource"),
            ("https://api.test/", "https://api.test/.well-known/oauth-protected-resource"),
            ("https://api.test/mcp", "https://api.test/.well-known/oauth-protected-resource/mcp"),
            ("https://api.test/mcp/", "https://api.test/.well-known/oauth-protected-resource/mcp"),
            (
                "https://a.test:8443/x/y",
                "https://a.test:8443/.well-known/oauth-protected-resource/x/y",
            ),
            ("http://127.0.0.1:80/a", ""),
            ("http://[::1]:8080/a", "http://[::1]:8080/.well-known/oauth-protected-resource/a"),
        ] {
            let found = ResourceUrl::parse(id).map(|url| url.metadata_url());
            assert_eq!(found.unwrap_or_default(), metadata, "{id}");
        }
        assert_eq!(url("https://api.test:8443/mcp").host(), "api.test");
    }

    #[test]
    fn what_clients_would_spell_in_another_way_is_refused_with_advice() {
        for (id, advice) in [
            ("api.test/mcp", "no absolute URL"),
            ("https:///mcp", "no absolute URL"),
            ("ftp://api.test/", "no absolute URL"),
            ("http://api.test/mcp", "only https"),
            ("https://user@api.test/", "user name"),
            ("https://api.test/mcp#a", "without a fragment"),
            ("https://api.test/mcp?a=b", "a query"),
            ("https://api.test?a=b", "a query"),
            ("https://api.test:443/mcp", "default port"),
            ("https://API.test/mcp", "https://api.test/mcp"),
            ("HTTPS://api.test", "https://api.test"),
            ("https://api.test./mcp", "dot at its end"),
            ("https://*.test/mcp", "wildcards"),
            ("https://api.test/*", "wildcards"),
            ("https://api.test/a//b", "/a/b"),
            ("https://api.test/a/../b", "dot segment"),
            ("https://api.test/%41", "/A"),
            ("https://api.test/a\"b", "/a%22b"),
            ("https://api.test/{tid}", "without wildcards"),
        ] {
            let error = ResourceUrl::parse(id).unwrap_err();
            assert!(error.contains(advice), "{id}: {error}");
        }
    }

    #[test]
    fn only_without_a_path_a_slash_makes_no_difference_for_audiences() {
        assert_eq!(url("https://api.test").spellings(), ["https://api.test", "https://api.test/"]);
        assert_eq!(url("https://api.test/").spellings(), ["https://api.test/", "https://api.test"]);
        assert_eq!(url("https://api.test/mcp").spellings(), ["https://api.test/mcp"]);
        assert_eq!(url("https://api.test/mcp/").spellings(), ["https://api.test/mcp/"]);
    }

    #[test]
    fn two_whose_metadata_would_be_at_one_place_collide() {
        assert!(url("https://api.test/a").collides_with(&url("https://api.test:8443/a/")));
        assert!(!url("https://api.test/a").collides_with(&url("https://api.test/b")));
        assert!(!url("https://api.test/a").collides_with(&url("https://b.test/a")));
    }
}
