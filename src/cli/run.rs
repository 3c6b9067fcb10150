//! `countersign run`

use clap::Args;

use super::{CommandError, args::ConfigArgs};
use crate::{
    lifecycle::{self, DescriptorLimit},
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
    let config = args.config.clone();
    let load = move || settings::load(&config.sources());
    let settings = load()?;
    let logs = Logs::init(&settings.log).map_err(|error| CommandError::Usage(error.to_string()))?;
    let metrics = MetricRegistry::default();
    metrics.watch_dropped_log_lines(logs.dropped_lines());
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    provide_descriptors(&settings);
    lifecycle::run(settings, metrics, load)
        .map_err(|error| CommandError::Runtime(error.to_string()))
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
