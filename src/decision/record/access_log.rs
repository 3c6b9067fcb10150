//! Which requests have a line in the log.

use std::time::Duration;

use super::{line_limits::LineLimits, subject_name::SubjectNames, troubles::Troubles};
use crate::{
    decision::Outcome,
    policy::ids::{ListenerId, PerListener},
    reason::{Class, Reason},
    telemetry::settings::{AccessField, AccessMode, LogFormat, LogSettings, RequestLineSettings},
};

/// What a configuration says of the lines of requests. Shared by all workers.
#[derive(Debug)]
pub(in crate::decision) struct AccessLog {
    settings: RequestLineSettings,
    format: LogFormat,
    listeners: PerListener<String>,
    limits: LineLimits,
    /// What keeps requests from being decided or answered.
    pub(in crate::decision) troubles: Troubles,
    pub(super) subjects: SubjectNames,
}

impl AccessLog {
    pub(in crate::decision) fn new(log: &LogSettings, listeners: PerListener<String>) -> Self {
        let settings = log.access.clone();
        Self {
            format: log.format,
            listeners,
            limits: LineLimits::new(settings.lines_per_second, settings.burst),
            troubles: Troubles::default(),
            subjects: SubjectNames::new(settings.subject, settings.subject_key_file.clone()),
            settings,
        }
    }

    pub(super) fn fields(&self) -> &[AccessField] {
        &self.settings.fields
    }

    pub(super) fn format(&self) -> LogFormat {
        self.format
    }

    pub(super) fn listener(&self, id: ListenerId) -> &str {
        self.listeners.get(id)
    }

    /// Whether the refusal of a request is to have a line. Counts it.
    pub(super) fn takes_denial(&self, reason: Reason) -> bool {
        let is_wanted = match self.settings.access {
            AccessMode::Off => false,
            AccessMode::Errors => {
                matches!(reason.class(), Class::CannotDecide | Class::UpstreamFailed)
            }
            AccessMode::Denials | AccessMode::All => true,
        };
        is_wanted && self.limits.take(reason)
    }

    /// Whether a request that was not refused is to have a line, as far as is known when its answer
    /// begins. `draw` is a random number below 1.
    pub(super) fn takes_other(&self, draw: impl FnOnce() -> f64) -> bool {
        match self.settings.access {
            AccessMode::Off | AccessMode::Denials | AccessMode::Errors => false,
            AccessMode::All => self.settings.sample >= 1.0 || draw() < self.settings.sample,
        }
    }

    /// Whether errors of the service have lines.
    pub(super) fn takes_errors(&self) -> bool {
        self.settings.access == AccessMode::Errors
    }

    /// Says from time to time what was left out, and which troubles go on or are over.
    pub(in crate::decision) async fn summarise(&self) {
        let interval = self.settings.summary_interval;
        loop {
            tokio::time::sleep(interval).await;
            self.summarise_once(interval);
        }
    }

    fn summarise_once(&self, interval: Duration) {
        self.limits.report(interval);
        self.troubles.report();
    }
}

impl Drop for AccessLog {
    /// With its configuration. What was left out until now is said.
    fn drop(&mut self) {
        self.limits.report(self.settings.summary_interval);
    }
}

/// Whether an outcome is one that the upstream, or the decision, had no trouble with.
pub(super) fn is_untroubled(outcome: Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Forwarded | Outcome::Preflight | Outcome::Redirected))
}
