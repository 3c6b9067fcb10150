//! `countersign man`

use std::{fs, io::Write, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::{Cli, CommandError};

/// The arguments of `countersign man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Writes a page for each command into this directory, which is made if need be; else the main
    /// page goes to standard output
    pub directory: Option<PathBuf>,
}

/// Prints the main page, or writes all of them.
///
/// # Errors
/// [`CommandError::Runtime`] if the directory can't be written; [`CommandError::Output`]
pub fn man(args: &ManArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let command = Cli::command();
    let Some(directory) = &args.directory else {
        return Ok(Man::new(command).render(out)?);
    };
    let written = fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(command.disable_help_subcommand(true), directory));
    written.map_err(|error| {
        CommandError::Runtime(format!("cannot write into {}: {error}", directory.display()))
    })
}
