//! Where the request is sent.

use http::Uri;

use crate::{
    config::{
        reader::Section,
        urls::{callable, check_fetchable, metadata_urls},
        writer::Writer,
    },
    introspection::settings::{IntrospectionMethod, key},
};

/// Where the request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntrospectionEndpoint {
    /// As configured.
    Url(Uri),
    /// From the issuer's metadata (`introspection_endpoint`).
    Discovery {
        /// Metadata URLs, in the order to try.
        urls: Vec<Uri>,
        /// `true`: the endpoint found may be plain http on a host that is not loopback.
        allow_http: bool,
    },
}

impl IntrospectionEndpoint {
    pub(super) fn write(&self, writer: Writer) -> Writer {
        match self {
            Self::Url(url) => writer.text(key::URL, url),
            Self::Discovery { .. } => writer,
        }
    }
}

const DANGER: &str = "tokens sent over plain http can be read on the way, and answers forged";

/// The URL that is given, or discovery from the issuer.
pub(super) fn endpoint(
    section: &mut Section<'_>,
    issuer: Option<&str>,
    allow_http: bool,
    method: IntrospectionMethod,
) -> Option<IntrospectionEndpoint> {
    if section.peek(key::URL).is_some() {
        return section
            .optional(key::URL, callable(allow_http, DANGER))
            .map(IntrospectionEndpoint::Url);
    }
    section.node(key::URL);
    if method != IntrospectionMethod::Introspect {
        section
            .mistake(key::URL, "missing; no metadata names a validate_token endpoint".to_owned());
        return None;
    }
    let urls: Option<Vec<Uri>> = metadata_urls(issuer?)
        .and_then(|urls| urls.iter().map(|url| check_fetchable(url, allow_http).ok()).collect());
    if urls.is_none() {
        section.mistake(
            key::URL,
            "missing, and the issuer is no https URL that it could be discovered from".to_owned(),
        );
    }
    urls.map(|urls| IntrospectionEndpoint::Discovery { urls, allow_http })
}
