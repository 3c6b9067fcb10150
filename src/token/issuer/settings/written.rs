//! `[issuers.NAME]`, written back.

use toml::{Table, Value};

use crate::{
    config::values::format_duration,
    config::writer::Writer,
    identity::ClaimPath,
    introspection::settings::written::introspection_table,
    keys::settings::{KeySettings, KeySource},
    policy::comparison,
    token::issuer::settings::{FORMS, IssuerSettings, LogoutSettings},
};

pub(crate) fn issuer_table(issuer: &IssuerSettings) -> Value {
    let writer = Writer::default().text("issuer", &issuer.issuer);
    let writer = match &issuer.audiences {
        Some(audiences) => writer.list("audiences", audiences),
        None => writer.text("audiences", "any"),
    };
    let writer = match issuer.profile {
        Some(profile) => writer.text("profile", profile.name()),
        None => writer.list("token_types", &issuer.token_types),
    };
    binding(claim_rules(writer, issuer), issuer)
        .list("algorithms", issuer.algorithms.iter())
        .duration("clock_skew", issuer.clock_skew)
        .list("require", issuer.require.iter().map(ClaimPath::as_str))
        .optional_value("require_values", comparison::settings::written(&issuer.require_values))
        .switch("accept_without_expiry", !issuer.requires_expiry())
        .optional("max_lifetime", issuer.max_lifetime.map(format_duration))
        .switch("accept_id_tokens", issuer.accept_id_tokens)
        .switch("ignore_binding", issuer.ignore_binding)
        .optional_value("backchannel_logout", issuer.backchannel_logout.as_ref().map(logout_table))
        .optional_value("keys", issuer.keys.as_ref().map(keys_table))
        .optional_value("introspection", issuer.introspection.as_ref().map(introspection_table))
        .table()
}

fn logout_table(logout: &LogoutSettings) -> Value {
    Writer::default().list("client_ids", &logout.client_ids).table()
}

/// What is asked of claims; where nothing is, nothing is written.
fn claim_rules(writer: Writer, issuer: &IssuerSettings) -> Writer {
    let separators = issuer.scopes.separators();
    let writer = writer
        .value("scope_claims", names(issuer.scopes.claims()))
        .list("scope_separators", separators);
    let any = issuer.require_any.iter().map(|claims| names(claims));
    let writer = match any.collect::<Vec<_>>() {
        none if none.is_empty() => writer,
        lists => writer.value("require_any", Value::Array(lists)),
    };
    let word = |form| FORMS.iter().find(|(_, known)| *known == form).map(|(word, _)| *word);
    let formats = issuer.formats.iter().filter_map(|format| {
        Some((format.claim.as_str().to_owned(), Value::from(word(format.form)?)))
    });
    match formats.collect::<Table>() {
        none if none.is_empty() => writer,
        formats => writer.value("formats", formats.into()),
    }
}

fn binding(writer: Writer, issuer: &IssuerSettings) -> Writer {
    let origin = issuer.origin_claim.as_ref().map(ClaimPath::as_str);
    let writer = writer.optional("origin_claim", origin);
    let Some(cookie) = &issuer.cookie_binding else {
        return writer;
    };
    let kind = Writer::default()
        .text("claim", cookie.type_claim.as_str())
        .text("value", &cookie.type_value);
    let binding = Writer::default()
        .text("cookie", &cookie.cookie)
        .text("reference", cookie.reference.as_str())
        .value("type", kind.table());
    writer.value("cookie_binding", binding.table())
}

/// Claims by their names.
pub(crate) fn names(claims: &[ClaimPath]) -> Value {
    Value::Array(claims.iter().map(|claim| Value::from(claim.as_str())).collect())
}

pub(crate) fn keys_table(keys: &KeySettings) -> Value {
    let writer = Writer::default();
    let writer = match &keys.source {
        KeySource::JwksUrl(url) => writer.text("jwks_url", url),
        KeySource::JwkUrl { url, pointer } => {
            writer.text("jwk_url", url).optional("pointer", pointer.as_ref())
        }
        KeySource::Discovery { urls, .. } => match urls.as_slice() {
            [url] => writer.text("discovery", url),
            _ => writer.switch("discovery", true),
        },
        KeySource::JwksFile(path) => writer.path("jwks_file", path),
        KeySource::PemFile(path) => writer.path("pem_file", path),
        // Nothing else has an effect on it.
        KeySource::Hex(key) => return writer.text("hex", key).table(),
        KeySource::SecretFile(path) => writer.path("secret_file", path),
    };
    let writer = writer
        .duration("refresh", keys.refresh)
        .duration("cooldown", keys.cooldown)
        .duration("max_stale", keys.max_stale)
        .size("max_bytes", keys.max_bytes)
        .count("max_keys", keys.max_keys)
        .count("max_rsa_bits", keys.max_rsa_bits);
    if !keys.source.is_remote() {
        return writer.table();
    }
    writer
        .duration("timeout", keys.timeout)
        .optional_path("snapshot", keys.snapshot.as_deref())
        .optional_path("ca_file", keys.ca_file.as_deref())
        .switch("allow_http", allow_http(&keys.source))
        .table()
}

/// Whether the source could not be loaded again without `allow_http = true`.
fn allow_http(source: &KeySource) -> bool {
    match source {
        KeySource::JwksUrl(url) | KeySource::JwkUrl { url, .. } => url.scheme_str() == Some("http"),
        KeySource::Discovery { allow_http, .. } => *allow_http,
        KeySource::JwksFile(_)
        | KeySource::PemFile(_)
        | KeySource::Hex(_)
        | KeySource::SecretFile(_) => false,
    }
}
