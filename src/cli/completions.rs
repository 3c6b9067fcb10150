//! `countersign completions`

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CommandError};

/// The arguments of `countersign completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that completes
    pub shell: Shell,
}

/// Prints the script for a shell.
///
/// # Errors
/// [`CommandError::Output`]
pub fn completions(args: &CompletionsArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    // The generator panics where it can't write; a `Vec` always takes it.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    Ok(out.write_all(&script)?)
}
