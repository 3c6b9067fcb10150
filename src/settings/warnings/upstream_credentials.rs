//! Warnings about what upstreams receive as credential.

use http::Uri;

use super::warning;
use crate::{
    config::urls::is_loopback,
    oauth_client::settings::key as of_client,
    policy::upstream_credential::CredentialChoice,
    settings::{Settings, whole::key},
    upstream::settings::{UpstreamSettings, key as of_upstream},
};

impl Settings {
    /// What makes a credential easier to steal, and what is obtained for nothing.
    pub(super) fn upstream_credential_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let routes = self.routes.all().iter();
        let choices: Vec<_> =
            routes.map(|it| (it.destination.upstream(), self.credential_choice(it))).collect();
        for (id, credential) in self.upstream_credentials.iter_with_ids() {
            let of_one = [key::UPSTREAM_CREDENTIALS, &*credential.name];
            if !choices.iter().any(|(_, choice)| *choice == CredentialChoice::Own(id)) {
                warnings.push(warning(&of_one, "no route has it"));
            }
            if credential.grant().is_some_and(|grant| grant.client.allow_http) {
                let text = "over plain http, secrets and tokens can be read on the way";
                warnings.push(warning(&[&of_one[..], &[of_client::ALLOW_HTTP]].concat(), text));
            }
        }
        for (id, upstream) in self.upstreams.iter_with_ids() {
            let is_sent =
                |(to, choice): &(_, _)| *to == Some(id) && *choice != CredentialChoice::None;
            if choices.iter().any(is_sent) && is_plain_elsewhere(upstream) {
                let text = "credentials are sent there without TLS, and can be read on the way";
                warnings.push(warning(&[key::UPSTREAMS, &upstream.name, of_upstream::URL], text));
            }
        }
        warnings
    }
}

/// Whether what is sent there leaves this machine without TLS.
fn is_plain_elsewhere(upstream: &UpstreamSettings) -> bool {
    let Ok(url) = upstream.address.to_string().parse::<Uri>() else {
        return false;
    };
    let is_plain = matches!(url.scheme_str(), Some("http" | "h2c"));
    is_plain && !url.host().is_some_and(is_loopback)
}
