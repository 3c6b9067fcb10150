//! `[log]`

use tracing_subscriber::EnvFilter;

use super::{
    reader::Section,
    values::{parsed, switch, word},
};

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// A `tracing` filter, e.g. `info` or `countersign=debug`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// `true`: a line per request, not only per denial.
    pub access_log: bool,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Denials and changes of state; nothing per request that passed.
const DEFAULT_LEVEL: &str = "info";

/// What a directive may be that names no part of the program.
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// The names of [`LogFormat`].
pub(super) const FORMATS: &[(&str, LogFormat)] =
    &[("text", LogFormat::Text), ("json", LogFormat::Json)];

impl LogSettings {
    pub(super) fn build(section: &mut Section<'_>) -> Self {
        let level = parsed("a level such as \"info\" or \"countersign=debug\"", |text| {
            let is_level =
                |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word.trim()));
            // Any other word would be taken for a part of the program, and silence all others.
            if !text.split(',').all(|directive| directive.contains('=') || is_level(directive)) {
                return Err("there is no such level".to_owned());
            }
            EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
        });
        Self {
            level: section.or("level", DEFAULT_LEVEL.to_owned(), level),
            format: section.or("format", LogFormat::Text, word(FORMATS)),
            access_log: section.or("access_log", false, switch),
        }
    }
}
