//! Log lines, in each format, to standard error, so that standard output stays the commands' own.
//!
//! A thread of its own writes them from a bounded queue. When standard error is not read, or a
//! flood of refusals produces more lines than can be written, lines are dropped and counted: a
//! worker never waits for a log (threats D-8).

mod format;

use std::io;

use anstream::{AutoStream, ColorChoice};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::ParseError, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use self::format::{Logfmt, WholeLines};
use crate::telemetry::{
    LogLevel,
    settings::{LogFormat, LogSettings},
};

/// Lines that may wait to be written: some seconds' worth of refusals, a few MiB at most.
const QUEUED_LINES: usize = 16 * 1024;

/// The most of a path in a line, in bytes: enough to find the endpoint, and a full queue stays
/// within some 10 MiB however long the paths are.
pub const SHOWN_PATH: usize = 512;
/// The most of a method in a line, in bytes: more than any that is in use.
pub const SHOWN_METHOD: usize = 32;

/// Keeps logging running. Dropping it writes what is queued.
#[derive(Debug)]
pub struct Logs {
    level: LogLevel,
    dropped: ErrorCounter,
    _writer: WorkerGuard,
}

/// Why logging can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is no filter.
    #[error("log.level: {0}")]
    Level(#[from] ParseError),
    /// Logging was set up already in this process.
    #[error("logging is set up already")]
    AlreadySet,
}

/// The beginning of a text from outside, for a log line.
pub fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

impl Logs {
    /// Sets up logging for the process.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn init(settings: &LogSettings) -> Result<Self, LogError> {
        let level = LogLevel::new(&settings.level)?;
        let (writer, guard) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(QUEUED_LINES)
            .thread_name("log")
            .finish(io::stderr());
        let dropped = writer.error_counter();
        let registry = tracing_subscriber::registry().with(level.layer());
        let lines = fmt::layer().with_ansi(is_coloured()).with_writer(writer);
        let outcome = match settings.format {
            LogFormat::Text => registry.with(lines).try_init(),
            LogFormat::Json => registry
                .with(lines.json().flatten_event(true).map_event_format(WholeLines))
                .try_init(),
            LogFormat::Logfmt => registry.with(lines.event_format(WholeLines(Logfmt))).try_init(),
            LogFormat::Common => registry.with(lines.map_event_format(WholeLines)).try_init(),
        };
        outcome.map_err(|_| LogError::AlreadySet)?;
        Ok(Self { level, dropped, _writer: guard })
    }

    /// The level, which can be changed.
    pub fn level(&self) -> &LogLevel {
        &self.level
    }

    /// Counts the lines that could not be written.
    pub fn dropped_lines(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let dropped = self.dropped.clone();
        move || dropped.dropped_lines()
    }
}

/// Whether standard error takes colours: a terminal does, unless `NO_COLOR` or `TERM=dumb` says
/// otherwise; `CLICOLOR_FORCE` colours what is no terminal.
fn is_coloured() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d8_a_text_from_outside_is_cut_between_its_characters() {
        assert_eq!(cut("/loans", 512), "/loans");
        assert_eq!(cut("/loans", 3), "/lo");
        assert_eq!(cut("/é", 2), "/");
    }
}
