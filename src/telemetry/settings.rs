//! `[log]`

mod access;

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing_subscriber::EnvFilter;

use crate::config::{
    reader::Section,
    values::{keyword, parsed},
    writer::{Writer, Written},
};

pub use self::access::{AccessField, AccessMode, RequestLineSettings, SubjectForm};

pub(crate) mod key {
    pub(crate) const LEVEL: &str = "level";
    pub(crate) const FORMAT: &str = "format";
    pub(crate) const ACCESS: &str = "access";
    pub(crate) const ACCESS_LOG: &str = "access_log";
    pub(crate) const FIELDS: &str = "fields";
    pub(crate) const SAMPLE: &str = "sample";
    pub(crate) const SUBJECT: &str = "subject";
    pub(crate) const SUBJECT_KEY_FILE: &str = "subject_key_file";
    pub(crate) const LINES_PER_SECOND: &str = "lines_per_second";
    pub(crate) const BURST: &str = "burst";
    pub(crate) const SUMMARY_INTERVAL: &str = "summary_interval";
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// A `tracing` filter, e.g. `info` or `countersign=debug`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// The lines of requests.
    pub access: RequestLineSettings,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable.
    Text,
    /// For machines: one JSON object a line.
    Json,
    /// For machines and readers: `key=value`.
    Logfmt,
    /// Lines of requests in the Common Log Format, others as text.
    Common,
}

/// Denials and changes of state; nothing per request that passed.
const DEFAULT_LEVEL: &str = "info";

/// What a directive may be that names no part of the program.
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// The names of [`LogFormat`].
const FORMATS: &[(&str, LogFormat)] = &[
    ("text", LogFormat::Text),
    ("json", LogFormat::Json),
    ("logfmt", LogFormat::Logfmt),
    ("common", LogFormat::Common),
];

impl LogSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let level = parsed("a level such as \"info\" or \"countersign=debug\"", |text| {
            check_level(text, STATIC_MAX_LEVEL)?;
            EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
        });
        let level = section.or(key::LEVEL, DEFAULT_LEVEL.to_owned(), level);
        let format = section.or(key::FORMAT, LogFormat::Text, keyword(FORMATS));
        Self { level, format, access: RequestLineSettings::read(section, format) }
    }

    pub(crate) fn write(&self) -> Written {
        let writer = Writer::default().text(key::LEVEL, &self.level).keyword(
            key::FORMAT,
            FORMATS,
            &self.format,
        );
        self.access.write(writer).table()
    }
}

/// Whether the filter works as written in a build that has levels up to `most`: release builds have
/// none below `debug`, which costs less than filtering such lines out. `EnvFilter` would take the
/// filter all the same, and write a warning of its own past the log's format.
fn check_level(text: &str, most: LevelFilter) -> Result<(), String> {
    for directive in text.split(',').map(str::trim) {
        let (target, level) = match directive.rsplit_once('=') {
            Some((target, level)) => (Some(target), level),
            None => (None, directive),
        };
        // Any other text would be taken for a target, and silence all others.
        if target.is_none() && !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            return Err("there is no such level".to_owned());
        }
        // A span without a level has all of them.
        let level = level.parse().unwrap_or(LevelFilter::TRACE);
        if level > most {
            return Err(format!(
                "this build has no level {:?}, only levels up to {:?}",
                level.to_string(),
                most.to_string()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x8_a_level_that_the_build_does_not_have_is_refused() {
        for (text, release, debug) in [
            ("info", true, true),
            ("debug", true, true),
            ("INFO, countersign=DEBUG", true, true),
            ("off", true, true),
            ("countersign=4", true, true),
            ("trace", false, true),
            ("Trace", false, true),
            ("info,countersign::keys=trace", false, true),
            ("info, h2=TRACE ,hyper=warn", false, true),
            ("countersign=5", false, true),
            ("info,[request{method=GET}]", false, true),
            ("[request{method=GET}]=info", true, true),
            ("loud", false, false),
            ("5", false, false),
            ("", false, false),
        ] {
            assert_eq!(check_level(text, LevelFilter::DEBUG).is_ok(), release, "{text:?}");
            assert_eq!(check_level(text, LevelFilter::TRACE).is_ok(), debug, "{text:?}");
        }
        let error = check_level("h2=trace", LevelFilter::DEBUG).unwrap_err();
        assert_eq!(error, "this build has no level \"trace\", only levels up to \"debug\"");
    }
}
