//! `countersign run`

use std::sync::Arc;

use clap::Args;

use super::{CommandError, args::ConfigArgs};
use crate::{
    clock::SystemClock,
    lifecycle::{self, DescriptorLimit, ServerParts},
    settings::{self, Settings},
    telemetry::{Logs, MetricRegistry},
};

/// The arguments of `countersign run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Loads the configuration and serves until it is stopped.
///
/// # Errors
/// [`CommandError::Configuration`] before anything is started; [`CommandError::Runtime`] afterwards.
pub fn run(args: &RunArgs) -> Result<(), CommandError> {
    let sources = args.config.sources();
    let settings = settings::load(&sources)?;
    let logs = Logs::init(&settings.log).map_err(|error| CommandError::Usage(error.to_string()))?;
    let metrics = MetricRegistry::default();
    metrics.watch_dropped_log_lines(logs.dropped_lines());
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    provide_descriptors(&settings);
    let parts = ServerParts {
        clock: Arc::new(SystemClock),
        metrics,
        sources: Some(sources),
        log_level: Some(logs.level().clone()),
        is_service: true,
    };
    lifecycle::run(settings, parts).map_err(|error| CommandError::Runtime(error.to_string()))
}

fn provide_descriptors(settings: &Settings) {
    let limit = lifecycle::raise_limit().unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of file descriptors can't be raised");
        DescriptorLimit::present()
    });
    if let Some(shortage) = limit.shortage(settings) {
        tracing::warn!("{shortage}");
    }
}
