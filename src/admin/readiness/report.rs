//! The forms of `/readyz`.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    clock::UnixTime,
    readiness::{Dependency, Importance},
};

/// What is known at one moment.
#[derive(Debug)]
pub(super) struct ReadinessReport {
    pub(super) now: UnixTime,
    /// What makes the process unready; empty: it is ready.
    pub(super) pending: Vec<String>,
    /// Since when the process is ready, or not.
    pub(super) ready_since: UnixTime,
    /// Each with the time since when it is usable, or missing.
    pub(super) dependencies: Vec<(Dependency, UnixTime)>,
    /// What else an operator should know.
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct JsonReport<'r> {
    ready: bool,
    #[serde(flatten)]
    since: JsonSince,
    pending: &'r [String],
    notes: &'r [String],
    dependencies: Vec<JsonDependency<'r>>,
}

#[derive(Debug, Serialize)]
struct JsonDependency<'r> {
    kind: &'static str,
    name: &'r str,
    usable: bool,
    /// Whether it makes the process unready at present.
    blocks: bool,
    required: &'static str,
    #[serde(flatten)]
    since: JsonSince,
    /// Why it is missing.
    reason: Option<&'r str>,
}

#[derive(Debug, Serialize)]
struct JsonSince {
    /// As RFC 3339 writes it.
    since: String,
    seconds: i64,
}

impl ReadinessReport {
    pub(super) fn is_ready(&self) -> bool {
        self.pending.is_empty()
    }

    /// What is pending, a line each; or that nothing is, and the notes.
    pub(super) fn text(&self) -> String {
        if !self.is_ready() {
            return format!("{}\n", self.pending.join("\n"));
        }
        let missing = self.dependencies.iter().filter_map(|(it, _)| it.trouble());
        let notes = missing.chain(self.notes.iter().cloned());
        notes.fold("ready\n".to_owned(), |text, note| text + "note: " + &note + "\n")
    }

    /// A line for each dependency, and for each note.
    pub(super) fn verbose(&self) -> String {
        let since = self.since(self.ready_since);
        let state = if self.is_ready() { "ready" } else { "not ready" };
        let mut text = format!("{state} since {} ({} s)\n", since.since, since.seconds);
        for pending in self.pending_besides_dependencies() {
            let _ = writeln!(text, "pending: {pending}");
        }
        for (dependency, since) in &self.dependencies {
            let JsonSince { since, seconds } = self.since(*since);
            let state = match (&dependency.missing, dependency.blocks) {
                (None, _) => "usable",
                (Some(_), true) => "MISSING",
                (Some(_), false) => "missing, not required",
            };
            let _ = write!(text, "{dependency}: {state} since {since} ({seconds} s)");
            let _ = match &dependency.missing {
                Some(why) => writeln!(text, ": {why}"),
                None => writeln!(text),
            };
        }
        self.notes.iter().fold(text, |text, note| text + "note: " + note + "\n")
    }

    pub(super) fn json(&self) -> String {
        let dependencies = self.dependencies.iter().map(|(it, since)| JsonDependency {
            kind: it.kind.name(),
            name: &it.name,
            usable: it.missing.is_none(),
            blocks: it.blocks,
            required: match it.importance {
                Importance::Required => "yes",
                Importance::ForRoutes => "by_routes",
                Importance::Optional => "no",
            },
            since: self.since(*since),
            reason: it.missing.as_deref(),
        });
        let report = JsonReport {
            ready: self.is_ready(),
            since: self.since(self.ready_since),
            pending: &self.pending,
            notes: &self.notes,
            dependencies: dependencies.collect(),
        };
        // Nothing in it can fail to be written.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    }

    /// That the process drains, which concerns no dependency.
    fn pending_besides_dependencies(&self) -> impl Iterator<Item = &String> {
        let of_dependencies: Vec<_> =
            self.dependencies.iter().filter_map(|(it, _)| it.trouble()).collect();
        self.pending.iter().filter(move |pending| !of_dependencies.contains(pending))
    }

    fn since(&self, since: UnixTime) -> JsonSince {
        // The wall clock may have been set back.
        let seconds = self.now.0.saturating_sub(since.0).max(0);
        JsonSince { since: since.to_rfc3339(), seconds }
    }
}
