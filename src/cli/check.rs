//! `countersign check`: is the configuration sound, and what does it amount to?

mod diff;
mod online;
mod routes;

use std::io::{self, Write};

use clap::Args;

use super::{CommandError, args::ConfigArgs, explain::TokenArg, runtime};
use crate::{
    clock::{Clock, SystemClock},
    lifecycle::DescriptorLimit,
    revocation::{self, settings::ListSource},
    settings::{self, Settings},
};

/// The arguments of `countersign check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Compare two configuration files instead: which routes, issuers and rules decide differently,
    /// and what takes a restart; exit code 0: nothing differs, 1: something does
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["config", "online"])]
    pub diff: Option<Vec<PathBuf>>,
    /// Also fetch every key source and list its keys
    #[arg(long)]
    pub online: bool,
    /// Also ask the introspection endpoint of its issuer about this token; `-` reads it from
    /// standard input
    #[arg(long, value_name = "TOKEN|-", requires = "online")]
    pub token: Option<TokenArg>,
}

/// Prints the effective configuration, then, as comments, the table of routes and the warnings. The
/// whole output is a configuration file again.
///
/// # Errors
/// [`CommandError::Configuration`] with every mistake; with `--online` [`CommandError::Runtime`] if a key
/// source has no usable key.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let settings = settings::load(&args.config.sources())?;
    // The online checks' verdict comes first: a closed output must not hide it.
    let shown = show(&settings, out);
    if args.online {
        let most = settings.credential.max_bytes;
        let token =
            args.token.as_ref().map(|token| token.read(most, &mut io::stdin())).transpose()?;
        online::report(&settings, token.as_deref(), out)?;
    }
    shown
}

/// A list file that can't be read is no mistake: a setting of its own decides what then happens to
/// requests.
fn list_problem(settings: &Settings) -> Option<String> {
    let list = settings.revocation.list.as_ref();
    let list = list.filter(|list| matches!(list.source, ListSource::File(_)))?;
    let found = runtime().ok()?.block_on(revocation::probe(list, SystemClock.now()));
    let error = found.err()?;
    Some(format!("revocation.file: {error}; until it can be read, on_failure decides"))
}

fn show(settings: &Settings, out: &mut impl Write) -> Result<(), CommandError> {
    writeln!(out, "# The effective configuration, every default filled in.\n")?;
    write!(out, "{}", settings.to_toml())?;
    routes::write_table(settings, out)?;
    // Of this machine and user, which may be those that it is to run by.
    let shortage = DescriptorLimit::highest().shortage(settings);
    let warnings = settings.warnings().into_iter();
    for warning in warnings.chain(list_problem(settings)).chain(shortage) {
        writeln!(out, "# warning: {warning}")?;
    }
    Ok(())
}
