//! `countersign sign`: a detached signature over a body, for trying things out.

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use clap::Args;

use super::{CommandError, files, mint};
use crate::{
    jose::{Dialect, SigningKey},
    json::Object,
};

/// The arguments of `countersign sign`.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// The private JWK to sign with, as `countersign keygen` writes it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// How the signature is written: `rfc7797`, `b64-false-without-crit`, `detached` or `two-part`
    #[arg(long, value_name = "DIALECT", default_value = "rfc7797", value_parser = dialect)]
    pub dialect: Dialect,
    /// Sign this path, as of a request without a body, instead of a body
    #[arg(long, value_name = "PATH", conflicts_with = "body")]
    pub path: Option<String>,
    /// A header member (repeatable): `kid=…`, or `crit=["b64","iat"]`
    #[arg(long, value_name = "NAME=VALUE")]
    pub header: Vec<String>,
    /// The file with the body, byte for byte; `-` is standard input
    #[arg(value_name = "BODY", required_unless_present = "path")]
    pub body: Option<PathBuf>,
}

/// Prints the value of the signature's header.
///
/// # Errors
/// [`CommandError::Usage`] for what is no `NAME=VALUE`; [`CommandError::Runtime`] if the key or the body
/// can't be used.
pub fn sign(
    args: &SignArgs,
    input: &mut impl Read,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let header: Object = mint::members("--header", &args.header)?.into_iter().collect();
    let payload = match (&args.path, &args.body) {
        (Some(path), _) => path.clone().into_bytes(),
        (None, Some(body)) => files::body_or_input(body, input)?,
        (None, None) => return Err(CommandError::Usage("expected a body, or --path".to_owned())),
    };
    let key = mint::signing_key(&args.key)?;
    refuse_shared_secret(&key)?;
    let signature = key
        .sign_detached(args.dialect, &header, &payload)
        .map_err(|error| CommandError::Runtime(format!("cannot sign: {error}")))?;
    writeln!(out, "{signature}")?;
    Ok(())
}

/// Refuses shared secrets: such a signature proves nothing about its author.
fn refuse_shared_secret(key: &SigningKey) -> Result<(), CommandError> {
    if key.algorithm().is_symmetric() {
        let cause = "the key is a shared secret; expected the private key of a pair";
        return Err(CommandError::Runtime(cause.to_owned()));
    }
    Ok(())
}

fn dialect(name: &str) -> Result<Dialect, String> {
    Dialect::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        format!("expected one of {}", known.join(", "))
    })
}
