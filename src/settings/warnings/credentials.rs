//! Warnings about the places of credentials.

use super::warning;
use crate::{
    policy::{
        credential::{CredentialSource, CrossSite, key as of_credential},
        settings::key as of_route,
    },
    settings::{Settings, whole::key},
    token::credential::settings::key as of_tokens,
};

impl Settings {
    /// What makes a token easier to steal, or to use without its owner's will.
    pub(super) fn credential_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let sources = [key::CREDENTIAL, of_credential::SOURCES];
        if self.credential_sources().any(|source| matches!(source, CredentialSource::Query(_))) {
            let mut text = "a token in the query is kept by histories of browsers and logs of \
                            whatever is in between"
                .to_owned();
            if self.listeners.iter().any(|listener| listener.tls.is_none()) {
                text.push_str(", and without TLS up to here it can be read on the way");
            }
            warnings.push(warning(&sources, &text));
        }
        let is_never_forwarded = |source: &CredentialSource| {
            matches!(source, CredentialSource::Query(_) | CredentialSource::WebSocketProtocol(_))
        };
        if self.credential.forward && self.credential_sources().any(is_never_forwarded) {
            let text = "a token of a query or of a WebSocket's protocols is not sent on";
            warnings.push(warning(&[key::CREDENTIAL, of_tokens::FORWARD], text));
        }
        let any_site = "\"allow\"; any site can make a browser send requests in the name of its \
                        user, unless the service itself refuses them";
        if self.credential.cross_site == CrossSite::Allow {
            warnings.push(warning(&[key::CREDENTIAL, of_credential::CROSS_SITE], any_site));
        }
        for (id, route) in self.routes.all().iter_with_ids() {
            if route.credential.cross_site == Some(CrossSite::Allow) {
                let route = format!("{}[{}]", of_route::ROUTES, id.position());
                let setting = [&*route, of_route::CREDENTIAL, of_credential::CROSS_SITE];
                warnings.push(warning(&setting, any_site));
            }
        }
        warnings
    }
}
