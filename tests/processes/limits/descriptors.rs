//! Threats D-10: as many file descriptors as the connections need, or a warning with numbers.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::json;

use crate::support::{
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    process::{BINARY, Process},
    setup::Setup,
    upstream::Upstream,
    world::JWKS,
};

const SOFT: usize = 128;
const HARD: usize = 512;

/// The program under these limits.
fn limited() -> Command {
    let script = format!("ulimit -Sn {SOFT} && ulimit -Hn {HARD} && exec \"$0\" \"$@\"");
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().args(["-c", &script, BINARY]);
    shell
}

/// One worker in front of one upstream: of each connection two, a hundred in the pool, and 72.
fn setup(connections: usize, issuer: &Issuer, key_server: &KeyServer) -> Setup {
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    Setup::new()
        .issuer("corp", issuer, key_server, "", "")
        .server(&format!("[server.limits]\nconnections = {connections}"))
        .with("[log]\nlevel = \"info\"\nformat = \"json\"")
}

fn warning(connections: usize) -> String {
    let needed = 2 * connections + 100 + 72;
    format!(
        "server.limits.connections: {connections} connections can need {needed} file descriptors, \
         and the limit is {HARD}"
    )
}

#[test]
fn d10_the_limit_is_raised_and_one_that_is_too_low_is_a_warning() {
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    for (connections, is_short) in [(170, false), (171, true)] {
        let setup = setup(connections, &issuer, &key_server);
        let process = Process::start_by(&mut limited(), &setup, &upstream);
        assert_eq!(process.descriptor_limits(), (HARD, HARD));
        let log = process.log();
        assert_eq!(log.contains(&warning(connections)), is_short, "{log}");
        assert_eq!(log.contains("file descriptors"), is_short, "{log}");
    }
}

#[test]
fn d10_check_says_how_many_descriptors_are_missing_here() {
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    for (connections, is_short) in [(170, false), (171, true)] {
        fs::write(&file, setup(connections, &issuer, &key_server).toml(&upstream)).unwrap();
        let Output { status, stdout, .. } =
            limited().args(["check", "--config"]).arg(&file).output().unwrap();
        let shown = String::from_utf8(stdout).unwrap();
        assert!(status.success(), "{shown}");
        let expected = format!("warning: {}", warning(connections));
        assert_eq!(shown.contains(&expected), is_short, "{shown}");
    }
}

#[test]
fn d10_connections_beyond_the_soft_limit_are_served() {
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    let process = Process::start_by(&mut limited(), &setup(170, &issuer, &key_server), &upstream);
    let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
    let request = Request::get("/").bearer(&token);
    let mut clients: Vec<_> = (0..SOFT + 20).map(|_| process.client()).collect();
    for client in &mut clients {
        assert!(client.exchange(&request).is_from_upstream());
    }
    assert!(process.descriptors() > SOFT);
}
