//! What an incident looks like, and whether an output has it.

use std::fmt;

use super::incidents::Incident;
use crate::support::process::Process;

/// What a person sees of a process.
#[derive(Debug)]
pub(super) struct Output {
    log: String,
    metrics: String,
    readiness: String,
}

/// One log line. All of it is in the same line.
#[derive(Debug)]
pub(super) struct LogLine {
    pub(super) level: &'static str,
    /// What is wrong.
    pub(super) cause: &'static [&'static str],
    /// Who or what it is about.
    pub(super) subject: &'static [&'static str],
    /// What to do.
    pub(super) to_do: &'static str,
}

/// One series of a metric.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) family: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) value: Figure,
}

/// What a series shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Figure {
    Zero,
    AboveZero,
}

impl Output {
    pub(super) fn of(process: &Process) -> Self {
        let page = |name| String::from_utf8(process.admin(name).body.bytes).unwrap();
        let readiness = page("/readyz?verbose");
        Self { log: process.log(), metrics: page("/metrics"), readiness }
    }

    pub(super) fn shows(&self, series: &Series) -> bool {
        series.is_in(&self.metrics)
    }
}

impl LogLine {
    fn parts(&self) -> impl Iterator<Item = &&'static str> {
        self.cause.iter().chain(self.subject).chain([&self.to_do])
    }

    fn is_in(&self, log: &str) -> bool {
        let level = format!(" {} ", self.level);
        let is_it = |line: &str| line.contains(&level) && self.parts().all(|it| line.contains(it));
        log.lines().any(is_it)
    }
}

impl Series {
    fn is_in(&self, metrics: &str) -> bool {
        metrics.lines().any(|line| {
            let Some((series, value)) = line.rsplit_once(' ') else { return false };
            let (family, labels) = series.split_once('{').unwrap_or((series, ""));
            let has_labels = self.labels.iter().all(|label| labels.contains(label));
            family == self.family && has_labels && self.value.is(value)
        })
    }

    fn written(&self) -> String {
        let labels = match self.labels {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        let value = match self.value {
            Figure::Zero => "is 0",
            Figure::AboveZero => "rises",
        };
        format!("`{}{labels}` {value}", self.family)
    }
}

impl Figure {
    fn is(self, value: &str) -> bool {
        let value: f64 = value.parse().unwrap_or(f64::NAN);
        match self {
            Self::Zero => value == 0.0,
            Self::AboveZero => value > 0.0,
        }
    }
}

impl Incident {
    pub(super) const HEAD: &'static str = "\
| incident | log line | metric | note on `/readyz` | what it means | what to do |\n\
|---|---|---|---|---|---|\n";

    /// What the output has of it.
    pub(super) fn found_in(&self, output: &Output) -> Vec<String> {
        let signs = self.signs_in(output).into_iter();
        signs.filter_map(|(sign, is_there)| is_there.then_some(sign)).collect()
    }

    /// What the output lacks.
    pub(super) fn missing_in(&self, output: &Output) -> Vec<String> {
        let signs = self.signs_in(output).into_iter();
        signs.filter_map(|(sign, is_there)| (!is_there).then_some(sign)).collect()
    }

    fn signs_in(&self, output: &Output) -> Vec<(String, bool)> {
        let note = self.note.map(|parts| {
            let is_it = |line: &str| parts.iter().all(|part| line.contains(part));
            (format!("the note {parts:?}"), output.readiness.lines().any(is_it))
        });
        let line = (format!("the line {:?}", self.line), self.line.is_in(&output.log));
        let metric = (format!("the metric {:?}", self.metric), self.metric.is_in(&output.metrics));
        [line, metric].into_iter().chain(note).collect()
    }

    /// Its row in the documents.
    pub(super) fn row(&self) -> String {
        let code = |parts: &[&str]| {
            let parts: Vec<_> =
                parts.iter().map(|part| part.trim_end_matches([' ', ':'])).collect();
            format!("`{}`", parts.join(" … "))
        };
        let line = [self.line.cause, self.line.subject].concat();
        let cells = [
            self.name.to_owned(),
            format!("`{}` {}", self.line.level, code(&line)),
            self.metric.written(),
            self.note.map_or_else(|| "none".to_owned(), code),
            self.means.to_owned(),
            self.to_do.to_owned(),
        ];
        format!("| {} |\n", cells.join(" | "))
    }
}

/// Of the metrics only what has moved.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moved = self.metrics.lines().filter(|line| {
            let is_countersign = line.starts_with("countersign_") && !line.contains("_bucket");
            is_countersign && (!line.ends_with(" 0") || line.contains("dependency_up"))
        });
        let metrics: Vec<_> = moved.collect();
        write!(f, "{}\n{}\n{}", self.log, self.readiness, metrics.join("\n"))
    }
}
