//! Upstreams whose settings weaken what is sent to them, or to whom, or switch them off.

use crate::{
    decision::denials::settings::of_maintenance,
    settings::{Settings, whole::key},
    tls::settings::{UpstreamVerification, upstream::key as of_tls},
    upstream::settings::{RetryRule, UpstreamSettings, key as of_upstream},
};

use super::warning;

impl Settings {
    /// One for each such setting.
    pub(super) fn upstream_warnings(&self) -> impl Iterator<Item = String> {
        self.upstreams
            .iter()
            .flat_map(|upstream| [repeats(upstream), trusts_keys(upstream), is_off(upstream)])
            .flatten()
    }
}

fn repeats(upstream: &UpstreamSettings) -> Option<String> {
    let setting = [key::UPSTREAMS, &upstream.name, of_upstream::RETRY];
    let text = "unanswered; what a POST does may be done twice";
    (upstream.retry == RetryRule::Unanswered).then(|| warning(&setting, text))
}

fn trusts_keys(upstream: &UpstreamSettings) -> Option<String> {
    let setting = [key::UPSTREAMS, &upstream.name, of_upstream::TLS, of_tls::VERIFY];
    let text = "pinned keys; neither authority nor name nor expiry of the certificate is verified, \
                and a key that was stolen passes until it is removed here";
    let verification = &upstream.tls.as_ref()?.verification;
    matches!(verification, UpstreamVerification::Pinned(_)).then(|| warning(&setting, text))
}

fn is_off(upstream: &UpstreamSettings) -> Option<String> {
    let setting = [key::UPSTREAMS, &upstream.name, of_maintenance::MAINTENANCE];
    let text = "switched off; its requests are answered with 503 and the text";
    upstream.maintenance.as_ref().map(|_| warning(&setting, text))
}
