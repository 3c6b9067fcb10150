//! Keycloak's distribution: fetched by Maven, whose local repository keeps the download, and
//! unpacked once.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::support::optional;

/// `.ci/run` reads it here, to fetch the distribution before the tests are built.
const VERSION: &str = "26.7.3";

/// The oldest Java that this version runs on.
const OLDEST_JAVA: u32 = 17;

/// For the download of 180 MB, and to unpack them.
const INSTALL_DEADLINE: Duration = Duration::from_mins(10);

/// The distribution, locked for this process: its first start builds it to the end, and two of them
/// would get into each other's way.
pub(crate) struct Installed {
    pub(crate) home: PathBuf,
    _lock: File,
}

/// Installs it where it is not there yet. The error says what the machine lacks.
pub(crate) fn install() -> Result<Installed, String> {
    check_java()?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keycloak");
    fs::create_dir_all(&folder).map_err(said("target/tmp"))?;
    let lock = File::create(folder.join("lock")).map_err(said("lock"))?;
    lock.lock().map_err(said("lock"))?;
    let home = folder.join(format!("keycloak-{VERSION}"));
    let receipt = folder.join("unpacked.txt");
    if fs::read_to_string(&receipt).ok().as_deref() != Some(VERSION) {
        unpack(&folder)?;
        fs::write(&receipt, VERSION).map_err(said("unpacked.txt"))?;
    }
    Ok(Installed { home, _lock: lock })
}

fn check_java() -> Result<(), String> {
    let output = Command::new("java").arg("-version").output().map_err(said("java"))?;
    // openjdk version "17.0.15" 2025-04-15
    let text = String::from_utf8_lossy(&output.stderr);
    let version = text.split('"').nth(1).unwrap_or_default();
    match version.split('.').next().and_then(|major| major.parse().ok()) {
        Some(OLDEST_JAVA..) => Ok(()),
        _ => Err(format!("Java is {version:?}, and {OLDEST_JAVA} or later is needed")),
    }
}

fn unpack(folder: &Path) -> Result<(), String> {
    let mut maven = Command::new("mvn");
    maven
        .args(["--quiet", "--batch-mode", "--strict-checksums"])
        .arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack")
        .arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"))
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .current_dir(folder);
    optional::run(&mut maven, &folder.join("mvn.log"), INSTALL_DEADLINE)
}

fn said(what: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}
