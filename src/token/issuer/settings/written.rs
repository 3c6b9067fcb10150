//! `[issuers.NAME]`, written back.

use toml::{Table, Value};

use crate::{
    config::values::format_duration,
    config::writer::Writer,
    identity::ClaimPath,
    introspection::settings::IntrospectionSettings,
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
        .value("keys", issuer.keys.write())
        .optional_value(
            "introspection",
            issuer.introspection.as_ref().map(IntrospectionSettings::write),
        )
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
