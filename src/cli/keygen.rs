//! `countersign keygen`: keys to sign tokens with, for tests and for services that issue their own.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;

use super::CommandError;
use crate::{
    jose::{Algorithm, SigningKey, base64url},
    json::{Json, Object},
};

/// The arguments of `countersign keygen`.
#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// What the key is for: RS256, PS256, ES256, ES384, ES512, EdDSA, HS256, …
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    pub alg: Algorithm,
    /// The key's id; its RFC 7638 thumbprint if absent
    #[arg(long, value_name = "K")]
    pub kid: Option<String>,
    /// Directory for the files; without it, the private JWK is printed and nothing written
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// The private key, or the shared secret, as a JWK: for `countersign mint`.
pub const PRIVATE_FILE: &str = "private.jwk";
/// The public key as a JWKS: for `jwks_file`, or to be published.
pub const JWKS_FILE: &str = "jwks.json";
/// The public key as PEM (SPKI): for `pem_file`.
pub const PEM_FILE: &str = "public.pem";
/// The shared secret's bytes: for `secret_file`.
pub const SECRET_FILE: &str = "secret.bin";

/// For the owner's eyes only.
const PRIVATE_MODE: u32 = 0o600;
/// For all users.
const PUBLIC_MODE: u32 = 0o644;
/// A random secret ends in a line break once in 128 times.
const MAX_ATTEMPTS: usize = 64;

/// Makes a key and writes or prints it. Files that exist are never overwritten.
///
/// # Errors
/// [`CommandError::Runtime`] if the key can't be made or a file can't be created.
pub fn keygen(args: &KeygenArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let key = generate(args)?;
    let Some(directory) = &args.out else {
        writeln!(out, "{}", key.private_jwk().to_text())?;
        return Ok(());
    };
    let files = files(&key)?;
    fs::create_dir_all(directory).map_err(|error| cannot_write(directory, &error))?;
    // All or nothing: half of a pair from each of two runs would be a puzzle.
    for (name, ..) in &files {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(CommandError::Runtime(format!(
                "{} exists already; nothing was written",
                path.display()
            )));
        }
    }
    for (name, mode, content) in &files {
        let path = directory.join(name);
        create(&path, *mode, content).map_err(|error| cannot_write(&path, &error))?;
    }
    for (name, ..) in &files {
        writeln!(out, "{}", directory.join(name).display())?;
    }
    Ok(())
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Algorithm::ALL.iter().map(|alg| alg.name()).collect();
        format!("expected one of {}", known.join(", "))
    })
}

fn generate(args: &KeygenArgs) -> Result<SigningKey, CommandError> {
    for _ in 0..MAX_ATTEMPTS {
        let key = SigningKey::generate(args.alg, args.kid.as_deref())
            .map_err(|error| CommandError::Runtime(format!("cannot make the key: {error}")))?;
        let ends_in_line_break = secret(&key)?
            .and_then(|secret| secret.last().copied())
            .is_some_and(|last| last == b'\n' || last == b'\r');
        // `secret_file` drops a line break at the end, as editors add one.
        if !ends_in_line_break {
            return Ok(key);
        }
    }
    Err(CommandError::Runtime("cannot make the key".to_owned()))
}

/// The bytes of a shared secret; `None` for a key pair.
fn secret(key: &SigningKey) -> Result<Option<Vec<u8>>, CommandError> {
    if !key.algorithm().is_symmetric() {
        return Ok(None);
    }
    let jwk = key.private_jwk();
    let secret = jwk.get("k").and_then(Json::as_str);
    let secret = secret.and_then(|text| base64url::decode(text.as_bytes()).ok());
    match secret {
        Some(secret) => Ok(Some(secret)),
        None => Err(CommandError::Runtime("cannot make the key".to_owned())),
    }
}

/// Name, mode and content of a file.
type NewFile = (&'static str, u32, Vec<u8>);

/// Every file that the key fills.
fn files(key: &SigningKey) -> Result<Vec<NewFile>, CommandError> {
    let line = |text: String| format!("{text}\n").into_bytes();
    let private = line(key.private_jwk().to_text());
    let mut files = vec![(PRIVATE_FILE, PRIVATE_MODE, private)];
    if let Some(secret) = secret(key)? {
        files.push((SECRET_FILE, PRIVATE_MODE, secret));
    }
    if let Some(jwk) = key.public_jwk() {
        let keys = Json::Array([Json::Object(jwk)].into());
        let set: Object = [("keys".to_owned(), keys)].into_iter().collect();
        files.push((JWKS_FILE, PUBLIC_MODE, line(set.to_text())));
    }
    if let Some(pem) = key.public_pem() {
        files.push((PEM_FILE, PUBLIC_MODE, pem.into_bytes()));
    }
    Ok(files)
}

/// Creates a file that must not exist yet, with its mode from the first moment on.
fn create(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn cannot_write(path: &Path, error: &io::Error) -> CommandError {
    CommandError::Runtime(format!("cannot write {}: {error}", path.display()))
}
