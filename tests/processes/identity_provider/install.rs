//! What the provider needs: Node and the packages that `package-lock.json` pins.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use crate::support::optional;

/// For the download of 40 packages, some 3 MB.
const INSTALL_DEADLINE: Duration = Duration::from_mins(3);

/// The oldest Node that oidc-provider runs on.
const OLDEST_NODE: u32 = 20;

/// The provider's folder, with everything in its place. `None`, with a notice, where the machine
/// can't run it, see [`optional::skip`].
pub(crate) fn installed() -> Option<&'static Path> {
    static OUTCOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match OUTCOME.get_or_init(install) {
        Ok(folder) => Some(folder),
        Err(reason) => {
            optional::skip("identity provider", reason);
            None
        }
    }
}

fn install() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idp");
    check_node()?;
    let lock_file = folder.join("package-lock.json");
    // One installation at a time, whichever process makes it; the end of this one unlocks.
    let lock = File::open(&lock_file).map_err(told("package-lock.json"))?;
    lock.lock().map_err(told("package-lock.json"))?;
    // npm writes this file last.
    let receipt = folder.join("node_modules/.package-lock.json");
    if modified(&receipt).is_none_or(|installed| Some(installed) < modified(&lock_file)) {
        npm_ci(&folder)?;
    }
    Ok(folder)
}

fn check_node() -> Result<(), String> {
    let output = Command::new("node").arg("--version").output().map_err(told("node"))?;
    let version = String::from_utf8_lossy(&output.stdout);
    let version = version.trim();
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    match major {
        Some(OLDEST_NODE..) => Ok(()),
        _ => Err(format!("Node is {version:?}, and {OLDEST_NODE} or later is needed")),
    }
}

fn npm_ci(folder: &Path) -> Result<(), String> {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm-ci.log");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    optional::run(&mut npm, &log, INSTALL_DEADLINE)
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn told(what: &str) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {error}")
}
