//! `countersign mint`: a signed token, for trying things out.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{CommandError, files};
use crate::{
    clock::Clock,
    jose::SigningKey,
    json::{Json, Object},
};

/// The arguments of `countersign mint`.
#[derive(Debug, Args)]
pub struct MintArgs {
    /// The private JWK to sign with, as `countersign keygen` writes it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// A claim (repeatable). A value that is JSON counts as such (`42`, `true`, `["a"]`, `"42"`),
    /// any other is a text
    #[arg(long, value_name = "NAME=VALUE")]
    pub claim: Vec<String>,
    /// How long the token is valid: sets `exp`, and `iat` to now
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub expires_in: Duration,
    /// A header member (repeatable), with values like those of `--claim`, e.g. `typ=at+jwt`
    #[arg(long, value_name = "NAME=VALUE")]
    pub header: Vec<String>,
}

/// Prints a compact JWS over the claims. `iat` and `exp` come from the clock unless they are given
/// as claims, so that expired and malformed tokens can be made as well.
///
/// # Errors
/// [`CommandError::Usage`] for what is no `NAME=VALUE`; [`CommandError::Runtime`] if the key can't be used.
pub fn mint(args: &MintArgs, clock: &dyn Clock, out: &mut impl Write) -> Result<(), CommandError> {
    let header = members("--header", &args.header)?;
    let mut claims = members("--claim", &args.claim)?;
    let now = i128::from(clock.now().0);
    let exp = now.saturating_add(i128::from(args.expires_in.as_secs()));
    for (name, time) in [("iat", now), ("exp", exp)] {
        if !claims.iter().any(|(given, _)| given == name) {
            claims.push((name.to_owned(), Json::Integer(time.into())));
        }
    }
    let header: Object = header.into_iter().collect();
    let claims: Object = claims.into_iter().collect();
    let token = signing_key(&args.key)?
        .sign_compact(&header, claims.to_text().as_bytes())
        .map_err(|error| CommandError::Runtime(format!("cannot sign: {error}")))?;
    writeln!(out, "{token}")?;
    Ok(())
}

/// The private key in a file.
pub(super) fn signing_key(file: &Path) -> Result<SigningKey, CommandError> {
    let path = file.display();
    let document = files::keys(file)?;
    let jwk = Object::parse(&document)
        .map_err(|error| CommandError::Runtime(format!("{path} is not a private JWK: {error}")))?;
    SigningKey::from_jwk(&jwk)
        .map_err(|error| CommandError::Runtime(format!("{path} is not a private JWK: {error}")))
}

/// `NAME=VALUE`, each name once.
pub(super) fn members(flag: &str, pairs: &[String]) -> Result<Vec<(String, Json)>, CommandError> {
    let mut members: Vec<(String, Json)> = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(CommandError::Usage(format!("{flag} {pair:?}: expected NAME=VALUE")));
        };
        if members.iter().any(|(earlier, _)| earlier == name) {
            return Err(CommandError::Usage(format!("{flag} {name}: given twice")));
        }
        members.push((name.to_owned(), value_of(value)));
    }
    Ok(members)
}

/// JSON if it is JSON, otherwise the text itself.
fn value_of(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|_| Json::from(text))
}
