//! What aws-lc-rs alone takes to hash a message and check its signature with a parsed key, in
//! microseconds, for a message as long as a token or of so many bytes: the floor that
//! `loadtest/compare` measures the distance to.
//!
//! In `loadtest/tools`:
//!
//! ```sh
//! cargo run --release --bin bare_verify -- private.jwk [BYTES]
//! ```

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
    process::ExitCode,
};

use countersign::{jose::SigningKey, json::Object};

#[path = "../../../../benches/support/floor.rs"]
mod floor;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bare_verify: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: bare_verify PRIVATE_JWK [BYTES]")?;
    let key = SigningKey::from_jwk(&Object::parse(&fs::read(path)?)?)?;
    let public = key.public_jwk().ok_or("a shared secret has no floor")?;
    let floor = match env::args().nth(2) {
        // As long as a real payload: hashing it is part of the work.
        None => {
            let token = key.sign_compact(&Object::default(), &[b' '; 320])?;
            floor::Floor::new(key.algorithm(), &public, &token)
        }
        Some(bytes) => {
            let message = vec![b'x'; bytes.parse()?];
            let signature = key.sign(&message)?;
            floor::Floor::of(key.algorithm(), &public, message, signature)
        }
    };
    let floor = floor.ok_or("no floor for this algorithm")?;
    writeln!(io::stdout(), "{:.2}", floor.time().as_secs_f64() * 1e6)?;
    Ok(())
}
