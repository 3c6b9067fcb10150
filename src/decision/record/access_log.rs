//! Which requests have a line in the log.

use std::sync::Arc;

use super::{
    line_limits::{LineLimits, LineRules},
    subject_name::SubjectNames,
    troubles::Troubles,
};
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
    limits: Arc<LineLimits>,
    /// What keeps requests from being decided or answered.
    pub(in crate::decision) troubles: Arc<Troubles>,
    pub(super) subjects: SubjectNames,
}

impl AccessLog {
    /// Troubles go on over a reload, and so do the limits, unless it changes them.
    pub(in crate::decision) fn new(
        log: &LogSettings,
        listeners: PerListener<String>,
        earlier: Option<&Self>,
    ) -> Self {
        let settings = log.access.clone();
        let rules = LineRules::of(&settings);
        let limits = earlier.map(|earlier| &earlier.limits).filter(|same| same.rules() == rules);
        Self {
            format: log.format,
            listeners,
            limits: limits.map_or_else(|| Arc::new(LineLimits::new(rules)), Arc::clone),
            troubles: earlier.map(|earlier| Arc::clone(&earlier.troubles)).unwrap_or_default(),
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
        loop {
            tokio::time::sleep(self.settings.summary_interval).await;
            self.limits.report();
            self.troubles.report();
        }
    }
}

/// Whether an outcome is one that the upstream, or the decision, had no trouble with.
pub(super) fn is_untroubled(outcome: Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Forwarded | Outcome::Preflight | Outcome::Redirected))
}
