//! One reload: what has requested it, and its verdict, which is logged, counted and shown.

mod metrics;
mod source;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    admin::control::{ReloadOutcome, ReloadTrigger, ReloadVerdict},
    clock::Clock,
    readiness::ProcessReadiness,
    settings::{RestartNeeded, Settings, changed_settings, restart_needed},
    telemetry::MetricRegistry,
};

use super::{descriptors::DescriptorLimit, service_manager::ServiceManager};

pub(super) use metrics::ReloadMetrics;
pub(super) use source::{NoSettings, ReadConfiguration, ReloadSource, read_files};

/// A reload that waits to be done.
#[derive(Debug)]
pub(super) struct PendingReload {
    pub(super) source: ReloadSource,
    pub(super) trigger: ReloadTrigger,
    /// Gets the verdict. It may be dropped: the verdict is logged.
    pub(super) done: oneshot::Sender<ReloadVerdict>,
}

/// What a new configuration would change.
pub(super) struct SettingsChanges {
    changed: Vec<String>,
    restart: Vec<RestartNeeded>,
}

/// What `/readyz` calls the note of a refused reload.
const NOTE: &str = "reload";

/// Where verdicts are shown.
pub(super) struct ReloadReports {
    metrics: ReloadMetrics,
    readiness: Arc<ProcessReadiness>,
    clock: Arc<dyn Clock>,
    service_manager: ServiceManager,
    /// Why the last one was not applied. What the watcher tries again, for the same, is logged once.
    not_applied_for: Mutex<Vec<String>>,
}

impl SettingsChanges {
    /// Since the configuration in force; and since the start, for what takes a restart.
    pub(super) fn between(started: &Settings, old: &Settings, new: &Settings) -> Self {
        Self { changed: changed_settings(old, new), restart: restart_needed(started, new) }
    }

    /// What belongs to the process, not to a configuration, keeps its value until a restart.
    pub(super) fn warn_of_what_stays(&self) {
        for RestartNeeded { key, reason } in &self.restart {
            tracing::warn!(
                key,
                reason,
                "changed in the configuration, but takes a restart to have an effect"
            );
        }
    }

    /// The verdict on a configuration that is in force now, and lacks what is `missing`.
    pub(super) fn applied(self, settings: &Settings, missing: Vec<String>) -> ReloadVerdict {
        let mut warnings = settings.warnings();
        warnings.extend(DescriptorLimit::present().shortage(settings));
        ReloadVerdict {
            outcome: ReloadOutcome::Applied,
            config_hash: settings.config_hash(),
            changed: self.changed,
            restart_required: self.restart.iter().map(|needed| needed.key.to_owned()).collect(),
            missing,
            warnings,
            errors: Vec::new(),
        }
    }
}

/// The verdict on a configuration that is not used; `settings` stay in force.
pub(super) fn not_used(
    outcome: ReloadOutcome,
    errors: Vec<String>,
    settings: &Settings,
) -> ReloadVerdict {
    ReloadVerdict {
        outcome,
        config_hash: settings.config_hash(),
        changed: Vec::new(),
        restart_required: Vec::new(),
        missing: Vec::new(),
        warnings: Vec::new(),
        errors,
    }
}

impl ReloadReports {
    pub(super) fn new(
        settings: &Settings,
        readiness: Arc<ProcessReadiness>,
        clock: Arc<dyn Clock>,
        service_manager: ServiceManager,
        metrics: &MetricRegistry,
    ) -> Self {
        let metrics = ReloadMetrics::register(metrics);
        metrics.start(&settings.config_hash());
        Self { metrics, readiness, clock, service_manager, not_applied_for: Mutex::default() }
    }

    /// Logs, counts and shows a verdict, and sends it to the caller.
    pub(super) fn report(
        &self,
        verdict: ReloadVerdict,
        trigger: ReloadTrigger,
        done: oneshot::Sender<ReloadVerdict>,
    ) {
        let before = std::mem::replace(&mut *self.not_applied_for.lock(), verdict.errors.clone());
        let is_applied = verdict.outcome == ReloadOutcome::Applied;
        if is_applied || trigger != ReloadTrigger::Watch || before != verdict.errors {
            log(&verdict, trigger);
        }
        self.metrics.count(&verdict, trigger, self.clock.now());
        if verdict.outcome != ReloadOutcome::Superseded {
            self.readiness.note(NOTE, (!is_applied).then(|| verdict.note()));
            self.service_manager.reloaded(&verdict);
        }
        // The caller may not wait for it.
        let _ = done.send(verdict);
    }
}

fn log(verdict: &ReloadVerdict, trigger: ReloadTrigger) {
    let trigger = trigger.name();
    let config_hash = &verdict.config_hash;
    match verdict.outcome {
        ReloadOutcome::Applied => {
            let changed = verdict.changed.join(", ");
            tracing::info!(trigger, config_hash, changed, "the new configuration is in use");
            for missing in &verdict.missing {
                tracing::warn!(missing, "the new configuration lacks something that it uses");
            }
            for warning in &verdict.warnings {
                tracing::warn!("{warning}");
            }
        }
        ReloadOutcome::Refused => {
            let error = verdict.errors.join("; ");
            tracing::error!(
                trigger,
                error,
                hint = "the earlier one is in force: correct this one, see `countersign check`",
                "the new configuration is not used"
            );
        }
        // That is no failure: what counts is what comes later.
        ReloadOutcome::Superseded => tracing::info!(
            trigger,
            reason = verdict.errors.join("; "),
            "something later takes the place of a reload that was under way"
        ),
    }
}
