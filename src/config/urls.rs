//! URLs of key sources: https, or plain http to this machine itself.

use std::net::IpAddr;

use http::Uri;

use super::{node::Node, reader::Parsed};

/// Reads the URL of keys to fetch.
pub(crate) fn fetchable(allow_http: bool) -> impl Fn(&Node) -> Parsed<Uri> {
    callable(allow_http, "keys fetched over plain http can be forged on the way")
}

/// Reads the URL of an endpoint. `danger` is what can happen over plain http.
pub(crate) fn callable(allow_http: bool, danger: &'static str) -> impl Fn(&Node) -> Parsed<Uri> {
    move |node| {
        let text = node.as_text().ok_or_else(|| node.mismatch("a URL"))?;
        check_fetchable(text, allow_http).map_err(|mistake| match mistake {
            UrlMistake::UserInformation => {
                "the URL holds a user name or password; expected one without".to_owned()
            }
            UrlMistake::Syntax => node.mismatch("a URL such as \"https://idp.example.com/jwks\""),
            UrlMistake::PlainHttp => node.mismatch(&format!(
                "a URL with https, since {danger} (allow_http = true permits it all the same)"
            )),
        })
    }
}

/// Why a text is no URL to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlMistake {
    /// Not an absolute http or https URL, or one with a fragment.
    Syntax,
    /// A user name or password in it: it would end up in logs.
    UserInformation,
    /// http, to a host that is not this machine.
    PlainHttp,
}

/// An absolute https URL; http only to this machine or if allowed.
pub(crate) fn check_fetchable(text: &str, allow_http: bool) -> Result<Uri, UrlMistake> {
    if reveals_user_information(text) {
        return Err(UrlMistake::UserInformation);
    }
    // `http::Uri` silently drops a fragment.
    if text.contains('#') {
        return Err(UrlMistake::Syntax);
    }
    let url: Uri = text.parse().map_err(|_| UrlMistake::Syntax)?;
    let host = url.host().unwrap_or_default();
    match url.scheme_str() {
        _ if host.is_empty() => Err(UrlMistake::Syntax),
        Some("https") => Ok(url),
        Some("http") if allow_http || is_loopback(host) => Ok(url),
        Some("http") => Err(UrlMistake::PlainHttp),
        _ => Err(UrlMistake::Syntax),
    }
}

/// Where an issuer publishes its metadata: OpenID Connect Discovery 1.0 §4 appends to the issuer,
/// RFC 8414 §3.1 inserts before its path. `None` if the issuer is no URL that can be fetched.
pub(crate) fn metadata_urls(issuer: &str) -> Option<Vec<String>> {
    let url: Uri = issuer.parse().ok()?;
    let scheme = url.scheme_str()?;
    let authority = url.authority()?;
    if url.query().is_some() || issuer.contains('#') {
        return None;
    }
    let path = url.path().trim_end_matches('/');
    let base = format!("{scheme}://{authority}");
    Some(vec![
        format!("{base}{path}/.well-known/openid-configuration"),
        format!("{base}/.well-known/oauth-authorization-server{path}"),
    ])
}

/// Whether a text that should be a URL has something like `user:password@` in it. Such a text is
/// never quoted in a message.
pub(crate) fn reveals_user_information(text: &str) -> bool {
    let after_scheme = text.split_once("//").map_or(text, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains('@'))
}

/// Whether a host is this machine itself: what is sent there can't be read on the way.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // RFC 6761 §6.3: `localhost` and everything below it.
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_of_an_issuer_with_a_path_is_appended_and_inserted() {
        let urls = metadata_urls("https://idp.example.com/realms/a/").unwrap();
        assert_eq!(
            urls,
            [
                "https://idp.example.com/realms/a/.well-known/openid-configuration",
                "https://idp.example.com/.well-known/oauth-authorization-server/realms/a",
            ]
        );
    }

    #[test]
    fn metadata_of_an_issuer_without_a_path() {
        let urls = metadata_urls("http://localhost:3000").unwrap();
        assert_eq!(
            urls,
            [
                "http://localhost:3000/.well-known/openid-configuration",
                "http://localhost:3000/.well-known/oauth-authorization-server",
            ]
        );
    }

    #[test]
    fn an_issuer_that_is_no_plain_url_has_no_metadata() {
        for issuer in ["corp", "https://idp/?tenant=a", "https://idp/#a", "/idp"] {
            assert_eq!(metadata_urls(issuer), None, "{issuer}");
        }
    }

    #[test]
    fn k11_plain_http_is_for_this_machine_only() {
        for local in [
            "http://localhost:1/",
            "http://127.0.0.9/jwks",
            "http://[::1]:3000/jwks",
            "http://idp.localhost/jwks",
        ] {
            assert!(check_fetchable(local, false).is_ok(), "{local}");
        }
        for remote in [
            "http://idp.example.com/jwks",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            let refused = check_fetchable(remote, false);
            assert_eq!(refused, Err(UrlMistake::PlainHttp), "{remote}");
            assert!(check_fetchable(remote, true).is_ok(), "{remote}");
        }
    }

    #[test]
    fn k11_urls_that_hide_another_host_are_refused() {
        for (text, mistake) in [
            ("http://a@b/", UrlMistake::UserInformation),
            ("https://user:pw@idp.example.com/", UrlMistake::UserInformation),
            ("https://idp.example.com/#x", UrlMistake::Syntax),
            ("https:///jwks", UrlMistake::Syntax),
            ("ftp://idp.example.com/", UrlMistake::Syntax),
            ("idp.example.com/jwks", UrlMistake::Syntax),
            ("", UrlMistake::Syntax),
        ] {
            assert_eq!(check_fetchable(text, true), Err(mistake), "{text}");
        }
    }
}
