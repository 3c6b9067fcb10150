//! `check --online`, before anything is served.

use std::{fs, process::Command};

use countersign::jose::Algorithm;
use serde_json::json;

use crate::support::{
    issuer::{key, public},
    key_server::{KeyServer, Page},
};

/// What the binary says about a configuration of three kinds of signers: how it ends, and what it
/// prints on both streams.
fn check_online(sources: &KeyServer) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[upstreams.app]\nurl = \"http://127.0.0.1:3000\"\n\
         [signatures.bank.keys]\njwks_url = \"{}\"\n\
         [signatures.lender.keys.registry]\nurl = \"{}\"\n\
         [signatures.agent.keys.registry]\nurl = \"{}\"\n\
         [[routes]]\npath = \"/loans\"\naccess = \"public\"\nsignature = \"lender\"\n",
        sources.url("/bank"),
        sources.url("/lenders/{signer}"),
        sources.url("/agents/{signer}"),
    );
    fs::write(folder.path().join("countersign.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["check", "--online", "--config", "countersign.toml"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_online_asks_for_the_keys_of_signers_and_whether_registries_answer() {
    let sources = KeyServer::start();
    let bank = key(Algorithm::Es256, "bank-1");
    sources.serve("/bank", Page::json(&json!({ "keys": [public(&bank)] })));
    // No signer is registered by the name that is asked for, and that is an answer.
    let (status, out, err) = check_online(&sources);
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains("/loans  public, body signed by lender  -> app\n"), "{out}");
    assert!(out.contains("  signatures.bank: 1 usable, 0 left out\n"), "{out}");
    let registries =
        "Registries of signers:\n  signatures.agent: answers\n  signatures.lender: answers\n";
    assert!(out.contains(registries), "{out}");

    sources.serve("/agents/countersign-check", Page::status(500));
    sources.serve("/bank", Page::json(&json!({ "keys": [] })));
    let (status, out, err) = check_online(&sources);
    assert_eq!(status, Some(1), "{out}{err}");
    assert!(out.contains("  signatures.agent: failed: "), "{out}");
    let summary = "countersign: no usable keys for signatures.bank; \
                   the registry of signatures.agent can't be asked\n";
    assert_eq!(err, summary);
}
