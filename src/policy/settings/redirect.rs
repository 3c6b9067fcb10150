//! `redirect`: a route whose requests are answered with another URL.

use http::StatusCode;

use crate::{
    config::{
        reader::Section,
        values::{keyword, parsed, status},
        writer::{Writer, Written},
    },
    policy::{PathPattern, Redirect, RedirectTarget, settings::key},
};

pub(crate) mod redirect_key {
    pub(crate) const TO: &str = "to";
    pub(crate) const STATUS: &str = "status";
    pub(crate) const QUERY: &str = "query";
}

/// Those that a client follows to another URL (RFC 9110 §15.4).
const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
const QUERY: &[(&str, bool)] = &[("keep", true), ("drop", false)];

/// What a redirect has no use for: it needs no token, and nothing is forwarded. `access` may say
/// that it is public.
const IDLE: &[&str] = &[
    key::EXPIRED,
    key::AUTHORIZATION,
    key::CREDENTIAL,
    key::ISSUERS,
    key::SCOPES,
    key::ANY_SCOPES,
    key::CLAIMS,
    key::ACR,
    key::MAX_AGE,
    key::RESOURCE,
    key::SIGNATURE,
    key::UPSTREAM,
    key::UPSTREAM_CREDENTIAL,
    key::LIMIT,
    key::CORS,
    key::STRIP_PREFIX,
    key::REWRITE,
    key::REWRITE_LOCATION,
    key::SET_HEADERS,
    key::ADD_HEADERS,
    key::ADDRESSES,
];

/// Reads `redirect` of a route. `path` is the route's, `None` if that could not be read;
/// `has_hosts`: it lists its hosts.
pub(super) fn read(
    section: &mut Section<'_>,
    path: Option<&PathPattern>,
    has_hosts: bool,
) -> Option<Redirect> {
    for name in IDLE {
        if section.node(name).is_some() {
            let message = "has no effect beside redirect; expected it to be absent";
            section.mistake(name, message.to_owned());
        }
    }
    if section.node(key::ACCESS).is_some_and(|access| access.as_text() != Some(super::PUBLIC)) {
        let message = "a redirect is public; expected \"public\", or it to be absent";
        section.mistake(key::ACCESS, message.to_owned());
    }
    section.section(key::REDIRECT, |redirect| {
        let expected = "a URL such as \"https://api.example.com/{rest}\", or a path";
        let to = path.and_then(|path| {
            let target = parsed(expected, |text: &str| RedirectTarget::parse(text, path));
            redirect.required(redirect_key::TO, expected, target)
        });
        if path.is_none() {
            redirect.node(redirect_key::TO);
        }
        if !has_hosts && to.as_ref().is_some_and(RedirectTarget::has_own_host) {
            let message = "{host} is whatever host a client names; expected a host, or the hosts \
                           of the route in hosts";
            redirect.mistake(redirect_key::TO, message.to_owned());
        }
        let status = redirect.or(
            redirect_key::STATUS,
            StatusCode::PERMANENT_REDIRECT,
            status(|code| STATUSES.contains(&code), "301, 302, 303, 307 or 308"),
        );
        let keeps_query = redirect.or(redirect_key::QUERY, true, keyword(QUERY));
        Some(Redirect { to: to?, status, keeps_query })
    })
}

pub(super) fn write(redirect: &Redirect) -> Written {
    Writer::default()
        .text(redirect_key::TO, redirect.to.as_str())
        .count(redirect_key::STATUS, redirect.status.as_u16().into())
        .keyword(redirect_key::QUERY, QUERY, &redirect.keeps_query)
        .table()
}
