//! `countersign evidence`: what the journal of signed requests proves.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};

use super::{CommandError, files};
use crate::{
    evidence::{
        VerifyReport,
        verify::{Against, order, verify},
    },
    jose::{JwkSet, KeyLimits},
};

/// The arguments of `countersign evidence`.
#[derive(Debug, Args)]
pub struct EvidenceArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EvidenceCommand,
}

/// What can be done with a journal.
#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Check that nothing was altered or removed, and every signature again
    Verify(VerifyArgs),
}

/// The arguments of `countersign evidence verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The files of the journal; renamed ones in the order in which they were written
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The public keys of checkpoints: a JWK or JWKS
    #[arg(long, value_name = "JWKS")]
    pub key: Option<PathBuf>,
    /// A body that is to be proven; with --entry
    #[arg(long, value_name = "FILE", requires = "entry")]
    pub body: Option<PathBuf>,
    /// The number (`n`) of the line that the body should belong to
    #[arg(long, value_name = "N", requires = "body")]
    pub entry: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// [`CommandError::Runtime`] if something is wrong with the journal, or a file can't be read.
pub fn evidence(args: &EvidenceArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let EvidenceCommand::Verify(args) = &args.command;
    let against = against(args)?;
    let mut files = args.files.clone();
    order(&mut files);
    let report =
        verify(&files, &against).map_err(|error| CommandError::Runtime(error.to_string()))?;
    // The verdict first: a closed output must not hide it.
    let printed = print(&report, out);
    match report.findings.as_slice() {
        [] if report.lines == 0 => Err(CommandError::Runtime(
            "there is no line in these files: nothing is proven".to_owned(),
        )),
        [] if args.key.is_some() && report.checkpoints == 0 => Err(CommandError::Runtime(
            "no checkpoint is signed by the keys given: all of it could have been rewritten"
                .to_owned(),
        )),
        [] => match &report.body_problem {
            Some(problem) => {
                Err(CommandError::Runtime(format!("{}: the body is not proven", place(problem))))
            }
            None => printed,
        },
        [only] => Err(CommandError::Runtime(format!("{}: the journal is broken", place(only)))),
        [first, ..] => Err(CommandError::Runtime(format!(
            "{}: the journal is broken there first",
            place(first)
        ))),
    }
}

fn against(args: &VerifyArgs) -> Result<Against, CommandError> {
    let keys = args.key.as_ref().map(|path| {
        JwkSet::parse(&files::keys(path)?, &KeyLimits::default())
            .ok()
            .filter(|set| !set.keys.is_empty())
            .ok_or_else(|| {
                let path = path.display();
                CommandError::Runtime(format!("{path} is neither a public JWK nor a JWKS with one"))
            })
    });
    let body = args.body.as_ref().map(|path| files::body(path)).transpose()?;
    Ok(Against { keys: keys.transpose()?, body: args.entry.zip(body) })
}

fn print(report: &VerifyReport, out: &mut impl Write) -> Result<(), CommandError> {
    for finding in report.findings.iter().chain(&report.body_problem) {
        writeln!(out, "{}: {}", place(finding), finding.what)?;
    }
    if report.further_findings > 0 {
        writeln!(out, "and {} more", report.further_findings)?;
    }
    for (file, bytes) in &report.torn {
        writeln!(
            out,
            "{}: ends in the middle of a line ({bytes} bytes): the process ended while it wrote, \
             and nothing was forwarded on that line",
            file.display()
        )?;
    }
    match report.numbers {
        None => writeln!(out, "no lines")?,
        Some((first, last)) => writeln!(out, "lines      {} ({first} to {last})", report.lines)?,
    }
    writeln!(
        out,
        "requests   {}: {} verified again, {} can only be with their bodies, {} refused",
        report.requests, report.rechecked, report.body_needed, report.refused
    )?;
    if report.abandoned > 0 {
        writeln!(
            out,
            "abandoned  {} lines: writing them failed, as the journal itself records",
            report.abandoned
        )?;
    }
    match (report.checkpoints, report.unchecked_checkpoints) {
        (good, 0) => writeln!(out, "signed     {good} checkpoints are right")?,
        (_, unchecked) => {
            writeln!(out, "signed     {unchecked} checkpoints, not checked; --key checks them")?;
        }
    }
    writeln!(
        out,
        "uncovered  {} lines behind the last checkpoint that was checked: had more of them been \
         cut off, nothing would show it",
        report.uncovered
    )?;
    if let Some(proven) = report.body {
        let verdict =
            if proven { "is what was signed there" } else { "is not what was signed there" };
        writeln!(out, "body       {verdict}")?;
    }
    Ok(())
}

fn place(finding: &crate::evidence::Finding) -> String {
    format!("{}:{}", finding.file.display(), finding.line)
}
