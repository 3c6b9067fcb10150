//! `[issuers.NAME.introspection]`, written back.

use toml::{Table, Value};

use crate::config::{ClientProof, IntrospectionEndpoint, IntrospectionSettings};

use super::Writer;

pub(super) fn introspection_table(settings: &IntrospectionSettings) -> Value {
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
    client_proof(writer, &settings.client)
        .optional("token_type_hint", hint.first().map(|(_, value)| value))
        .optional_value("parameters", (!parameters.is_empty()).then(|| parameters.into()))
        .value("issuers", any_or(&settings.issuers))
        .value("audiences", any_or(&settings.audiences))
        .value("client_ids", any_or(&settings.client_ids))
        .list("token_types", &settings.token_types)
        .list("subject", &settings.subject)
        .switch("signed", settings.signed)
        .duration("cache_ttl", settings.cache_ttl)
        .duration("negative_ttl", settings.negative_ttl)
        .duration("stale_if_error", settings.stale_if_error)
        .count("cache_entries", settings.cache_entries)
        .size("cache_bytes", settings.cache_bytes)
        .duration("timeout", settings.timeout)
        .count("concurrency", settings.concurrency)
        .duration("recheck", settings.recheck)
        .size("max_bytes", settings.max_bytes)
        .switch("allow_http", settings.allow_http)
        .optional_path("ca_file", settings.ca_file.as_deref())
        .optional_path("client_certificate", settings.identity.as_ref().map(|i| &*i.certificate))
        .optional_path("client_key", settings.identity.as_ref().map(|i| &*i.private_key))
        .table()
}

pub(super) fn client_proof(writer: Writer, client: &ClientProof) -> Writer {
    let writer = writer.text("auth", client.auth_word());
    match client {
        ClientProof::Nobody => writer,
        ClientProof::Id(client_id) => writer.text("client_id", client_id),
        ClientProof::Basic { user, secret_file, encoded: true } => {
            writer.text("client_id", user).path("client_secret_file", secret_file)
        }
        ClientProof::Basic { user, secret_file, encoded: false } => {
            writer.text("username", user).path("password_file", secret_file)
        }
        ClientProof::Post { client_id, secret_file } => {
            writer.text("client_id", client_id).path("client_secret_file", secret_file)
        }
        ClientProof::PrivateKeyJwt { client_id, key_file, audience } => writer
            .text("client_id", client_id)
            .path("private_key_file", key_file)
            .optional("assertion_audience", audience.as_ref()),
        ClientProof::Bearer { token_url, scope, client } => {
            let writer = writer
                .text("token_url", token_url)
                .optional("token_scope", scope.as_ref())
                .text("token_auth", client.auth_word());
            match &**client {
                ClientProof::Basic { user, secret_file, .. }
                | ClientProof::Post { client_id: user, secret_file } => {
                    writer.text("client_id", user).path("client_secret_file", secret_file)
                }
                _ => writer,
            }
        }
    }
}
