//! Tokens by the thousand, one a line, each of another subject: what `countersign mint` makes,
//! without a process and a look at the key for each.
//!
//! In `loadtest/tools`:
//!
//! ```sh
//! cargo run --release --bin mint_many -- --key private.jwk --count 4000 \
//!     --issuer https://idp.example --audience https://api.example > tokens.txt
//! ```

use std::{
    error::Error,
    fs,
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use countersign::{
    clock::{Clock, SystemClock},
    jose::SigningKey,
    json::Object,
};

#[derive(Debug, Parser)]
struct Args {
    /// The private JWK, as `countersign keygen` writes it.
    #[arg(long)]
    key: PathBuf,
    /// How many tokens.
    #[arg(long)]
    count: usize,
    /// The number of the first one's subject.
    #[arg(long, default_value_t = 0)]
    first: usize,
    #[arg(long)]
    issuer: String,
    #[arg(long)]
    audience: String,
    /// Seconds from now to `exp`; negative for tokens that have expired.
    #[arg(long, default_value_t = 86_400, allow_negative_numbers = true)]
    expires_in: i64,
    /// Spoils every n-th signature; 0 for none.
    #[arg(long, default_value_t = 0)]
    forge_every: usize,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "mint_many: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let key = SigningKey::from_jwk(&Object::parse(&fs::read(&args.key)?)?)?;
    let mut out = BufWriter::new(io::stdout().lock());
    for number in args.first..args.first.saturating_add(args.count) {
        let token = key.sign_compact(&header(), claims(args, number).to_text().as_bytes())?;
        let forged = args.forge_every != 0 && number % args.forge_every == 0;
        writeln!(out, "{}", if forged { forge(token) } else { token })?;
    }
    out.flush()?;
    Ok(())
}

fn header() -> Object {
    let mut header = Object::default();
    header.insert("typ", "at+jwt");
    header
}

/// What the access tokens of large identity providers hold, give or take.
fn claims(args: &Args, number: usize) -> Object {
    let now = SystemClock.now().0;
    let expires = now.saturating_add(args.expires_in);
    let mut claims = Object::default();
    claims.insert("iss", args.issuer.as_str());
    claims.insert("sub", format!("user-{number:06}"));
    claims.insert("aud", args.audience.as_str());
    claims.insert("client_id", "0oa1b2c3d4e5f6g7h8i9");
    claims.insert("scope", "openid profile email orders:read orders:write");
    claims.insert("jti", format!("7d1f0f7e-1b1a-4b7e-9d3c-{number:012}"));
    claims.insert("iat", now.min(expires.saturating_sub(1)));
    claims.insert("exp", expires);
    claims
}

/// The same token with another first character of the signature: well-formed, and wrong.
fn forge(mut token: String) -> String {
    if let Some(start) = token.rfind('.').map(|dot| dot + 1) {
        let other = if token.get(start..=start) == Some("A") { "B" } else { "A" };
        token.replace_range(start..=start, other);
    }
    token
}
