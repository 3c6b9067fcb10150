//! `countersign check`: is the configuration sound, and what does it amount to?

mod diff;
mod machine;
mod online;
mod paint;
mod resources;
mod routes;
mod summary;

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};

pub use self::resources::MemoryLimit;

use self::paint::Paint;
use super::{CommandError, args::ConfigArgs, explain::TokenArg, runtime};
use crate::{
    bounded::input::read_all,
    clock::{Clock, SystemClock},
    config::{ConfigInput, Format, MAX_FILE_BYTES, files::reading_problem},
    lifecycle::DescriptorLimit,
    revocation::{self, settings::ListSource},
    settings::{self, Settings, Sources},
};

/// The arguments of `countersign check`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct CheckArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Configuration file, instead of --config; `-` reads it from standard input
    #[arg(value_name = "FILE|-", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The format of standard input, if its content does not tell it
    #[arg(long, value_name = "FORMAT", requires = "file")]
    pub format: Option<FormatArg>,
    /// Also print the whole effective configuration, every default filled in; the output can be
    /// loaded again
    #[arg(long)]
    pub all: bool,
    /// Print one JSON object, for programs: verdict, mistakes, warnings, summary
    #[arg(long, conflicts_with_all = ["all", "quiet", "online"])]
    pub json: bool,
    /// Print what the configuration lets the process take instead: memory, part by part, file
    /// descriptors and workers; with a warning if the memory limit is below it
    #[arg(long, conflicts_with_all = ["all", "quiet", "online"])]
    pub resources: bool,
    /// The memory limit to compare with, e.g. 256Mi, instead of that of this process's control group
    #[arg(long, value_name = "SIZE", requires = "resources")]
    pub memory_limit: Option<MemoryLimit>,
    /// Print nothing but mistakes
    #[arg(long, short, conflicts_with = "all")]
    pub quiet: bool,
    /// Check what is written only: open no file that settings name, and take no variable for
    /// missing
    #[arg(long, conflicts_with = "online")]
    pub no_files: bool,
    /// Compare two configuration files instead: which routes, issuers and rules decide differently,
    /// and what takes a restart; exit code 0: nothing differs, 1: something does
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["config", "file", "all", "json", "online", "resources"])]
    pub diff: Option<Vec<PathBuf>>,
    /// Also fetch every key source and list its keys
    #[arg(long)]
    pub online: bool,
    /// Also ask the introspection endpoint of its issuer about this token; `-` reads it from
    /// standard input
    #[arg(long, value_name = "TOKEN|-", requires = "online")]
    pub token: Option<TokenArg>,
}

/// The values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// TOML
    Toml,
    /// YAML
    Yaml,
    /// JSON
    Json,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Toml => Self::Toml,
            FormatArg::Yaml => Self::Yaml,
            FormatArg::Json => Self::Json,
        }
    }
}

/// What standard input is called in messages.
const STANDARD_INPUT: &str = "standard input";

impl CheckArgs {
    /// What is to be checked; standard input is `input`.
    fn sources(&self, input: &mut impl Read) -> Result<Sources, CommandError> {
        let mut sources = self.config.sources();
        sources.lint = self.no_files;
        let Some(file) = &self.file else { return Ok(sources) };
        if file.as_os_str() == "-" {
            sources.input = Some(self.read_input(input)?);
        } else if self.format.is_some() {
            let message = "--format is for standard input; a file's name tells its format";
            return Err(CommandError::Usage(message.to_owned()));
        } else {
            sources.file = Some(file.clone());
        }
        Ok(sources)
    }

    fn read_input(&self, input: &mut impl Read) -> Result<ConfigInput, CommandError> {
        let unreadable = |problem: String| {
            CommandError::Runtime(format!("cannot read {STANDARD_INPUT}: {problem}"))
        };
        let bytes =
            read_all(input, MAX_FILE_BYTES).map_err(|error| unreadable(error.to_string()))?;
        let text = str::from_utf8(&bytes).map_err(|error| unreadable(error.to_string()))?;
        Ok(ConfigInput::Text {
            name: STANDARD_INPUT.to_owned(),
            format: self.format.map(Format::from),
            text: text.to_owned(),
        })
    }
}

/// Prints the verdict and what matters of a configuration. With `--all` the whole output is a
/// configuration file again, all but the settings in comments.
///
/// # Errors
/// [`CommandError::Configuration`] with every mistake; with `--online` [`CommandError::Runtime`] if
/// a key source has no usable key; with `--diff` [`CommandError::Different`].
pub fn check(args: &CheckArgs, out: &mut impl Write) -> Result<(), CommandError> {
    if let Some([old, new]) = args.diff.as_deref() {
        return diff::report(args, old, new, out);
    }
    let sources = args.sources(&mut io::stdin())?;
    let reading = settings::read(&sources);
    if args.json {
        return machine::report(reading, args, out);
    }
    let name = summary::name_of(&sources);
    let Some(settings) = reading.settings? else {
        return unchecked(&name, args.quiet, out);
    };
    if args.resources {
        return resources::report(&settings, args, out);
    }
    // The online checks' verdict comes first: a closed output must not hide it.
    let shown = if args.quiet { Ok(()) } else { show(&settings, &name, args, out) };
    if args.online {
        let most = settings.credential.max_bytes;
        let token =
            args.token.as_ref().map(|token| token.read(most, &mut io::stdin())).transpose()?;
        let style = if args.all { OnlineStyle::Comments } else { OnlineStyle::Plain };
        if args.quiet {
            online::report(&settings, token.as_deref(), style, &mut io::sink())?;
        } else {
            online::report(&settings, token.as_deref(), style, out)?;
        }
    }
    shown
}

/// How the results of `--online` are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnlineStyle {
    /// Beside a configuration.
    Comments,
    /// For a person.
    Plain,
}

/// Without what stands in files and variables there are no settings to show.
fn unchecked(name: &str, quiet: bool, out: &mut impl Write) -> Result<(), CommandError> {
    if !quiet {
        writeln!(
            out,
            "{name} has no mistake in what is written; values that stand in files or variables \
             were not read, and without them there is no summary."
        )?;
    }
    Ok(())
}

fn show(
    settings: &Settings,
    name: &str,
    args: &CheckArgs,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let warnings = warnings(settings, args.no_files);
    let paint = if args.all { Paint::none() } else { Paint::of_stdout() };
    let verdict = summary::verdict(name, warnings.len(), paint);
    if !args.all {
        write!(out, "{verdict}{}", summary::text(settings))?;
        if !warnings.is_empty() {
            writeln!(out)?;
        }
        for warning in &warnings {
            writeln!(out, "{} {warning}", paint.yellow("warning:"))?;
        }
        writeln!(out, "\nEvery setting with its default, and where it comes from: check --all")?;
        return Ok(());
    }
    write!(out, "{}", commented(&verdict))?;
    writeln!(out, "# The effective configuration, every default filled in.\n")?;
    write!(out, "{}", settings.to_annotated_toml())?;
    write!(out, "{}", commented(&summary::text(settings)))?;
    for warning in warnings {
        writeln!(out, "# warning: {warning}")?;
    }
    Ok(())
}

/// Every line that is not empty as a comment.
fn commented(text: &str) -> String {
    let comment =
        |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("# {line}\n") };
    text.lines().map(comment).collect()
}

fn warnings(settings: &Settings, no_files: bool) -> Vec<String> {
    let mut warnings = settings.warnings();
    if !no_files {
        warnings.extend(list_problem(settings));
        // Of this machine and user, which may be those that it is to run by.
        warnings.extend(DescriptorLimit::highest().shortage(settings));
    }
    warnings
}

/// A list file that holds no list is no mistake: a setting of its own decides what then happens to
/// requests. One that can't be read is among the warnings of the settings.
fn list_problem(settings: &Settings) -> Option<String> {
    let list = settings.revocation.list.as_ref()?;
    let ListSource::File(path) = &list.source else { return None };
    if reading_problem(path).is_some() {
        return None;
    }
    let found = runtime().ok()?.block_on(revocation::probe(list, SystemClock.now()));
    let error = found.err()?;
    Some(format!("revocation.file: {error}; until it can be read, on_failure decides"))
}
