//! Which requests have a line in the log, and what is in it.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use crate::config::{
    files::readable_file,
    reader::Section,
    values::{count, duration, first_duplicate, fraction, keyword, switch},
    writer::{Writer, Written},
};

use super::{LogFormat, key};

/// Which requests have a line, and what is in it.
#[derive(Debug, Clone)]
pub struct RequestLineSettings {
    /// Which requests have one.
    pub access: AccessMode,
    /// What is in it, in this order.
    pub fields: Vec<AccessField>,
    /// Of requests that pass, the share that has one: 0 to 1.
    pub sample: f64,
    /// How it names the subject of a token.
    pub subject: SubjectForm,
    /// The key of hashed subjects; `None`: one that is made at the start.
    pub subject_key_file: Option<PathBuf>,
    /// How many lines a second each reason of a refusal may have.
    pub lines_per_second: usize,
    /// How many lines of a reason may come at once.
    pub burst: usize,
    /// How often it is said what was left out, and how often failures go on.
    pub summary_interval: Duration,
}

/// Which requests have a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// None.
    Off,
    /// Those with an answer of 500 or more, the service's own included, or with one that breaks off.
    Errors,
    /// Those that are refused, or that the upstream does not answer.
    Denials,
    /// All.
    All,
}

/// How a line names the subject of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectForm {
    /// Not at all.
    None,
    /// By a keyed hash: equal subjects have equal hashes.
    Hash,
    /// As the token does.
    Plain,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What may be in a line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum AccessField {
            $($(#[$doc])* $name,)*
        }

        /// In the order in which a line has them by default.
        const FIELDS: &[(&str, AccessField)] = &[$(($text, AccessField::$name),)*];

        impl AccessField {
            /// Each of them, in that order.
            pub fn all() -> impl Iterator<Item = Self> {
                FIELDS.iter().map(|(_, field)| *field)
            }

            /// Its name in settings and lines.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

fields! {
    /// When the request ended.
    Time = "time",
    /// Why it is refused.
    Reason = "reason",
    /// What the refusal is about.
    About = "about",
    /// What was found there.
    Found = "found",
    /// What would have been right.
    Expected = "expected",
    /// The setting that decides.
    Setting = "setting",
    /// What to do.
    Hint = "hint",
    /// The route.
    Route = "route",
    /// The issuer of the token, as the configuration calls it.
    Issuer = "issuer",
    /// Whose token it is.
    Subject = "subject",
    /// Through which client it was obtained.
    ClientId = "client_id",
    /// The id of its key.
    Kid = "kid",
    /// Whether its signature was verified: `verified` or `unverified`.
    Token = "token",
    /// The client's address.
    Client = "client",
    /// The listener.
    Listener = "listener",
    /// The method.
    Method = "method",
    /// The host, with the port if it was given.
    Host = "host",
    /// The canonical path, without the query.
    Path = "path",
    /// The version of HTTP.
    Protocol = "protocol",
    /// The status of the answer.
    Status = "status",
    /// How the answer ended, if not as a whole.
    End = "end",
    /// The request's id.
    Id = "id",
    /// The id of its trace.
    TraceId = "trace_id",
    /// The upstream.
    Upstream = "upstream",
    /// The endpoint that it was sent to last.
    Endpoint = "endpoint",
    /// How often it was sent.
    Attempts = "attempts",
    /// Bytes of its body.
    ReceivedBytes = "received_bytes",
    /// Bytes of the answer's body.
    SentBytes = "sent_bytes",
    /// How long the decision took.
    DecisionSeconds = "decision_seconds",
    /// How long the upstream took for the head of its answer.
    UpstreamSeconds = "upstream_seconds",
    /// From the head of the request to the last byte of its answer.
    DurationSeconds = "duration_seconds",
}

const MODES: &[(&str, AccessMode)] = &[
    ("off", AccessMode::Off),
    ("errors", AccessMode::Errors),
    ("denials", AccessMode::Denials),
    ("all", AccessMode::All),
];

const SUBJECT_FORMS: &[(&str, SubjectForm)] =
    &[("none", SubjectForm::None), ("hash", SubjectForm::Hash), ("plain", SubjectForm::Plain)];

/// A line every 10 ms: all that a person reads, and 2 % of a core.
const DEFAULT_LINES_PER_SECOND: usize = 100;
/// Some seconds' worth: a burst of a few hundred different clients is worth looking at.
const DEFAULT_BURST: usize = 200;
/// More than a disk takes.
const LINES: RangeInclusive<usize> = 1..=100_000;
/// Soon enough for who watches, seldom enough for who reads it later.
const DEFAULT_SUMMARY_INTERVAL: Duration = Duration::from_secs(10);
/// Summaries once a second are lines as well; after an hour they are not seen together.
const SUMMARY_INTERVALS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(1);

impl RequestLineSettings {
    pub(super) fn read(section: &mut Section<'_>, format: LogFormat) -> Self {
        let fields = section.list(key::FIELDS, "a list of fields", keyword(FIELDS));
        let all = || FIELDS.iter().map(|(_, field)| *field).collect();
        let settings = Self {
            access: mode(section),
            fields: fields.unwrap_or_else(all),
            sample: section.or(key::SAMPLE, 1.0, fraction),
            subject: section.or(key::SUBJECT, SubjectForm::Hash, keyword(SUBJECT_FORMS)),
            subject_key_file: section.optional(key::SUBJECT_KEY_FILE, readable_file),
            lines_per_second: section.or(
                key::LINES_PER_SECOND,
                DEFAULT_LINES_PER_SECOND,
                count(LINES),
            ),
            burst: section.or(key::BURST, DEFAULT_BURST, count(LINES)),
            summary_interval: section.or(
                key::SUMMARY_INTERVAL,
                DEFAULT_SUMMARY_INTERVAL,
                duration(SUMMARY_INTERVALS),
            ),
        };
        settings.check(section, format);
        settings
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let writer = writer.keyword(key::ACCESS, MODES, &self.access);
        // Without effect, and a mistake, where lines have a form of their own.
        let is_default = FIELDS.iter().map(|(_, field)| field).eq(&self.fields);
        let writer = if is_default {
            writer
        } else {
            writer.list(key::FIELDS, self.fields.iter().map(|field| field.name()))
        };
        let writer = match self.access {
            AccessMode::All => writer.value(key::SAMPLE, Written::Float(self.sample)),
            _ => writer,
        };
        writer
            .keyword(key::SUBJECT, SUBJECT_FORMS, &self.subject)
            .optional_path(key::SUBJECT_KEY_FILE, self.subject_key_file.as_deref())
            .count(key::LINES_PER_SECOND, self.lines_per_second)
            .count(key::BURST, self.burst)
            .duration(key::SUMMARY_INTERVAL, self.summary_interval)
    }

    /// What contradicts itself, or has no effect.
    fn check(&self, section: &Section<'_>, format: LogFormat) {
        if let Some(twice) = first_duplicate(&self.fields) {
            section.mistake(
                key::FIELDS,
                format!("found {:?} twice; expected each field once", twice.name()),
            );
        }
        let without_effect = |name: &str, why: &str| {
            section.mistake(name, format!("found a value without effect: {why}"));
        };
        if section.peek(key::FIELDS).is_some() && format == LogFormat::Common {
            without_effect(key::FIELDS, "lines of format = \"common\" have a form of their own");
        }
        if section.peek(key::SAMPLE).is_some() && self.access != AccessMode::All {
            without_effect(
                key::SAMPLE,
                "it is the share of requests that pass, with access = \"all\"",
            );
        }
        if self.subject_key_file.is_some() && self.subject != SubjectForm::Hash {
            without_effect(key::SUBJECT_KEY_FILE, "it is the key for subject = \"hash\"");
        }
    }
}

/// `access`, or `access_log` of earlier versions.
fn mode(section: &mut Section<'_>) -> AccessMode {
    let access = section.optional(key::ACCESS, keyword(MODES));
    let of_all = section.optional(key::ACCESS_LOG, switch);
    match (access, of_all) {
        (Some(access), Some(of_all)) if (access == AccessMode::All) != of_all => {
            section.mistake(
                key::ACCESS_LOG,
                format!("found {of_all}, which contradicts access; expected access alone"),
            );
            access
        }
        (Some(access), _) => access,
        (None, Some(true)) => AccessMode::All,
        (None, _) => AccessMode::Denials,
    }
}
