//! `countersign reload`: has a running proxy read its configuration again, and says the outcome.

use std::io::Write;

use bytes::Bytes;
use clap::Args;
use http::Method;

use super::{CommandError, args::ConfigArgs, printable::printable, private_listener};
use crate::admin::control::{ReloadOutcome, ReloadVerdict};

/// The arguments of `countersign reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Where the configuration comes from; only its `control.listen` is used here.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The private listener of the running proxy, if not `control.listen` of the configuration
    #[arg(long, value_name = "ADDR")]
    pub control: Option<String>,
}

/// Sends `POST /reload` to the private listener and prints the verdict.
///
/// # Errors
/// [`CommandError::Runtime`] if the new configuration is not in force, or the listener can't be
/// reached; [`CommandError::Usage`] without an address.
pub fn reload(args: &ReloadArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let address = private_listener::address(args.control.as_deref(), &args.config)?;
    let answer = private_listener::exchange(&address, Method::POST, "/reload", Bytes::new())?;
    let (status, body) = answer;
    let Ok(verdict) = serde_json::from_slice::<ReloadVerdict>(&body) else {
        let text = String::from_utf8_lossy(&body);
        let text = printable(text.trim());
        return Err(CommandError::Runtime(format!("{address} answers {status}: {text}")));
    };
    show(&verdict, out)?;
    match verdict.outcome {
        ReloadOutcome::Applied => Ok(()),
        ReloadOutcome::Refused | ReloadOutcome::Superseded => {
            Err(CommandError::Runtime("the new configuration is not in force".to_owned()))
        }
    }
}

fn show(verdict: &ReloadVerdict, out: &mut impl Write) -> Result<(), CommandError> {
    let ReloadVerdict { outcome, config_hash, errors, .. } = verdict;
    writeln!(out, "{}: in force is the configuration {config_hash}", outcome.name())?;
    for error in errors {
        writeln!(out, "  {}", error.replace('\n', "\n    "))?;
    }
    for (title, lines) in [
        ("changed", &verdict.changed),
        ("takes a restart", &verdict.restart_required),
        ("missing", &verdict.missing),
        ("warning", &verdict.warnings),
    ] {
        for line in lines {
            writeln!(out, "  {title}: {line}")?;
        }
    }
    Ok(())
}
