//! `countersign denials`, `countersign explain --id` and `--live`: against a running proxy.

use std::fs;

use countersign::{
    jose::{Algorithm, Dialect},
    json::Object,
};
use serde_json::{Value, json};

use super::scene::{PROTECTED, Scene, countersign, stderr, stdout};
use crate::support::{
    client::Request,
    issuer::{key, public},
    wait_until,
};

/// A token of the present: the program goes by the machine's clock.
fn mint(scene: &Scene, mut changes: Value) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    (changes["iat"], changes["exp"]) = (json!(now), json!(now + 300));
    scene.issuer.mint(changes)
}

#[test]
fn a_request_is_explained_by_the_id_that_its_client_got() {
    let scene = Scene::start();
    let token = mint(&scene, json!({ "aud": "other", "sub": "alice" }));
    let request = Request::get("/loans/1?q=1").bearer(&token).field("connection", "close");
    let answer = scene.client().exchange(&request);
    let id = answer.head.request_id.0.unwrap();
    let config = scene.file();
    let config = config.to_str().unwrap();
    let by_id = || countersign(&["explain", "--config", config, "--id", &id]);
    wait_until("the denial", || by_id().status.success());
    let text = stdout(&by_id());
    assert!(text.starts_with("audience_mismatch: The token is for another audience.\n"), "{text}");
    for line in ["found             'other'", "path              /loans/1", "status            401"]
    {
        assert!(text.contains(&format!("  {line}\n")), "{line}: {text}");
    }
    assert!(text.contains("What to do: compare found and expected."), "{text}");
    assert!(!text.contains("alice") && !text.contains("q=1"), "{text}");

    let unknown = countersign(&["explain", "--config", config, "--id", "none"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("not among the last 1000"), "{}", stderr(&unknown));
    let with_both = countersign(&["explain", "--config", config, "--id", "none", &token]);
    assert_eq!(with_both.status.code(), Some(2), "{}", stderr(&with_both));

    let socket = format!("unix:{}", scene.socket().display());
    let listed = countersign(&["denials", "--control", &socket, "--reason", "audience_mismatch"]);
    let (listed, problem) = (stdout(&listed), stderr(&listed));
    assert_eq!(listed.lines().count(), 1, "{listed}{problem}");
    assert!(listed.trim_end().ends_with(&format!(" GET /loans/1 {id}")), "{listed}");
    let misspelt = countersign(&["denials", "--control", &socket, "--reason", "audience"]);
    assert_eq!(misspelt.status.code(), Some(1));
    assert!(stderr(&misspelt).contains("there is no"), "{}", stderr(&misspelt));
}

#[test]
fn a_running_proxy_explains_a_token() {
    let scene = Scene::start();
    let config = scene.file();
    let live = |token: &str| {
        let config = config.to_str().unwrap();
        countersign(&["explain", "--config", config, "--live", "--path", "/loans/1?q=1", token])
    };
    let good = live(&mint(&scene, json!({})));
    assert_eq!(good.status.code(), Some(0), "{}{}", stdout(&good), stderr(&good));
    let text = stdout(&good);
    assert!(text.contains("ok    audience      one of"), "{text}");
    assert!(text.contains("\nadmitted: /loans/1 to app\n  headers: "), "{text}");
    let bad = live(&mint(&scene, json!({ "aud": "other" })));
    assert_eq!(bad.status.code(), Some(1));
    assert!(stderr(&bad).contains("refused: audience_mismatch"), "{}", stderr(&bad));
    let failed = stdout(&bad);
    let failed = failed.lines().find(|line| line.starts_with("FAIL")).unwrap();
    assert!(failed.starts_with("FAIL  audience      audience_mismatch: The token"), "{failed}");
    assert!(failed.contains("'other'"), "{failed}");
}

#[test]
fn a_running_proxy_explains_a_signed_request_and_says_what_it_leaves_out() {
    let (signer, keys) = (key(Algorithm::Es256, "k"), tempfile::tempdir().unwrap());
    let file = |name: &str, content: &[u8]| {
        let path = keys.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let jwks = file("signers.json", json!({ "keys": [public(&signer)] }).to_string().as_bytes());
    let scene = Scene::start_with(|text| {
        let signed = "[[routes]]\npath = \"/**\"\nsignature = \"partner\"\nlimit = \"own\"\n";
        let tables = format!(
            "[signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
             keys.jwks_file = \"{jwks}\"\n[limits.own]\nkey = \"issuer\"\nrate = \"9/h\"\n"
        );
        text.replace(PROTECTED, signed) + &tables
    });
    let (config, token) = (scene.file(), mint(&scene, json!({})));
    let signature = signer.sign_detached(Dialect::Rfc7797, &Object::default(), b"{}").unwrap();
    let live = |body: &str| {
        countersign(&[
            "explain",
            "--config",
            config.to_str().unwrap(),
            "--live",
            "--path",
            "/loans",
            "--method",
            "POST",
            "--signature",
            &signature,
            "--body",
            &file("body", body.as_bytes()),
            &token,
        ])
    };
    let right = live("{}");
    assert_eq!(right.status.code(), Some(0), "{}{}", stdout(&right), stderr(&right));
    let text = stdout(&right);
    assert!(text.contains("ok    body          the signature over the body of 2 bytes"), "{text}");
    assert!(text.contains("?     limits        an explanation uses up no limit"), "{text}");
    let wrong = live("{ }");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("refused: signature_invalid"), "{}", stderr(&wrong));
}
