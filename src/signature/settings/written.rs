//! `[signatures.NAME]`, written back.

use toml::{Table, Value};

use crate::{
    config::writer::Writer,
    policy::{comparison::settings::written_value, ids::PerIssuer},
    registry::settings::written::registry_table,
    signature::settings::{
        BodilessSettings, CallerBinding, FACTS, FreshnessSettings, MessageField, ReplaySettings,
        RespondSettings, SignatureSettings, SignerKeys, SignerSource,
    },
    token::issuer::settings::{IssuerSettings, written::keys_table},
};

/// With every default of its profile filled in, it needs none.
pub(crate) fn signature_table(
    signature: &SignatureSettings,
    issuers: &PerIssuer<IssuerSettings>,
) -> Value {
    let writer = Writer::default()
        .list("header", &signature.headers)
        .optional("scheme", signature.scheme.as_ref())
        .list("dialects", signature.dialects.iter())
        .list("algorithms", signature.algorithms.iter())
        .list("critical", &signature.critical)
        .text("kid", if signature.kid_must_match { "match" } else { "ignore" })
        .value("signer", signer(&signature.signer))
        .optional_value("caller", caller(&signature.caller))
        .value("body", bodiless(&signature.bodiless))
        .value("keys", keys(&signature.keys, issuers))
        .value("headers", headers(signature));
    let require = signature.require.iter();
    let require = require.map(|known| (known.parameter.clone(), written_value(&known.value)));
    let writer = match require.collect::<Table>() {
        none if none.is_empty() => writer,
        some => writer.value("require", some.into()),
    };
    writer
        .optional_value("freshness", signature.freshness.as_ref().map(freshness))
        .optional_value("replay", signature.replay.as_ref().map(replay))
        .optional_value("respond", signature.respond.as_ref().map(respond))
        .table()
}

fn signer(signer: &SignerSource) -> Value {
    match signer {
        SignerSource::Claim(claim) => one("claim", claim.as_str()),
        SignerSource::Kid => "kid".into(),
        SignerSource::Parameter(name) => one("header", name),
        SignerSource::Fixed(name) => one("fixed", name),
    }
}

fn caller(caller: &CallerBinding) -> Option<Value> {
    match caller {
        CallerBinding::Claim(claim) => Some(one("claim", claim.as_str())),
        CallerBinding::Unrelated => Some("unrelated".into()),
        CallerBinding::Registry(field) => Some(one("registry", field.as_str())),
        CallerBinding::SignerIsClaim | CallerBinding::NoToken => None,
    }
}

fn bodiless(bodiless: &BodilessSettings) -> Value {
    match bodiless {
        BodilessSettings::Refused => "required".into(),
        BodilessSettings::Path(path) => {
            let path = Writer::default()
                .optional("strip_prefix", path.prefix.as_ref())
                .switch("query", path.with_query);
            Writer::default().value("path", path.table()).table()
        }
    }
}

fn keys(keys: &SignerKeys, issuers: &PerIssuer<IssuerSettings>) -> Value {
    match keys {
        SignerKeys::Issuer(issuer) => one("issuer", &issuers.get(*issuer).name),
        SignerKeys::Set(keys) => keys_table(keys),
        SignerKeys::Registry(registry) => {
            Writer::default().value("registry", registry_table(registry)).table()
        }
    }
}

fn headers(signature: &SignatureSettings) -> Value {
    let headers = signature.forward.iter().map(|forward| {
        let fact = FACTS.iter().find(|(_, fact)| *fact == forward.fact);
        (forward.header.to_string(), Value::from(fact.map_or("", |(name, _)| name)))
    });
    headers.collect::<Table>().into()
}

fn freshness(freshness: &FreshnessSettings) -> Value {
    Writer::default()
        .optional_value("issued", freshness.issued.as_ref().map(field))
        .duration("max_age", freshness.max_age)
        .optional_value("expires", freshness.expires.as_ref().map(field))
        .duration("clock_skew", freshness.clock_skew)
        .table()
}

fn replay(replay: &ReplaySettings) -> Value {
    Writer::default()
        .value("id", field(&replay.id))
        .duration("window", replay.window)
        .count("entries", replay.entries)
        .table()
}

fn respond(respond: &RespondSettings) -> Value {
    Writer::default()
        .path("key", &respond.key.file)
        .text("header", &respond.header)
        .optional("dialect", respond.dialect)
        .size("max_bytes", respond.max_bytes)
        .table()
}

fn field(field: &MessageField) -> Value {
    match field {
        MessageField::Parameter(name) => one("header", name),
        MessageField::Body(place) => one("body", place.as_str()),
    }
}

fn one(name: &str, text: &str) -> Value {
    Writer::default().text(name, text).table()
}
