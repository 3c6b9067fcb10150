//! `[signatures.NAME.keys.registry]`, written back.

use toml::{Table, Value};

use crate::{
    config::writer::Writer,
    oauth_client::settings::written::{client_bounds, client_proof},
    policy::comparison::settings::written_value,
    registry::settings::{RegistrySettings, SelectSettings},
};

pub(crate) fn registry_table(registry: &RegistrySettings) -> Value {
    let writer = Writer::default()
        .text("url", &registry.url)
        .optional("pointer", registry.pointer.as_ref())
        .text("format", registry.format_word())
        .optional_value("select", registry.select.as_ref().map(select));
    let writer = client_proof(writer, &registry.client);
    let require = registry.require.iter();
    let require = require.map(|it| (it.field.as_str().to_owned(), written_value(&it.value)));
    let writer = match require.collect::<Table>() {
        none if none.is_empty() => writer,
        some => writer.value("require", some.into()),
    };
    let writer = writer
        .duration("refresh", registry.refresh)
        .duration("max_stale", registry.max_stale)
        .duration("negative_ttl", registry.negative_ttl)
        .duration("cooldown", registry.cooldown)
        .count("entries", registry.entries);
    client_bounds(writer, &registry.client)
        .optional_path("snapshot", registry.snapshot.as_deref())
        .table()
}

fn select(select: &SelectSettings) -> Value {
    Writer::default()
        .optional("list", select.list.as_ref())
        .text("member", select.member.as_str())
        .table()
}
