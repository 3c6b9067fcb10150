//! `check --online` judges what can be judged: keys for the algorithms allowed, and a token at the
//! endpoint that introspects it.

use std::{fs, process::Command};

use countersign::jose::Algorithm;
use serde_json::json;

use crate::support::{
    introspection::Endpoint,
    issuer::{Issuer, key, public},
    key_server::{KeyServer, Page},
    world::{JWKS, World},
};

/// How the binary ends, and what it prints on both streams.
fn check_online(config: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "s3cret").unwrap();
    let config = config.replace("FOLDER", folder.path().to_str().unwrap());
    fs::write(folder.path().join("countersign.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["check", "--online", "--config", "countersign.toml"])
        .args(more)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn config(keys: &KeyServer, algorithms: &str, introspection: &str) -> String {
    format!(
        "[upstreams.app]\nurl = \"http://127.0.0.1:3000\"\n\
         [issuers.corp]\nissuer = \"https://idp.test\"\naudiences = [\"api\"]\n\
         algorithms = [{algorithms}]\n[issuers.corp.keys]\njwks_url = \"{}\"\n{introspection}\n\
         [[routes]]\npath = \"/**\"\n",
        keys.url(JWKS)
    )
}

#[test]
fn idp14_keys_that_are_usable_and_for_no_algorithm_that_is_allowed_fail() {
    let keys = KeyServer::start();
    let (ec, rsa) = (key(Algorithm::Es256, "ec"), key(Algorithm::Rs256, "rsa"));
    keys.serve(JWKS, Page::json(&json!({ "keys": [public(&ec)] })));
    let (status, out, err) = check_online(&config(&keys, "\"RS256\", \"PS256\"", ""), &[]);
    assert_eq!(status, Some(1), "{out}{err}");
    assert!(out.contains("  corp: 1 usable, 0 left out\n"), "{out}");
    assert_eq!(err, "countersign: corp: no key for the algorithms allowed (RS256, PS256)\n");

    let (status, out, err) = check_online(&config(&keys, "\"ES256\"", ""), &[]);
    assert_eq!(status, Some(0), "{out}{err}");
    keys.serve(JWKS, Page::json(&json!({ "keys": [public(&ec), public(&rsa)] })));
    let (status, out, err) = check_online(&config(&keys, "\"RS256\"", ""), &[]);
    assert_eq!(status, Some(0), "one of them suffices: {out}{err}");
}

#[test]
fn idp7_a_token_that_its_issuer_calls_inactive_fails_and_says_whose_audience_it_lacks() {
    let (keys, endpoint) = (KeyServer::start(), Endpoint::start());
    let issuer = Issuer::usual();
    keys.serve(JWKS, Page::json(&issuer.jwks()));
    let introspection = format!(
        "[issuers.corp.introspection]\nwhen = \"always\"\nurl = \"{}\"\nclient_id = \"proxy\"\n\
         client_secret_file = \"FOLDER/secret\"",
        endpoint.url("/introspect")
    );
    let config = config(&keys, "\"ES256\", \"RS256\"", &introspection);
    let of = |aud| issuer.mint(json!({ "iss": "https://idp.test", "aud": aud }));
    let (stranger, named) = (of(json!(["api", "account"])), of(json!(["api", "proxy"])));

    let (status, out, err) = check_online(&config, &["--token", &stranger]);
    assert_eq!(status, Some(1), "{out}{err}");
    let why = "corp: not active; its aud ('api', 'account') does not name the introspecting client \
               'proxy', and some providers (Keycloak from 26 on) call such a token inactive";
    assert!(out.contains(&format!("The token:\n  {why}\n")), "{out}");
    assert_eq!(err, format!("countersign: {why}\n"));
    // One that is not active for another reason is not blamed on its audience.
    let (status, _, err) = check_online(&config, &["--token", &named]);
    assert_eq!((status, &*err), (Some(1), "countersign: corp: not active\n"));

    endpoint.activate(&named, &json!({}));
    let (status, out, err) = check_online(&config, &["--token", &named]);
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains("  corp: active\n"), "{out}");
    for text in [&out, &err] {
        let parts = named.split('.').chain(stranger.split('.'));
        assert!(parts.into_iter().all(|part| !text.contains(part)), "no part of a token: {text}");
    }
    let elsewhere = issuer.mint(json!({ "iss": "https://other.test" }));
    let (status, _, err) = check_online(&config, &["--token", &elsewhere]);
    assert_eq!(status, Some(1));
    assert_eq!(err, "countersign: no issuer with introspection is the token's\n");
}

#[test]
fn idp17_a_key_for_encryption_is_no_warning() {
    let issuer = Issuer::usual();
    let mut encryption = public(&key(Algorithm::Rs256, "encryption-17"));
    encryption["use"] = json!("enc");
    encryption["alg"] = json!("RSA-OAEP");
    let mut set = issuer.jwks();
    set["keys"].as_array_mut().unwrap().push(encryption);
    let world = World::unready(issuer, "", "", Page::json(&set));
    world.proxy.wait_until_ready();
    let logs = world.proxy.logs();
    let line = logs.lines().find(|line| line.contains("encryption-17")).unwrap();
    assert!(line.contains(" INFO ") && line.contains("is not for signatures"), "{line}");
}
