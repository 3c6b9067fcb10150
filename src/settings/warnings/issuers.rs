//! Warnings about an issuer's settings.

use super::{WRITABLE_BY_OTHERS, is_mode, is_plain_http, warning};
use crate::{
    introspection::settings::{IntrospectWhen, IntrospectionSettings, key as of_introspection},
    keys::settings::KeySource,
    oauth_client::settings::key as of_client,
    settings::whole::key,
    token::issuer::settings::{IssuerSettings, binding::key as of_binding, key as of_issuer},
};

/// What weakens the verification of an issuer's tokens.
pub(super) fn issuer_warnings(issuer: &IssuerSettings) -> impl Iterator<Item = String> {
    let keys = issuer.keys.as_ref().map(|keys| &keys.source);
    let plain_http = keys.is_some_and(is_plain_http);
    let introspection = issuer.introspection.as_ref();
    let introspected_over_http =
        introspection.is_some_and(|introspection| introspection.client.allow_http);
    let forgets_at_once = issuer.introspection.as_ref().is_some_and(|introspection| {
        introspection.when == IntrospectWhen::Hybrid && introspection.cache_entries == 0
    });
    let distinguishes_kinds = introspection.is_none_or(IntrospectionSettings::distinguishes_kinds);
    let writable = match keys {
        Some(KeySource::JwksFile(path) | KeySource::PemFile(path)) => {
            is_mode(path, WRITABLE_BY_OTHERS)
        }
        Some(
            KeySource::SecretFile(_)
            | KeySource::JwksUrl(_)
            | KeySource::JwkUrl { .. }
            | KeySource::Discovery { .. }
            | KeySource::Hex(_),
        )
        | None => false,
    };
    let expiry_waived = !issuer.requires_expiry();
    let any_tenant = issuer.tenant.as_ref().is_some_and(|tenant| tenant.tenants.is_none());
    let warnings = [
        (
            issuer.audiences.is_none(),
            &[of_issuer::AUDIENCES][..],
            "\"any\" accepts tokens that were made for other services",
        ),
        (
            any_tenant,
            &[of_issuer::TENANTS],
            "absent; any user can make a tenant of the provider, and tokens of all of them pass",
        ),
        (
            expiry_waived,
            &[of_issuer::ACCEPT_WITHOUT_EXPIRY],
            "tokens without \"exp\" are good forever",
        ),
        (
            issuer.accept_id_tokens,
            &[of_issuer::ACCEPT_ID_TOKENS],
            "ID tokens are made for clients, not for services",
        ),
        (
            issuer.binding.ignore,
            &[of_binding::IGNORE_BINDING],
            "a stolen sender-constrained token passes",
        ),
        (
            plain_http,
            &[of_issuer::KEYS],
            "fetched over plain http, where they can be forged on the way",
        ),
        (writable, &[of_issuer::KEYS], "the file can be written by every user of the machine"),
        (
            introspected_over_http,
            &[of_issuer::INTROSPECTION, of_client::ALLOW_HTTP],
            "over plain http, tokens can be read and answers forged",
        ),
        (
            !distinguishes_kinds,
            &[of_issuer::INTROSPECTION, of_introspection::REQUIRE],
            "lists no \"token_type\"; the issuer's refresh tokens pass if it calls them active and \
             says no more of them",
        ),
        (
            forgets_at_once,
            &[of_issuer::INTROSPECTION, of_introspection::CACHE_ENTRIES],
            "0; that a token is not active is forgotten at once, and it passes again until it is \
             asked about",
        ),
    ];
    let applying = warnings.into_iter().filter(|(applies, ..)| *applies);
    applying.map(|(_, names, text)| warning(&[&[key::ISSUERS, &issuer.name], names].concat(), text))
}
