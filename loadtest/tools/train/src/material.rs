//! Keys, tokens and a signature, made by the binary itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Outcome;

pub const AUDIENCE: &str = "https://api.example";
/// The algorithms of the tokens. Each has an issuer of its own.
pub const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// Of each algorithm: enough that no lookup always finds the same one.
const TOKENS: usize = 16;

/// Everything that requests carry.
pub struct Material {
    /// Of each algorithm.
    pub tokens: [Vec<String>; 3],
    pub expired: String,
    pub for_another_audience: String,
    pub of_another_issuer: String,
    pub body: String,
    /// Over the body.
    pub signature: String,
    folder: PathBuf,
}

impl Material {
    pub fn make(binary: &Path, folder: &Path) -> Outcome<Self> {
        for algorithm in ALGORITHMS {
            let to = folder.join(algorithm);
            run(binary, &["keygen", "--alg", algorithm, "--out", text(&to)?])?;
        }
        let key = private_key(folder, "RS256");
        let issuer = issuer("RS256");
        let body = format!("{{\"amount\": 1, \"note\": \"{}\"}}", "x".repeat(1000));
        let body_file = folder.join("body");
        fs::write(&body_file, &body)?;
        let [rs256, es256, eddsa] = ALGORITHMS.map(|algorithm| tokens(binary, folder, algorithm));
        Ok(Self {
            tokens: [rs256?, es256?, eddsa?],
            expired: token(binary, &key, &issuer, AUDIENCE, &["--claim", "exp=1000000000"])?,
            for_another_audience: token(binary, &key, &issuer, "https://other.example", &[])?,
            of_another_issuer: token(binary, &key, "https://unknown.example", AUDIENCE, &[])?,
            signature: run(binary, &["sign", "--key", text(&key)?, text(&body_file)?])?,
            body,
            folder: folder.to_owned(),
        })
    }

    /// The public key of an issuer's tokens.
    pub fn jwks(&self, algorithm: &str) -> PathBuf {
        self.folder.join(algorithm).join("jwks.json")
    }
}

pub fn issuer(algorithm: &str) -> String {
    format!("https://{}.example", algorithm.to_lowercase())
}

fn private_key(folder: &Path, algorithm: &str) -> PathBuf {
    folder.join(algorithm).join("private.jwk")
}

fn tokens(binary: &Path, folder: &Path, algorithm: &str) -> Outcome<Vec<String>> {
    let key = private_key(folder, algorithm);
    let issuer = issuer(algorithm);
    let token = |number| {
        let id = format!("jti=018f6b1e-7c00-7000-8000-{number:012}");
        token(binary, &key, &issuer, AUDIENCE, &["--claim", &id])
    };
    (0..TOKENS).map(token).collect()
}

/// A token with the claims that identity providers usually set.
fn token(
    binary: &Path,
    key: &Path,
    issuer: &str,
    audience: &str,
    more: &[&str],
) -> Outcome<String> {
    let (issuer, audience) = (format!("iss={issuer}"), format!("aud=[\"{audience}\",\"account\"]"));
    let claims = [
        &*issuer,
        &*audience,
        "sub=5f3c1a52-9d1e-4c55-8f0f-2f1b8a3a9c11",
        "azp=shop",
        "scope=openid profile orders:read",
        "realm_access={\"roles\":[\"clerk\",\"offline_access\"]}",
    ];
    let mut arguments = vec!["mint", "--key", text(key)?, "--header", "typ=JWT"];
    arguments.extend(claims.iter().flat_map(|claim| ["--claim", claim]));
    arguments.extend(more);
    run(binary, &arguments)
}

fn run(binary: &Path, arguments: &[&str]) -> Outcome<String> {
    let mut command = Command::new(binary);
    // Only what the proxy does is to be in the profile.
    command.args(arguments).env("LLVM_PROFILE_FILE", "/dev/null").stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{arguments:?}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn text(path: &Path) -> Outcome<&str> {
    Ok(path.to_str().ok_or("a path is not UTF-8")?)
}
