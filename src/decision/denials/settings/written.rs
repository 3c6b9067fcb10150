//! `[denials]`, written back.

use http::HeaderValue;
use toml::{Table, Value};

use crate::{
    config::writer::Writer,
    decision::denials::settings::{
        DenialSettings, OwnAnswerSettings, OwnBodySettings, OwnProfileSettings,
    },
    reason::Class,
};

pub(crate) fn table(denials: &DenialSettings) -> Value {
    let writer = Writer::default()
        .text("profile", denials.name_of(denials.profile))
        .optional("realm", denials.realm.as_ref())
        .switch("expose_reasons", denials.expose_reasons);
    let profiles = denials.profiles.iter();
    let profiles = profiles.map(|profile| (profile.name.clone(), profile_table(profile)));
    let profiles: Table = profiles.collect();
    if profiles.is_empty() {
        return writer.table();
    }
    writer.value("profiles", profiles.into()).table()
}

fn profile_table(profile: &OwnProfileSettings) -> Value {
    let writer = Writer::default().text("based_on", profile.based_on.name());
    let classes = Class::ALL.iter();
    let answers = classes.map(|class| (class.name(), answer_table(profile.by_class.of(*class))));
    answers
        .filter(|(_, answer)| !answer.is_empty())
        .fold(writer, |writer, (class, answer)| writer.value(class, answer.into()))
        .table()
}

fn answer_table(answer: &OwnAnswerSettings) -> Table {
    let mut table = Table::new();
    if let Some(status) = answer.status {
        table.insert("status".to_owned(), i64::from(status.as_u16()).into());
    }
    match &answer.body {
        None => {}
        Some(OwnBodySettings::Empty) => {
            table.insert("body".to_owned(), "".into());
        }
        Some(OwnBodySettings::Text { template, content_type }) => {
            table.insert("content_type".to_owned(), header_text(content_type));
            table.insert("body".to_owned(), template.to_string().into());
        }
    }
    let headers = answer.headers.iter();
    let headers: Table =
        headers.map(|(name, value)| (name.to_string(), header_text(value))).collect();
    if !headers.is_empty() {
        table.insert("headers".to_owned(), headers.into());
    }
    table
}

/// Header values are ASCII where they are read.
fn header_text(value: &HeaderValue) -> Value {
    value.to_str().unwrap_or_default().into()
}
