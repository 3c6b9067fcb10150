//! `h2spec`, the conformance tests of HTTP/2 by others: each of the 145, in cleartext and over
//! TLS. `.ci/run` installs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::support::{authority::Authority, optional, upstream::Reply, world::World};

const PASSED: &str = "145 tests, 145 passed, 0 skipped, 0 failed";

/// Seconds that one test may wait for what it expects.
const PATIENCE: &str = "5";

/// Where `.ci/run` puts it, or in the path; `None`, with a notice, where it is missing.
fn program() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/h2spec/h2spec");
    let program = if installed.exists() { installed } else { PathBuf::from("h2spec") };
    match Command::new(&program).arg("--version").output() {
        Ok(Output { status, .. }) if status.success() => Some(program),
        Ok(Output { status, .. }) => {
            optional::skip("h2spec", &status.to_string());
            None
        }
        Err(error) => {
            optional::skip("h2spec", &error.to_string());
            None
        }
    }
}

#[track_caller]
fn assert_conforms(program: &Path, world: &mut World, arguments: &[&str]) {
    // It breaks off most of what it begins.
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|_| Reply::with(200, &[], &[b'x'; 1000]));
    let port = world.proxy.address().port().to_string();
    let Output { stdout, stderr, .. } = Command::new(program)
        .args(["-h", "127.0.0.1", "-p", &port, "-P", "/public/h2spec", "-o", PATIENCE])
        .args(arguments)
        .output()
        .unwrap();
    let report = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(report[0].contains(PASSED), "{}{}", report[0], report[1]);
}

#[test]
fn every_test_of_h2spec_passes_in_cleartext() {
    let Some(program) = program() else { return };
    assert_conforms(&program, &mut World::start(), &[]);
}

#[test]
fn every_test_of_h2spec_passes_over_tls() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    let identity = Authority::new("of servers").server("localhost");
    fs::write(&certificate, &identity.certificate_pem).unwrap();
    fs::write(&key, identity.key_pem()).unwrap();
    let mut world = World::with_setup(|setup| {
        setup.server(&format!(
            "[server.tls]\ncertificate = \"{}\"\nprivate_key = \"{}\"",
            certificate.display(),
            key.display()
        ))
    });
    // By an authority that it does not know.
    assert_conforms(&program, &mut world, &["--tls", "--insecure"]);
}
