//! `[shared]`, written back.

use toml::Value;

use crate::{
    config::writer::Writer,
    shared::settings::{Integrity, SharedSettings},
};

pub(crate) fn shared_table(shared: &SharedSettings) -> Value {
    let writer = Writer::default()
        .text("url", &shared.address)
        .optional("username", shared.username.as_ref())
        .optional_path("password_file", shared.password_file.as_deref())
        .optional_path("ca_file", shared.ca_file.as_deref())
        .text("prefix", &shared.prefix)
        .duration("timeout", shared.timeout);
    match &shared.integrity {
        Integrity::KeyFile(path) => writer.path("integrity_key_file", path),
        Integrity::None => writer.text("integrity", "none"),
    }
    .table()
}
