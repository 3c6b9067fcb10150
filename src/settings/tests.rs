//! Configurations as operators write them: what loads, what is refused, and with which text.

mod assertion;
mod claim_rules;
mod control;
mod cors;
mod credentials;
mod denials;
mod effects;
mod egress;
mod endpoints;
mod evidence;
mod files;
mod hosts;
mod interpolation;
mod introspection;
mod issuers;
mod keys;
mod layers;
mod limits;
mod listeners;
mod local_files;
mod memory;
mod mistakes;
mod otel;
mod outgoing;
mod places;
mod readiness;
mod redirects;
mod resources;
mod revocation;
mod round_trip;
mod route_limits;
mod routes;
mod schema;
mod sections;
mod shared;
mod signatures;
mod static_headers;
mod tls;
mod upstream_credentials;
mod upstream_tls;

use std::{fs, path::Path};

use super::{ConfigError, ConfigErrors, Settings, Sources, load};
use crate::{
    identity::ClaimPath,
    jose::{Algorithm, SigningKey},
    table::Table,
};

/// The least that a file must contain.
const MINIMAL: &str = r#"
[upstreams.app]
url = "http://127.0.0.1:3000"

[issuers.corp]
issuer = "https://idp.example.com"
audiences = ["https://api.example.com"]

[[routes]]
path = "/**"
"#;

/// The first of some things that are configured.
fn first<K, T>(table: &Table<K, T>) -> &T {
    table.iter().next().unwrap()
}

/// A directory with a configuration file in it.
struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Loads a TOML text from a file.
    fn load(&self, text: &str) -> Result<Settings, ConfigErrors> {
        let file = self.write("countersign.toml", text);
        let loaded = load(&Sources { file: Some(file.into()), ..Sources::default() });
        if loaded.is_ok() {
            schema::assert_accepts(text);
        }
        loaded
    }

    /// The mistakes of a TOML text, one line each, without the directory's name.
    fn mistakes(&self, text: &str) -> Vec<String> {
        match self.load(text) {
            Ok(_) => Vec::new(),
            Err(errors) => self.lines(&errors),
        }
    }

    /// One line for each mistake, without the directory's name and without lines of files.
    fn lines(&self, errors: &ConfigErrors) -> Vec<String> {
        let without_places =
            errors.0.iter().map(|error| ConfigError { place: None, other: None, ..error.clone() });
        self.as_lines(without_places)
    }

    /// The same with lines and columns.
    fn placed_lines(&self, errors: &ConfigErrors) -> Vec<String> {
        self.as_lines(errors.0.iter().cloned())
    }

    fn as_lines(&self, errors: impl Iterator<Item = ConfigError>) -> Vec<String> {
        let directory = format!("{}/", self.path().display());
        errors.map(|error| error.to_string().replace(&directory, "")).collect()
    }
}

/// Loads a TOML text that must be right.
fn settings(text: &str) -> Settings {
    Workspace::new().load(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The mistakes of a TOML text, one line each; none if it loads.
fn mistakes(text: &str) -> Vec<String> {
    Workspace::new().mistakes(text)
}

/// The mistakes of the minimal configuration with something added to it.
fn mistakes_with(addition: &str) -> Vec<String> {
    mistakes(&format!("{MINIMAL}\n{addition}"))
}

/// Asserts that adding a text to the minimal configuration makes exactly this one mistake.
fn assert_mistake(addition: &str, message: &str) {
    assert_eq!(mistakes_with(addition), [message], "{addition}");
}

/// A fresh private key, as `keygen` writes it.
fn private_jwk(algorithm: Algorithm) -> String {
    SigningKey::generate(algorithm, None).unwrap().private_jwk().to_text()
}

/// A fresh public key.
fn public_jwk(algorithm: Algorithm) -> String {
    SigningKey::generate(algorithm, None).unwrap().public_jwk().unwrap().to_text()
}

/// Claims as they are written.
fn names(claims: &[ClaimPath]) -> Vec<String> {
    claims.iter().map(|claim| claim.as_str().to_owned()).collect()
}

/// The minimal configuration with more settings of its issuer.
fn with_issuer(lines: &str) -> String {
    MINIMAL.replace("[issuers.corp]", &format!("[issuers.corp]\n{lines}"))
}

/// The minimal configuration with more settings of its route.
fn with_route(lines: &str) -> String {
    format!("{MINIMAL}\n{lines}")
}
