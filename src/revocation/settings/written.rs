//! `[revocation]`, written back.

use toml::Value;

use crate::{
    config::writer::Writer,
    revocation::settings::{ListSettings, ListSource, ON_FAILURE, RevocationSettings},
};

pub(crate) fn revocation_table(revocation: &RevocationSettings) -> Value {
    let writer = Writer::default();
    let writer = match &revocation.list {
        Some(list) => list_members(writer, list),
        None => writer,
    };
    writer
        .duration("logout_ttl", revocation.logout_ttl)
        .count("max_logouts", revocation.max_logouts)
        .table()
}

fn list_members(writer: Writer, list: &ListSettings) -> Writer {
    let on_failure = ON_FAILURE.iter().find(|(_, known)| *known == list.on_failure);
    let writer = writer
        .duration("refresh", list.refresh)
        .duration("max_stale", list.max_stale)
        .optional("on_failure", on_failure.map(|(word, _)| word))
        .size("max_bytes", list.max_bytes)
        .count("max_entries", list.max_entries);
    match &list.source {
        ListSource::File(path) => writer.path("file", path),
        ListSource::Url(url) => writer
            .text("url", url)
            .duration("timeout", list.timeout)
            .optional_path("ca_file", list.ca_file.as_deref())
            .switch("allow_http", url.scheme_str() == Some("http")),
    }
}
