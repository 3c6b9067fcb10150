//! Mistakes in a configuration, all of them at once.

use std::fmt;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, dotted, e.g. `issuers.corp.keys.jwks_url`; empty if the mistake is in a file as a
    /// whole.
    pub key: String,
    /// Where the value came from: a file's path, `environment variable X`, `flag --x`; `None` if
    /// the key is missing everywhere.
    pub origin: Option<String>,
    /// What was found and what was expected. Never holds the user information of a URL.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
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
