//! The scenarios of `deploy/examples/`, run as their README says: each ends with exit code 0 only
//! if every request came out as it expects.
//!
//! Where Python, or what an example needs besides, is absent these tests say that they are skipped;
//! under `CI=true` they fail. `deploy/examples/hydra/run` takes a Hydra and is run by hand.

use std::{ffi::OsStr, fs, path::Path, process::Command, time::Duration};

use crate::{
    independent_signers::library::python,
    keycloak::server::{ADMINISTRATOR, Keycloak},
    support::optional,
};

/// On two idle cores, each needs one to five seconds.
const DEADLINE: Duration = Duration::from_mins(2);

/// A variable of the environment.
type Variable<'a> = (&'a str, &'a OsStr);

/// Runs an example with the program of these tests; its output.
fn run(example: &str, environment: &[Variable<'_>]) -> Option<String> {
    if let Err(error) = Command::new("python3").arg("--version").output() {
        optional::skip("Python", &error.to_string());
        return None;
    }
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples").join(example).join("run");
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(program);
    command.env("COUNTERSIGN", env!("CARGO_BIN_EXE_countersign"));
    command.envs(environment.iter().copied());
    optional::run(&mut command, log.path(), DEADLINE).unwrap_or_else(|error| panic!("{error}"));
    Some(fs::read_to_string(log.path()).unwrap())
}

/// The example passes, and its output has these lines among others.
#[track_caller]
fn assert_shows(example: &str, environment: &[Variable<'_>], lines: &[&str]) {
    let Some(output) = run(example, environment) else {
        return;
    };
    for line in lines {
        let line = format!("\n  ok  {line}\n");
        assert!(output.contains(&line), "{line}\n{output}");
    }
    assert!(output.ends_with("\npassed\n"), "{output}");
}

#[test]
fn both_sides_of_ocen_verify_each_other_and_keep_the_proof() {
    assert_shows(
        "ocen",
        &[],
        &[
            "an amount that was changed on the way: 401 signature_invalid",
            "the first request once more: 401 signature_replayed",
            "a participant that the registry does not know: 401 signer_unknown",
            "the Loan Agent signed this very body, exit code: 0",
        ],
    );
}

#[test]
fn wso2_assertions_reach_a_service_and_come_from_api_manager() {
    assert_shows(
        "wso2",
        &[],
        &[
            "an opaque token: the assertion, by the key of /jwks, names: 200 alice@carbon.super",
            "around API Manager, without an assertion: 401 credential_missing",
        ],
    );
}

#[test]
fn published_tokens_of_ubirch_reach_the_service() {
    assert_shows("ubirch", &[], &["a token for one origin, from there: 200"]);
}

#[test]
fn opaque_tokens_of_genauth_are_introspected() {
    assert_shows("genauth", &[], &["a revoked opaque token: 400 token_inactive"]);
}

/// In a realm of its own of the Keycloak that the other tests use.
#[test]
fn routes_require_roles_of_keycloak() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let url = format!("http://{}", keycloak.address());
    let [name, password] = ADMINISTRATOR;
    let environment =
        [("KEYCLOAK_URL", &*url), ("KEYCLOAK_ADMIN", name), ("KEYCLOAK_ADMIN_PASSWORD", password)];
    let environment = environment.map(|(name, value)| (name, OsStr::new(value)));
    assert_shows("keycloak", &environment, &["/orders/7: 403 claim_not_permitted"]);
}

#[test]
fn a_client_of_mcp_finds_out_how_to_get_a_token() {
    let Some(python) = python() else {
        return;
    };
    assert_shows(
        "mcp",
        &[("EXAMPLES_PYTHON", python.as_os_str())],
        &["the same user's token for another server: 401 audience_mismatch"],
    );
}
