//! Programs that some tests need and not every machine has.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Between two looks at a process that is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Says that tests are skipped since the machine lacks something: a developer without it can still
/// run all others.
///
/// # Panics
/// Under `CI=true`, where the notice would be overlooked.
pub(crate) fn skip(what: &str, reason: &str) {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "no {what}: {reason}");
    say_skipped(what, reason);
}

/// The same for what is left out of `.ci/run`, too.
pub(crate) fn say_skipped(what: &str, reason: &str) {
    // Not by a macro, whose output the test harness captures when a test passes.
    let _ = writeln!(io::stderr(), "SKIPPED, no {what} to test with: {reason}");
}

/// Runs a program to its end, which must come before the deadline. Its output goes into the log
/// file; what it says when it fails is in the error.
pub(crate) fn run(command: &mut Command, log: &Path, deadline: Duration) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| format!("{program}: {error}");
    let output = File::create(log).map_err(failed)?;
    command.stdin(Stdio::null()).stdout(output.try_clone().map_err(failed)?).stderr(output);
    let mut child = command.spawn().map_err(failed)?;
    let started = Instant::now();
    let outcome = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => break status.to_string(),
            None if started.elapsed() < deadline => thread::sleep(LOOK_INTERVAL),
            None => {
                child.kill().and_then(|()| child.wait()).map_err(failed)?;
                break format!("not done after {} s", deadline.as_secs());
            }
        }
    };
    Err(format!("{program}: {outcome}\n{}", fs::read_to_string(log).unwrap_or_default()))
}
