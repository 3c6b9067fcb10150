//! `check --online`: what every key source holds at this moment.

use std::io::{self, Write};

use crate::{
    cli::Failure,
    config::Settings,
    keys::{self, KeyError, KeyFacts, KeySet, SkippedFacts},
};

/// Fetches the keys of every issuer, all at once, and writes what was found in the order of the
/// configuration.
///
/// # Errors
/// [`Failure::Runtime`] if any issuer has no usable key.
pub(super) fn report(settings: &Settings, out: &mut impl Write) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(format!("cannot start the runtime: {error}")))?;
    let answers = runtime.block_on(ask_all(settings));
    writeln!(out, "\n# Key sources:")?;
    let mut failed = Vec::new();
    for (issuer, answer) in settings.issuers.iter().zip(answers) {
        match answer {
            Ok(set) => write_set(&issuer.name, &set, out)?,
            Err(error) => {
                writeln!(out, "#   {}: failed: {error}", issuer.name)?;
                failed.push(issuer.name.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let failed = failed.join(", ");
    Err(Failure::Runtime(format!("no usable keys for {failed}")))
}

async fn ask_all(settings: &Settings) -> Vec<Result<KeySet, KeyError>> {
    let questions: Vec<_> = settings
        .issuers
        .iter()
        .cloned()
        .map(|issuer| tokio::spawn(async move { keys::probe(&issuer).await }))
        .collect();
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let answer = question
            .await
            .unwrap_or_else(|error| Err(KeyError::Internal { cause: error.to_string() }));
        answers.push(answer);
    }
    answers
}

fn write_set(issuer: &str, set: &KeySet, out: &mut impl Write) -> io::Result<()> {
    let (usable, skipped) = (set.key_facts(), set.skipped_facts());
    let (count, left_out) = (usable.len(), skipped.len());
    writeln!(out, "#   {issuer}: {count} usable, {left_out} left out")?;
    for KeyFacts { kid, kind, algorithms, .. } in usable {
        let (kid, algorithms) = (name(kid.as_deref()), algorithms.join(", "));
        writeln!(out, "#     {kid}: {kind}, for {algorithms}")?;
    }
    for SkippedFacts { position, kid, code, message } in skipped {
        let kid = name(kid.as_deref());
        writeln!(out, "#     {kid}: left out, keys[{position}]: {message} ({code})")?;
    }
    Ok(())
}

/// A `kid` comes from outside: quoted, so that it can't end the comment it stands in.
fn name(kid: Option<&str>) -> String {
    kid.map_or_else(|| "(no kid)".to_owned(), |kid| format!("{kid:?}"))
}
