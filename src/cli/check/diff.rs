//! `countersign check --diff OLD NEW`: what two configurations decide differently.
//!
//! Compared are the effective configurations, so that a default that is written out is no
//! difference. What stands in a variable or a file is compared, and not shown.

mod changes;
mod direction;

use std::{io::Write, path::Path};

use super::CheckArgs;
use crate::{
    cli::CommandError,
    settings::{self, RestartNeeded, Settings, Sources},
};
use changes::{Change, Edit, EntryChange};
use direction::Direction;

/// Prints the differences.
///
/// # Errors
/// [`CommandError::Different`] if there are any, as `diff` has it; [`CommandError::Configuration`]
/// with the mistakes of one of the two.
pub(super) fn report(
    args: &CheckArgs,
    old: &Path,
    new: &Path,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let (old, new) = (load(args, old)?, load(args, new)?);
    let changes = changes::between(&old, &new);
    if changes.is_empty() {
        if !args.quiet {
            writeln!(out, "no difference")?;
        }
        return Ok(());
    }
    if !args.quiet {
        writeln!(out, "{}", verdict(&changes))?;
        write_changes(&changes, out)?;
        write_restarts(&settings::restart_needed(&old, &new), out)?;
    }
    Err(CommandError::Different)
}

fn load(args: &CheckArgs, file: &Path) -> Result<Settings, CommandError> {
    let sources = args.config.sources();
    let sources = Sources { file: Some(file.to_owned()), lint: args.no_files, ..sources };
    settings::read(&sources).settings?.ok_or_else(|| {
        CommandError::Usage(format!(
            "{} depends on values in files or variables, which --no-files does not read",
            file.display()
        ))
    })
}

/// `different: 2 laxer, 1 stricter, 4 others`
fn verdict(changes: &[Change]) -> String {
    let count = |wanted: Option<Direction>| {
        changes.iter().flat_map(Change::directions).filter(|found| *found == wanted).count()
    };
    let counts = [
        (count(Some(Direction::Laxer)), "laxer"),
        (count(Some(Direction::Stricter)), "stricter"),
        (count(None), "neither"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
    format!("different: {}", counts.join(", "))
}

fn write_changes(changes: &[Change], out: &mut impl Write) -> Result<(), CommandError> {
    let mut section = "";
    for change in changes {
        if change.section != section {
            section = change.section;
            writeln!(out, "\n{section}")?;
        }
        match &change.what {
            EntryChange::Added(what) => writeln!(out, "  + {}{}", change.name, after(what))?,
            EntryChange::Removed(what) => writeln!(out, "  - {}{}", change.name, after(what))?,
            EntryChange::Edited(edits) => {
                if !change.name.is_empty() {
                    writeln!(out, "  ~ {}", change.name)?;
                }
                let indent = if change.name.is_empty() { "  ~ " } else { "      " };
                edits.iter().try_for_each(|edit| write_edit(edit, indent, out))?;
            }
        }
    }
    Ok(())
}

fn after(what: &str) -> String {
    if what.is_empty() { String::new() } else { format!(": {what}") }
}

fn write_edit(edit: &Edit, indent: &str, out: &mut impl Write) -> Result<(), CommandError> {
    let Edit { key, old, new, direction } = edit;
    let direction = match direction {
        Some(direction) => format!(" ({direction})"),
        None => String::new(),
    };
    Ok(writeln!(out, "{indent}{key}: {old} -> {new}{direction}")?)
}

fn write_restarts(needed: &[RestartNeeded], out: &mut impl Write) -> Result<(), CommandError> {
    if needed.is_empty() {
        return Ok(());
    }
    writeln!(out, "\ntakes a restart")?;
    for RestartNeeded { key, reason } in needed {
        writeln!(out, "  {key}: {reason}")?;
    }
    Ok(())
}
