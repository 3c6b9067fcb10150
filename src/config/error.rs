//! Mistakes in a configuration, all of them at once.

use std::fmt;

use super::{origin::ValueOrigin, place::TextPlace};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, dotted, e.g. `issuers.corp.keys.jwks_url`; empty if the mistake is in a file as a
    /// whole.
    pub key: String,
    /// Where the value came from: a file's path, `environment variable X`, `flag --x`; `None` if
    /// the key is missing everywhere.
    pub origin: Option<String>,
    /// Where in the file: the key, the element of a list, or the section that a key is missing in.
    pub place: Option<TextPlace>,
    /// What was found and what was expected. Never holds the user information of a URL.
    pub message: String,
    /// What the value contradicts.
    pub other: Option<OtherPlace>,
}

/// The other key of a contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherPlace {
    /// The key, dotted.
    pub key: String,
    /// Where its value came from, as [`ConfigError::origin`].
    pub origin: String,
    /// Where in the file.
    pub place: Option<TextPlace>,
}

impl ConfigError {
    /// A mistake at an origin.
    pub(crate) fn new(key: String, origin: Option<&ValueOrigin>, message: String) -> Self {
        Self {
            key,
            origin: origin.map(|origin| origin.source.name.clone()),
            place: origin.and_then(|origin| origin.place),
            message,
            other: None,
        }
    }

    /// A mistake of what has no places: a flag, or a file that can't be read.
    pub(crate) fn of_source(key: &str, source: String, message: String) -> Self {
        let key = key.to_owned();
        Self { key, origin: Some(source), place: None, message, other: None }
    }

    /// What was found and what was expected, where the message says both.
    pub fn found_and_expected(&self) -> Option<(&str, &str)> {
        let (found, expected) = self.message.strip_prefix("found ")?.rsplit_once("expected ")?;
        Some((found.trim_end_matches([' ', ',', ';']), expected))
    }
}

impl OtherPlace {
    pub(crate) fn new(key: String, origin: &ValueOrigin) -> Self {
        Self { key, origin: origin.source.name.clone(), place: origin.place }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write_place(f, origin, self.place)?;
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Some(other) = &self.other {
            write!(f, " ({}: ", other.key)?;
            write_place(f, &other.origin, other.place)?;
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// As compilers write it, so that editors can follow it.
fn write_place(f: &mut fmt::Formatter<'_>, origin: &str, place: Option<TextPlace>) -> fmt::Result {
    f.write_str(origin)?;
    match place {
        Some(place) => write!(f, ":{place}"),
        None => Ok(()),
    }
}

impl std::error::Error for ConfigError {}

/// Every mistake of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [_] => f.write_str("the configuration has a mistake:")?,
            mistakes => write!(f, "the configuration has {} mistakes:", mistakes.len())?,
        }
        for mistake in &self.0 {
            // A parser's message may draw the place in several lines.
            let indented = mistake.to_string().replace('\n', "\n    ");
            write!(f, "\n  {indented}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
