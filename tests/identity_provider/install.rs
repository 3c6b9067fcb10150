//! What the provider needs: Node and the packages that `package-lock.json` pins.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// For the download of 40 packages, some 3 MB.
const INSTALL_DEADLINE: Duration = Duration::from_mins(3);

/// Between two looks at a process that is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The oldest Node that oidc-provider runs on.
const OLDEST_NODE: u32 = 20;

/// The provider's folder, with everything in its place. `None`, with a notice, where the machine
/// can't run it: a developer without Node can still run all other tests.
///
/// # Panics
/// Under `CI=true`, where nobody would read the notice.
pub(crate) fn installed() -> Option<&'static Path> {
    static OUTCOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let reason = match OUTCOME.get_or_init(install) {
        Ok(folder) => return Some(folder),
        Err(reason) => reason,
    };
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "no identity provider: {reason}");
    // Not by a macro, whose output the test harness keeps for itself when a test passes.
    let _ = writeln!(io::stderr(), "SKIPPED, no identity provider to test with: {reason}");
    None
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
    let output = File::create(&log).map_err(told("npm-ci.log"))?;
    let mut npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(told("npm-ci.log"))?)
        .stderr(output)
        .spawn()
        .map_err(told("npm"))?;
    let started = Instant::now();
    let status = loop {
        match npm.try_wait().map_err(told("npm"))? {
            Some(status) => break status.to_string(),
            None if started.elapsed() < INSTALL_DEADLINE => thread::sleep(LOOK_INTERVAL),
            None => {
                npm.kill().and_then(|()| npm.wait()).map_err(told("npm"))?;
                break format!("not done after {} s", INSTALL_DEADLINE.as_secs());
            }
        }
    };
    if status == "exit status: 0" {
        return Ok(());
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    Err(format!("npm ci: {status}\n{said}"))
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn told(what: &str) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {error}")
}
