//! `strip_prefix`, `rewrite` and `rewrite_location`: what the upstream receives as path.

use crate::{
    config::{
        reader::Section,
        values::{parsed, switch},
        writer::Writer,
    },
    policy::{PathChange, PathPattern, PathTemplate, StrippedPrefix, settings::key},
};

/// What a route does to paths on their way to the upstream, and on their way back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingSettings {
    /// What is sent in place of a request's path.
    pub change: PathChange,
    /// Whether the paths in an answer are turned back.
    pub rewrite_location: bool,
}

impl OutgoingSettings {
    /// `path` is the route's; `None` if that could not be read.
    pub(super) fn read(section: &mut Section<'_>, path: Option<&PathPattern>) -> Self {
        let change = read_change(section, path);
        let rewrite_location = section.or(key::REWRITE_LOCATION, false, switch);
        if rewrite_location && !change.is_reversible() {
            let message = "there is no way back from rewrite; expected one that ends in \
                           \"/{rest}\", or false";
            section.mistake(key::REWRITE_LOCATION, message.to_owned());
        }
        Self { change, rewrite_location }
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let writer = match &self.change {
            PathChange::Keep => writer,
            PathChange::Strip(prefix) => writer.text(key::STRIP_PREFIX, prefix.as_str()),
            PathChange::Rewrite(template) => writer.text(key::REWRITE, template.as_str()),
        };
        writer.switch(key::REWRITE_LOCATION, self.rewrite_location)
    }
}

fn read_change(section: &mut Section<'_>, path: Option<&PathPattern>) -> PathChange {
    if section.peek(key::STRIP_PREFIX).is_some() && section.peek(key::REWRITE).is_some() {
        let message = "rewrite says the whole path already; expected one of them only";
        section.mistake(key::STRIP_PREFIX, message.to_owned());
    }
    let Some(path) = path else {
        // Its mistake is reported, and these can't be judged without it.
        for name in [key::STRIP_PREFIX, key::REWRITE] {
            section.node(name);
        }
        return PathChange::Keep;
    };
    let prefix = "the beginning of the route's path, such as \"/api\"";
    let prefix = parsed(prefix, |text: &str| StrippedPrefix::parse(text, path));
    let template = "a path such as \"/v2/{rest}\"";
    let template = parsed(template, |text: &str| PathTemplate::parse(text, path));
    let prefix = section.optional(key::STRIP_PREFIX, prefix).map(PathChange::Strip);
    let template = section.optional(key::REWRITE, template).map(PathChange::Rewrite);
    prefix.or(template).unwrap_or_default()
}
