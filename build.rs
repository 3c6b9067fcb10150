//! What `countersign --version` says of the build, besides the version.
//!
//! The commit comes from the variable `COUNTERSIGN_COMMIT` alone, which `deploy/build-release` sets:
//! a build of the same sources is the same with and without git.
//!
//! What is passed on has other names: Cargo sets it for what it runs as well, where variables that
//! begin with `COUNTERSIGN_` are settings.

use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-env-changed=COUNTERSIGN_COMMIT");
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    let commit = env::var("COUNTERSIGN_COMMIT").ok().filter(|commit| !commit.is_empty());
    println!("cargo::rustc-env=BUILT_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=BUILT_FEATURES={}", features());
    println!(
        "cargo::rustc-env=BUILT_CRYPTO=aws-lc-rs {} (aws-lc-sys {}), rustls {}",
        locked(&lock, "aws-lc-rs"),
        locked(&lock, "aws-lc-sys"),
        locked(&lock, "rustls"),
    );
}

/// The features that are on, as Cargo names them.
fn features() -> String {
    let names = env::vars()
        .filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_lowercase()));
    let mut names: Vec<String> = names.filter(|name| name != "default").collect();
    names.sort();
    if names.is_empty() { "none".to_owned() } else { names.join(", ").replace('_', "-") }
}

/// The version of a crate in the lock file.
fn locked<'l>(lock: &'l str, name: &str) -> &'l str {
    let version = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
    version.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown")
}
