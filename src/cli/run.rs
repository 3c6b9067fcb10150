//! `countersign run`

use clap::Args;

use super::{CommandError, args::ConfigArgs};
use crate::{
    lifecycle, settings,
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
    let load = || settings::load(&args.config.sources());
    let settings = load()?;
    let logs = Logs::init(&settings.log).map_err(|error| CommandError::Usage(error.to_string()))?;
    let metrics = MetricRegistry::default();
    metrics.watch_dropped_log_lines(logs.dropped_lines());
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    lifecycle::run(settings, metrics, load)
        .map_err(|error| CommandError::Runtime(error.to_string()))
}
