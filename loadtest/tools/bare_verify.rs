//! What aws-lc-rs alone takes to check a token's signature with a parsed key, in microseconds:
//! the floor that `loadtest/compare` measures the distance to.
//!
//! ```sh
//! cargo run --profile tools --example bare_verify -- private.jwk
//! ```

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
    process::ExitCode,
};

use countersign::jose::{Object, SigningKey};

#[path = "../../benches/support/floor.rs"]
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
    let path = env::args_os().nth(1).ok_or("usage: bare_verify PRIVATE_JWK")?;
    let key = SigningKey::from_jwk(&Object::parse(&fs::read(path)?)?)?;
    let public = key.public_jwk().ok_or("a shared secret has no floor")?;
    // As long as a real payload: hashing it is part of the work.
    let token = key.sign_compact(&Object::default(), &[b' '; 320])?;
    let floor =
        floor::Floor::new(key.algorithm(), &public, &token).ok_or("no floor for this algorithm")?;
    writeln!(io::stdout(), "{:.2}", floor.time().as_secs_f64() * 1e6)?;
    Ok(())
}
