//! The formats of a configuration file: each becomes the same tree, with the place of every value.

mod json;
mod toml;
mod yaml;

use std::{path::Path, sync::Arc};

use super::{node::Node, origin::OriginSource, place::TextPlace};

/// The format of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.0.
    Toml,
    /// YAML 1.2.
    Yaml,
    /// JSON (RFC 8259).
    Json,
}

/// Why a text is no configuration in its format.
#[derive(Debug)]
pub(crate) struct FormatError {
    /// Where, if the parser says so.
    pub(crate) place: Option<TextPlace>,
    /// What is wrong.
    pub(crate) message: String,
}

impl FormatError {
    fn at(place: TextPlace, message: impl Into<String>) -> Self {
        Self { place: Some(place), message: message.into() }
    }
}

impl Format {
    /// By the extension of a file's name.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// By the content of a text without a name: JSON begins with a brace; of the others, the one
    /// that it can be parsed as. TOML is tried first, and no text of more than a line is both.
    pub(crate) fn of_content(text: &str, source: &Arc<OriginSource>) -> Self {
        if text.trim_start().starts_with('{') {
            return Self::Json;
        }
        let is_yaml =
            Self::Toml.parse(text, source).is_err() && Self::Yaml.parse(text, source).is_ok();
        if is_yaml { Self::Yaml } else { Self::Toml }
    }

    /// The tree of a text, which is always a table.
    pub(crate) fn parse(self, text: &str, source: &Arc<OriginSource>) -> Result<Node, FormatError> {
        match self {
            Self::Toml => toml::parse(text, source),
            Self::Yaml => yaml::parse(text, source),
            Self::Json => json::parse(text, source),
        }
    }
}

#[cfg(test)]
mod tests;
