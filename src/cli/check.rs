//! `countersign check`: is the configuration sound, and what does it amount to?

mod online;
mod routes;

use std::io::Write;

use clap::Args;

use super::{Failure, args::ConfigArgs};
use crate::config::{self, Settings};

/// The arguments of `countersign check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Also fetch every key source and say what it holds, key by key
    #[arg(long)]
    pub online: bool,
}

/// Prints the effective configuration, then, as comments, the table of routes and what deserves a
/// second look. The whole output is a configuration file again.
///
/// # Errors
/// [`Failure::Configuration`] with every mistake; with `--online` [`Failure::Runtime`] if a key
/// source has no usable key.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> Result<(), Failure> {
    let settings = config::load(&args.config.sources())?;
    // The verdict of those who are asked comes first: it stands, whether anybody reads or not.
    let shown = show(&settings, out);
    if args.online {
        online::report(&settings, out)?;
    }
    shown
}

fn show(settings: &Settings, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "# The effective configuration, every default filled in.\n")?;
    write!(out, "{}", settings.to_toml())?;
    routes::write_table(settings, out)?;
    for warning in settings.warnings() {
        writeln!(out, "# warning: {warning}")?;
    }
    Ok(())
}
