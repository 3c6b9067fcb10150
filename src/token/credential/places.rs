//! Every place of a configuration that may carry a credential: what the upstream must not see.

use std::{collections::BTreeSet, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, REFERER},
};

use super::{
    CredentialSources, after_scheme, cookie, settings::CredentialSettings, websocket_protocol,
};
use crate::policy::{
    ParameterNames,
    credential::{Ambiguity, CredentialRules, CredentialSource, PlaceSet},
};

/// Every place that any list of a configuration names. A client may send a credential to a route
/// that does not look for it there, and the upstream must not receive it unverified.
#[derive(Debug)]
pub struct CredentialPlaces {
    all: Vec<CredentialSource>,
    parameters: ParameterNames,
    /// Whether all that a request has in these places is one verified credential, once it is
    /// admitted.
    is_verified_whole: bool,
    settings: CredentialSettings,
    usual: Arc<CredentialSources>,
}

/// What the service may have of the credentials in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptCredentials {
    /// The verified token.
    pub verified_token: bool,
    /// `Authorization` as it came, for the service's own use.
    pub authorization: bool,
}

/// Headers with URLs of which one may be that of a request with a token in its query.
const URL_HEADERS: [HeaderName; 5] = [
    REFERER,
    HeaderName::from_static("x-forwarded-uri"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

impl CredentialPlaces {
    /// The places of the settings, and those of the routes' own lists.
    pub fn new<'r>(
        settings: &CredentialSettings,
        of_routes: impl IntoIterator<Item = &'r CredentialRules>,
    ) -> Self {
        let mut all = settings.sources.clone();
        let mut is_partial = false;
        for rules in of_routes {
            is_partial |= rules.sources.is_some() || rules.ambiguous == Some(Ambiguity::First);
            let more = rules.sources.iter().flatten().filter(|source| !settings.has(source));
            for source in more {
                if !all.contains(source) {
                    all.push(source.clone());
                }
            }
        }
        let usual = Arc::new(sources(&all, settings, &CredentialRules::default()));
        let has_protocols =
            all.iter().any(|source| matches!(source, CredentialSource::WebSocketProtocol(_)));
        let names = all.iter().filter_map(|source| match source {
            CredentialSource::Query(name) => Some(name.clone()),
            _ => None,
        });
        Self {
            parameters: ParameterNames::new(names.collect::<BTreeSet<_>>()),
            is_verified_whole: settings.refuses_several() && !is_partial && !has_protocols,
            settings: settings.clone(),
            all,
            usual,
        }
    }

    /// The sources of a route with these rules of its own.
    pub fn of_route(&self, rules: &CredentialRules) -> Arc<CredentialSources> {
        if *rules == CredentialRules::default() {
            return Arc::clone(&self.usual);
        }
        Arc::new(sources(&self.all, &self.settings, rules))
    }

    /// These places; all of them for `None`.
    pub fn set(&self, sources: Option<&[CredentialSource]>) -> PlaceSet {
        let Some(sources) = sources else {
            return PlaceSet::ALL;
        };
        let places = sources.iter().filter_map(|source| position(&self.all, source));
        places.fold(PlaceSet::default(), PlaceSet::with)
    }

    /// The parameters of a query among them.
    pub fn parameters(&self) -> &ParameterNames {
        &self.parameters
    }

    /// Removes from `headers` what the upstream must not see (threats H-10).
    ///
    /// Where the verified token is not kept, that is everything in the places that may carry one.
    /// Where it is, it is everything but that one, which was in `verified`: what the upstream
    /// receives as a token is always a verified token.
    pub fn strip(
        &self,
        headers: &mut HeaderMap,
        verified: Option<PlaceSet>,
        kept: KeptCredentials,
    ) {
        if !self.parameters.is_empty() {
            self.clean_urls(headers);
        }
        let forwarded = verified.filter(|_| kept.verified_token);
        if forwarded.is_some() && self.is_verified_whole {
            return;
        }
        for source in &self.all {
            let is_forwarded = |places: PlaceSet| {
                position(&self.all, source).is_some_and(|place| place.meets(places))
            };
            if forwarded.is_some_and(is_forwarded)
                || (kept.authorization && source.header() == Some(&AUTHORIZATION))
            {
                continue;
            }
            Self::strip_source(source, headers, kept);
        }
        if forwarded.is_some() {
            self.strip_protocols(headers);
        }
    }

    fn strip_source(source: &CredentialSource, headers: &mut HeaderMap, kept: KeptCredentials) {
        match source {
            CredentialSource::Header { name, scheme } => {
                let is_credential = match scheme {
                    Some(scheme) if kept.verified_token => headers
                        .get_all(name)
                        .iter()
                        .any(|value| after_scheme(value.as_bytes(), scheme).is_some()),
                    _ => true,
                };
                if is_credential {
                    headers.remove(name);
                }
            }
            CredentialSource::Cookie { name, chunks, .. } => cookie::strip(headers, name, *chunks),
            // It was taken out of the target, whether the request passes or not.
            CredentialSource::Query(_) => {}
            CredentialSource::WebSocketProtocol(marker) => {
                websocket_protocol::strip(marker, headers);
            }
        }
    }

    /// A token among the protocols is no offer: it never goes on.
    fn strip_protocols(&self, headers: &mut HeaderMap) {
        for source in &self.all {
            if let CredentialSource::WebSocketProtocol(marker) = source {
                websocket_protocol::strip(marker, headers);
            }
        }
    }

    fn clean_urls(&self, headers: &mut HeaderMap) {
        for name in &URL_HEADERS {
            let urls: Vec<_> = headers.get_all(name).iter().cloned().collect();
            headers.remove(name);
            for url in urls {
                let cleaned = match self.parameters.remove_from_url(url.as_bytes()) {
                    None => Some(url),
                    // Of the bytes of a value, and so always one.
                    Some(url) => HeaderValue::from_bytes(&url).ok(),
                };
                if let Some(url) = cleaned {
                    headers.append(name, url);
                }
            }
        }
    }
}

fn sources(
    all: &[CredentialSource],
    settings: &CredentialSettings,
    rules: &CredentialRules,
) -> CredentialSources {
    let own = rules.sources.as_ref().unwrap_or(&settings.sources);
    let placed = own.iter().filter_map(|source| Some((position(all, source)?, source.clone())));
    CredentialSources::new(
        placed.collect(),
        rules.ambiguous.unwrap_or(settings.ambiguous),
        rules.cross_site.as_ref().unwrap_or(&settings.cross_site),
    )
}

fn position(all: &[CredentialSource], source: &CredentialSource) -> Option<PlaceSet> {
    all.iter().position(|known| known == source).map(PlaceSet::only)
}
