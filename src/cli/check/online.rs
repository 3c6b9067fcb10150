//! `check --online`: what every key source and the revocation list hold at this moment, and whether
//! every introspection endpoint, every registry of signers and every token endpoint answers.

mod token;

use std::io::{self, Write};

use super::OnlineStyle;
use crate::{
    cli::CommandError,
    clock::{Clock, SystemClock},
    introspection::{self, IntrospectionError},
    jose::Algorithm,
    keys::{self, KeyError, KeyFacts, KeySet, SkippedFacts, settings::KeyOwner},
    registry,
    revocation::{self, ListError},
    settings::Settings,
    signature::settings::SignatureSettings,
    token::issuer::settings::IssuerSettings,
    upstream_credential,
};

/// Fetches the keys of every issuer and signer concurrently, probes introspection endpoints and
/// registries with an invented token or signer, reads the revocation list, and writes the results
/// in the order of the configuration.
///
/// # Errors
/// [`CommandError::Runtime`] if any issuer or signer has no usable key for the algorithms allowed, if an introspection
/// endpoint or a registry doesn't respond, or if the list can't be read.
pub(super) fn report(
    settings: &Settings,
    token: Option<&[u8]>,
    style: OnlineStyle,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut text = Vec::new();
    let verdict = check_all(settings, token, &mut text);
    let written = match style {
        OnlineStyle::Comments => out.write_all(&text),
        OnlineStyle::Plain => out.write_all(without_comments(&text).as_bytes()),
    };
    // The verdict first: a closed output must not hide it.
    verdict?;
    Ok(written?)
}

fn without_comments(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.split_inclusive('\n').map(|line| line.strip_prefix("# ").unwrap_or(line)).collect()
}

fn check_all(
    settings: &Settings,
    token: Option<&[u8]>,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let runtime = super::runtime()?;
    let issuers = settings.issuers.iter().filter_map(IssuerSettings::key_owner);
    let signers = settings.signatures.iter().filter_map(SignatureSettings::key_owner);
    let keyed: Vec<KeyOwner> = issuers.chain(signers).collect();
    let answers = runtime.block_on(fetch_all(&keyed));
    writeln!(out, "\n# Key sources:")?;
    let mut failed = Vec::new();
    for (issuer, answer) in keyed.iter().zip(answers) {
        match answer {
            Ok(set) => {
                write_set(&issuer.name, &set, out)?;
                if let Some(unfit) = unfit(issuer, &set) {
                    writeln!(out, "#     {unfit}")?;
                    failed.push(format!("{}: {unfit}", issuer.name));
                }
            }
            Err(error) => {
                writeln!(out, "#   {}: failed: {error}", issuer.name)?;
                failed.push(format!("no usable keys for {}", issuer.name));
            }
        }
    }
    failed.extend(runtime.block_on(report_introspection(settings, out))?);
    if let Some(token) = token {
        failed.extend(runtime.block_on(token::report(settings, token, out))?);
    }
    failed.extend(runtime.block_on(report_registries(settings, out))?);
    failed.extend(runtime.block_on(report_upstream_credentials(settings, out))?);
    if let Some(list) = &settings.revocation.list {
        let list = runtime.block_on(revocation::probe(list, SystemClock.now()));
        failed.extend(report_list(list, out)?);
    }
    if failed.is_empty() { Ok(()) } else { Err(CommandError::Runtime(failed.join("; "))) }
}

/// Probes every introspection endpoint; returns what failed.
async fn report_introspection(
    settings: &Settings,
    out: &mut impl Write,
) -> io::Result<Vec<String>> {
    let mut failed = Vec::new();
    let mut is_first = true;
    let issuers = settings.issuers.iter();
    for (issuer, introspected) in
        issuers.filter_map(|issuer| Some((issuer, issuer.introspected()?)))
    {
        let answer = introspection::probe(&introspected, issuer.key_source()).await;
        if std::mem::take(&mut is_first) {
            writeln!(out, "\n# Introspection endpoints:")?;
        }
        writeln!(out, "#   {}: {}", issuer.name, summary(answer.as_ref()))?;
        if answer.is_err() {
            failed.push(format!("introspection of {} does not work", issuer.name));
        }
    }
    Ok(failed)
}

/// Probes every registry of signers; returns what failed.
async fn report_registries(settings: &Settings, out: &mut impl Write) -> io::Result<Vec<String>> {
    let mut failed = Vec::new();
    let registries = settings.signatures.iter();
    let registries = registries.filter_map(|signature| Some((signature, signature.registry()?)));
    for (position, (signature, registry)) in registries.enumerate() {
        if position == 0 {
            writeln!(out, "\n# Registries of signers:")?;
        }
        match registry::probe(registry).await {
            Ok(()) => writeln!(out, "#   signatures.{}: answers", signature.name)?,
            Err(cause) => {
                writeln!(out, "#   signatures.{}: failed: {cause}", signature.name)?;
                failed
                    .push(format!("the registry of signatures.{} can't be asked", signature.name));
            }
        }
    }
    Ok(failed)
}

/// Requests a token for every credential that needs no caller; returns what failed.
async fn report_upstream_credentials(
    settings: &Settings,
    out: &mut impl Write,
) -> io::Result<Vec<String>> {
    let mut failed = Vec::new();
    for (position, credential) in settings.upstream_credentials.iter().enumerate() {
        if position == 0 {
            writeln!(out, "\n# Credentials for upstreams:")?;
        }
        let name = &credential.name;
        match upstream_credential::probe(credential).await {
            None => writeln!(
                out,
                "#   {name}: not tried, as nothing of it is requested without a caller"
            )?,
            Some(Ok(())) => writeln!(out, "#   {name}: the token endpoint issues a token")?,
            Some(Err(error)) => {
                writeln!(out, "#   {name}: failed: {error}")?;
                failed.push(format!("upstream_credentials.{name} can't be obtained"));
            }
        }
    }
    Ok(failed)
}

fn summary(answer: Result<&(), &IntrospectionError>) -> String {
    match answer {
        Ok(()) => "answers, and accepts the proxy's credentials".to_owned(),
        Err(error) => format!("failed: {error}"),
    }
}

async fn fetch_all(owners: &[KeyOwner]) -> Vec<Result<KeySet, KeyError>> {
    let fetches: Vec<_> = owners
        .iter()
        .cloned()
        .map(|owner| tokio::spawn(async move { keys::probe(&owner).await }))
        .collect();
    let mut answers = Vec::with_capacity(fetches.len());
    for fetch in fetches {
        let answer = fetch
            .await
            .unwrap_or_else(|error| Err(KeyError::Internal { cause: error.to_string() }));
        answers.push(answer);
    }
    answers
}

/// Writes how large the revocation list is; returns that it can't be read.
fn report_list(list: Result<usize, ListError>, out: &mut impl Write) -> io::Result<Option<String>> {
    match list {
        Ok(entries) => {
            writeln!(out, "\n# Revocation list: {entries} entries")?;
            Ok(None)
        }
        Err(error) => {
            writeln!(out, "\n# Revocation list: failed: {error}")?;
            Ok(Some("the revocation list can't be read".to_owned()))
        }
    }
}

/// What is said of a set whose keys are usable, and none of them for what the settings allow.
fn unfit(owner: &KeyOwner, set: &KeySet) -> Option<String> {
    if set.keys().iter().any(|key| key.algorithms().intersects(owner.algorithms)) {
        return None;
    }
    let allowed: Vec<_> = owner.algorithms.iter().map(Algorithm::name).collect();
    Some(format!("no key for the algorithms allowed ({})", allowed.join(", ")))
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
