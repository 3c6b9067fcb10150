//! An issuer's metadata: OpenID Connect Discovery 1.0 and RFC 8414.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use http::Uri;

use crate::{
    config::urls::metadata_urls,
    json::{Json, Object},
};

use super::{FetchError, Fetcher, quoted, shown};

/// Finds one endpoint of one issuer.
///
/// The metadata must name exactly the configured issuer (threat K-10). Where none is configured, it
/// must name an issuer whose metadata is at that very URL. Its endpoints may be on another host, as
/// Google's are: who can publish under the issuer's own name may choose where.
#[derive(Debug)]
pub struct Metadata {
    urls: Vec<Uri>,
    issuer: Option<String>,
    member: &'static str,
    allow_http: bool,
    fetcher: Arc<Fetcher>,
}

/// Why an endpoint was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum MetadataError {
    /// The document could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Not the kind of document that was expected.
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: String },
    /// Metadata of another issuer (OpenID Connect Discovery §4.3, RFC 8414 §3.3).
    #[error("{place}: the metadata's issuer is {found}, expected {expected}")]
    IssuerMismatch { place: String, found: String, expected: String },
    /// The endpoint is missing or not acceptable.
    #[error("{place}: {member} {cause}")]
    Endpoint { place: String, member: &'static str, cause: String },
}

impl Metadata {
    /// The endpoint that the metadata calls `member`. `urls` are where the metadata may be, in the
    /// order to try; `issuer` is the configured one.
    pub fn new(
        urls: &[Uri],
        issuer: Option<&str>,
        member: &'static str,
        allow_http: bool,
        fetcher: Arc<Fetcher>,
    ) -> Self {
        let (urls, issuer) = (urls.to_vec(), issuer.map(str::to_owned));
        Self { urls, issuer, member, allow_http, fetcher }
    }

    /// The configured issuer, if there is one.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// What the metadata calls the endpoint.
    pub(super) fn member(&self) -> &'static str {
        self.member
    }

    /// Reads where the endpoint is. Tries every URL, each within the deadline of an exchange. Of
    /// several failures, the first that leaves it open is reported: another URL may have had the
    /// answer. Else the first other than "not found".
    ///
    /// # Errors
    /// [`MetadataError`].
    pub async fn endpoint(&self) -> Result<Uri, MetadataError> {
        let mut failure: Option<MetadataError> = None;
        for url in &self.urls {
            match self.read(url).await {
                Ok(endpoint) => return Ok(endpoint),
                Err(error) => match &failure {
                    Some(first) if first.precedence() >= error.precedence() => {}
                    _ => failure = Some(error),
                },
            }
        }
        Err(failure.unwrap_or_else(|| MetadataError::Malformed {
            place: "discovery".to_owned(),
            cause: "no metadata URL is configured".to_owned(),
        }))
    }

    async fn read(&self, url: &Uri) -> Result<Uri, MetadataError> {
        let place = shown(url);
        let document = self.fetcher.get(url, None).await?.document.unwrap_or_default();
        let metadata = Object::parse(&document).map_err(|error| MetadataError::Malformed {
            place: place.clone(),
            cause: format!("the metadata is {error}"),
        })?;
        let issuer = metadata.get("issuer").and_then(Json::as_str);
        if !issuer.is_some_and(|issuer| self.expects(issuer, url)) {
            return Err(MetadataError::IssuerMismatch {
                found: issuer.map_or_else(|| "missing".to_owned(), quoted),
                expected: match &self.issuer {
                    Some(issuer) => format!("{issuer:?}"),
                    None => format!("the issuer whose metadata is at {place}"),
                },
                place,
            });
        }
        let found = metadata.get(self.member).and_then(Json::as_str);
        let refuse = |cause| MetadataError::Endpoint { place, member: self.member, cause };
        acceptable(found, self.allow_http).map_err(refuse)
    }

    fn expects(&self, issuer: &str, url: &Uri) -> bool {
        match &self.issuer {
            Some(expected) => issuer == expected,
            None => {
                metadata_urls(issuer).is_some_and(|urls| urls.iter().any(|own| url == own.as_str()))
            }
        }
    }
}

impl MetadataError {
    /// A response that was read and is wrong, as opposed to a failed fetch.
    pub(super) fn is_verdict(&self) -> bool {
        matches!(self, Self::IssuerMismatch { .. } | Self::Endpoint { .. })
    }

    /// Which of several failures is reported: the highest.
    fn precedence(&self) -> u8 {
        match self {
            Self::Fetch(FetchError::Status { status: 404, .. }) => 0,
            verdict if verdict.is_verdict() => 1,
            _ => 2,
        }
    }
}

/// An absolute https URL without user information; http only towards this machine itself, or
/// where the operator allows it (threats K-4, K-10, K-11).
fn acceptable(endpoint: Option<&str>, allow_http: bool) -> Result<Uri, String> {
    let Some(text) = endpoint else {
        return Err("is missing".to_owned());
    };
    let url: Uri = text.parse().map_err(|error| format!("{} is no URL: {error}", quoted(text)))?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(format!("{} is not an absolute URL", quoted(text)));
    };
    if authority.as_str().contains('@') {
        return Err("holds user information".to_owned());
    }
    match scheme {
        "https" => Ok(url),
        "http" if allow_http || is_loopback(authority.host()) => Ok(url),
        "http" => Err(format!("{} is plain http, expected https", quoted(text))),
        _ => Err(format!("{} is not https", quoted(text))),
    }
}

fn is_loopback(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || v6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok_and(|a| a.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k10_an_endpoint_is_https_or_towards_this_machine() {
        for good in [
            "https://keys.example.net/jwks",
            "http://localhost:8080/jwks",
            "http://127.0.0.9/jwks",
            "http://[::1]:1/jwks",
        ] {
            assert!(acceptable(Some(good), false).is_ok(), "{good}");
        }
    }

    #[test]
    fn k10_k11_any_other_endpoint_is_refused() {
        for bad in [
            "http://idp.example.com/jwks",
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:127.0.0.1]/jwks",
            "http://127.0.0.1@evil.example/jwks",
            "https://localhost@evil.example/jwks",
            "http://127.0.0.1.evil.example/jwks",
            "http://localhost.evil.example/jwks",
            "http://127.1/jwks",
            "ftp://idp.example.com/jwks",
            "file:///etc/passwd",
            "/jwks",
            "",
        ] {
            assert!(acceptable(Some(bad), false).is_err(), "{bad}");
        }
        assert!(acceptable(None, true).is_err());
        assert!(acceptable(Some("http://idp.internal/jwks"), true).is_ok());
        assert!(acceptable(Some("ftp://idp.internal/jwks"), true).is_err());
    }
}
