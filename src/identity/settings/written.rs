//! `[identity]`, written back.

use toml::{Table, Value};

use crate::{
    config::writer::Writer,
    identity::{
        AssertedClaims,
        assertion::settings::{AssertionSettings, ENCODINGS},
    },
};

pub(crate) fn assertion_table(assertion: &AssertionSettings) -> Value {
    let writer = Writer::default()
        .text("header", &assertion.header)
        .path("private_key_file", &assertion.private_key_file)
        .text("algorithm", assertion.key.algorithm())
        .text("kid", assertion.key.kid())
        .optional_path("previous_keys_file", assertion.previous_keys_file.as_deref())
        .text("issuer", &assertion.issuer)
        .optional("audience", assertion.audience.as_ref())
        .duration("lifetime", assertion.lifetime);
    let writer = match &assertion.claims {
        AssertedClaims::All => writer.text("claims", "all"),
        AssertedClaims::Listed(names) if names.is_empty() => writer.text("claims", "none"),
        AssertedClaims::Listed(names) => writer.list("claims", names),
    };
    let encoding = ENCODINGS.iter().find(|(_, known)| *known == assertion.encoding);
    let writer = writer.optional("encoding", encoding.map(|(name, _)| name));
    if assertion.mapping.is_empty() {
        return writer.table();
    }
    let mapping = assertion.mapping.iter();
    let mapping: Table =
        mapping.map(|(name, path)| (name.clone(), Value::from(path.as_str()))).collect();
    writer.value("mapping", mapping.into()).table()
}
