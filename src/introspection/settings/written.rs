//! `[issuers.NAME.introspection]`, written back.

use toml::{Table, Value};

use crate::{
    config::writer::Writer,
    identity::ClaimPath,
    introspection::settings::{IntrospectionEndpoint, IntrospectionSettings},
    oauth_client::settings::written::{client_bounds, client_proof},
};

pub(crate) fn introspection_table(settings: &IntrospectionSettings) -> Value {
    let any_or = |list: &Option<Vec<String>>| match list {
        None => Value::from("any"),
        Some(list) => Value::Array(list.iter().cloned().map(Value::from).collect()),
    };
    let (hint, parameters): (Vec<_>, Vec<_>) =
        settings.parameters.iter().partition(|(name, _)| name == "token_type_hint");
    let written = |(name, value): &(String, String)| (name.clone(), Value::from(value.as_str()));
    let parameters: Table = parameters.into_iter().map(written).collect();
    let writer = Writer::default().text("when", settings.when_word());
    let writer = writer.text("method", settings.method_word());
    let writer = match &settings.endpoint {
        IntrospectionEndpoint::Url(url) => writer.text("url", url),
        IntrospectionEndpoint::Discovery { .. } => writer,
    };
    let writer = client_proof(writer, &settings.client)
        .optional("token_type_hint", hint.first().map(|(_, value)| value))
        .optional_value("parameters", (!parameters.is_empty()).then(|| parameters.into()))
        .value("issuers", any_or(&settings.issuers))
        .value("audiences", any_or(&settings.audiences))
        .value("client_ids", any_or(&settings.client_ids))
        .list("token_types", &settings.token_types)
        .list("require", settings.require.iter().map(ClaimPath::as_str))
        .list("subject", &settings.subject)
        .switch("signed", settings.signed)
        .duration("cache_ttl", settings.cache_ttl)
        .duration("negative_ttl", settings.negative_ttl)
        .duration("stale_if_error", settings.stale_if_error)
        .count("cache_entries", settings.cache_entries)
        .size("cache_bytes", settings.cache_bytes)
        .duration("recheck", settings.recheck);
    client_bounds(writer, &settings.client).table()
}
