//! The issuer's metadata: OpenID Connect Discovery 1.0 and RFC 8414.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use http::Uri;
use tokio::time::Instant;

use crate::{
    config::{IssuerSettings, KeySource},
    jose::{Json, Object},
    keys::{
        KeyError,
        error::quoted,
        fetch::{Fetcher, shown},
    },
};

/// Finds the `jwks_uri` of one issuer.
///
/// The metadata must name exactly the configured issuer (threat K-10). Its `jwks_uri` may be on
/// another host, as Google's is: who can publish under the issuer's own name may choose where.
#[derive(Debug)]
pub(super) struct Discovery {
    urls: Vec<Uri>,
    issuer: String,
    allow_http: bool,
    found: Option<(Uri, Instant)>,
}

/// Metadata is read again after this time, and whenever its JWKS can't be had: providers move
/// their keys once in years, and a refresh should be one fetch, not two.
const METADATA_LIFETIME: Duration = Duration::from_hours(1);

impl Discovery {
    pub(super) fn new(settings: &IssuerSettings) -> Self {
        let (urls, allow_http) = match &settings.keys.source {
            KeySource::Discovery { urls, allow_http } => (urls.clone(), *allow_http),
            _ => (Vec::new(), false),
        };
        Self { urls, issuer: settings.issuer.clone(), allow_http, found: None }
    }

    /// Where the JWKS is. If metadata that was read before can't be read again, what it said
    /// holds on: as long as the keys themselves can be had, nobody needs to notice.
    pub(super) async fn jwks_uri(&mut self, fetcher: &mut Fetcher) -> Result<Uri, KeyError> {
        let known = self.found.clone();
        if let Some((url, read_at)) = &known
            && read_at.elapsed() < METADATA_LIFETIME
        {
            return Ok(url.clone());
        }
        match (self.ask(fetcher).await, known) {
            (Ok(url), _) => {
                self.found = Some((url.clone(), Instant::now()));
                Ok(url)
            }
            (Err(error), Some((url, _))) if !is_verdict(&error) => {
                tracing::warn!(issuer = self.issuer, %error, "metadata can't be read again");
                Ok(url)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The next question begins with the metadata.
    pub(super) fn forget(&mut self) {
        self.found = None;
    }

    /// Tries every URL. Of several failures, the first that says more than "not here" is told.
    async fn ask(&self, fetcher: &mut Fetcher) -> Result<Uri, KeyError> {
        let mut failure = None;
        for url in &self.urls {
            match self.read(url, fetcher).await {
                Ok(jwks_uri) => return Ok(jwks_uri),
                Err(error) => match &failure {
                    Some(first) if !is_not_found(first) || is_not_found(&error) => {}
                    _ => failure = Some(error),
                },
            }
        }
        Err(failure.unwrap_or_else(|| KeyError::Malformed {
            place: "discovery".to_owned(),
            cause: "no metadata URL is configured".to_owned(),
        }))
    }

    async fn read(&self, url: &Uri, fetcher: &mut Fetcher) -> Result<Uri, KeyError> {
        let place = shown(url);
        let document = fetcher.get(url, None).await?.document.unwrap_or_default();
        let metadata = Object::parse(&document).map_err(|error| KeyError::Malformed {
            place: place.clone(),
            cause: format!("the metadata is {error}"),
        })?;
        let issuer = metadata.get("issuer").and_then(Json::as_str);
        if issuer != Some(&self.issuer) {
            return Err(KeyError::IssuerMismatch {
                place,
                found: issuer.map_or_else(|| "missing".to_owned(), quoted),
                expected: self.issuer.clone(),
            });
        }
        let found = metadata.get("jwks_uri").and_then(Json::as_str);
        acceptable(found, self.allow_http).map_err(|cause| KeyError::JwksUri { place, cause })
    }
}

/// An answer that was read and says that something is wrong, not that it could not be had.
fn is_verdict(error: &KeyError) -> bool {
    matches!(error, KeyError::IssuerMismatch { .. } | KeyError::JwksUri { .. })
}

fn is_not_found(error: &KeyError) -> bool {
    matches!(error, KeyError::Status { status: 404, .. })
}

/// An absolute https URL without user information; http only towards this machine itself, or
/// where the operator allows it (threats K-4, K-10, K-11).
fn acceptable(jwks_uri: Option<&str>, allow_http: bool) -> Result<Uri, String> {
    let Some(text) = jwks_uri else {
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
    fn k10_a_jwks_uri_is_https_or_towards_this_machine() {
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
    fn k10_k11_any_other_jwks_uri_is_refused() {
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
