//! The command line: one file per command, and what all of them share.

pub mod args;
pub mod check;
pub mod completions;
pub mod demo;
pub mod denials;
pub mod evidence;
pub mod explain;
mod files;
pub mod healthcheck;
pub mod keygen;
pub mod man;
pub mod mint;
mod printable;
mod private_listener;
pub mod reload;
pub mod run;
pub mod schema;
pub mod sign;
mod version;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::config::ConfigErrors;

/// The end of the help and of the manual page.
const EXIT_CODES: &str = "\
Exit codes:
  0  it succeeded; `check --diff`: nothing differs
  1  it failed, refused or found a fault; `check --diff`: something differs
  2  the command line or the configuration has mistakes, and nothing was started

Colours: NO_COLOR, CLICOLOR_FORCE and TERM=dumb are heeded.";

/// A verification sidecar: checks the access token of every request in front of an unmodified
/// upstream and forwards the verified claims as headers.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, long_version = version::LONG, arg_required_else_help = true)]
#[command(after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the proxy
    Run(run::RunArgs),
    /// Have a running proxy read its configuration again, and show the verdict
    Reload(reload::ReloadArgs),
    /// Show the last requests that a running proxy did not let pass
    Denials(denials::DenialsArgs),
    /// Validate a configuration and print what it amounts to
    Check(check::CheckArgs),
    /// Try it out: an identity provider, an upstream and the proxy, all on loopback
    Demo(demo::DemoArgs),
    /// Explain how a token is verified, check by check
    Explain(explain::ExplainArgs),
    /// Make a key pair (or a shared secret) to sign tokens with
    Keygen(keygen::KeygenArgs),
    /// Make a signed token, for trying things out
    Mint(mint::MintArgs),
    /// Make a detached signature over a body, for trying things out
    Sign(sign::SignArgs),
    /// Check the journal of signed requests
    Evidence(evidence::EvidenceArgs),
    /// Ask a running proxy whether it is ready, for exec probes
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Print the script that completes this command line in a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(man::ManArgs),
}

/// Why a command did not succeed, and with it the exit code.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration has mistakes: exit code 2, and nothing was started.
    #[error(transparent)]
    Configuration(#[from] ConfigErrors),
    /// The command line is contradictory or invalid: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something went wrong while it ran: exit code 1.
    #[error("{0}")]
    Runtime(String),
    /// `check --diff` has found and printed differences: exit code 1.
    #[error("the configurations differ")]
    Different,
    /// The output could not be written: exit code 1.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Usage(_) => ExitCode::from(2),
            Self::Runtime(_) | Self::Different | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

/// Parses the process's arguments, runs the command and returns the exit code. Clap itself ends it
/// with 2 for an unknown flag and 0 for `--help`.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.execute(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // `countersign check | head`: the reader has seen enough.
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        // Which they are has been printed.
        Err(failure @ CommandError::Different) => failure.exit_code(),
        Err(failure) => {
            // Without standard error there is nowhere left to report to.
            let _ = writeln!(io::stderr(), "countersign: {failure}");
            failure.exit_code()
        }
    }
}

impl Cli {
    /// Runs the command; its output goes to `out`.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn execute(self, out: &mut impl Write) -> Result<(), CommandError> {
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Reload(args) => reload::reload(&args, out),
            Command::Denials(args) => denials::denials(&args, out),
            Command::Check(args) => check::check(&args, out),
            Command::Demo(args) => demo::demo(&args, out),
            Command::Explain(args) => explain::explain(&args, &mut io::stdin().lock(), out),
            Command::Keygen(args) => keygen::keygen(&args, out),
            Command::Sign(args) => sign::sign(&args, &mut io::stdin().lock(), out),
            Command::Evidence(args) => evidence::evidence(&args, out),
            Command::Healthcheck(args) => healthcheck::healthcheck(&args, out),
            Command::Schema => schema::schema(out),
            Command::Completions(args) => completions::completions(&args, out),
            Command::Man(args) => man::man(&args, out),
            Command::Mint(args) => mint::mint(&args, &crate::clock::SystemClock, out),
        }
    }
}

/// For commands that wait for others; the proxy has threads of its own.
fn runtime() -> Result<Runtime, CommandError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::Runtime(format!("cannot start the runtime: {error}")))
}
