//! Every signed request that passes has a line, and without a line none passes.

use std::{fs, path::PathBuf, sync::Arc};

use countersign::{
    evidence::verify::{Against, verify},
    jose::{Algorithm, Dialect, SigningKey},
    json::Object,
    reason::Reason,
};
use serde_json::{Value, json};

use crate::support::{
    client::Request,
    issuer::{key, public},
    oracle::assert_refused,
    world::World,
};

const BODY: &[u8] = br#"{"amount":100}"#;

struct Scene {
    world: World,
    signer: Arc<SigningKey>,
    folder: tempfile::TempDir,
}

/// With these lines of `[evidence]`.
fn start(lines: &str) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let signer = key(Algorithm::Es256, "partner-key");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("signers.json"), json!({ "keys": [public(&signer)] }).to_string()).unwrap();
    fs::create_dir(at("journal")).unwrap();
    fs::create_dir(at("bodies")).unwrap();
    let lines = lines.replace("BODIES", at("bodies").to_str().unwrap());
    let world = World::with_setup(|setup| {
        setup
            .with(&format!(
                "[signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
                 [signatures.partner.keys]\njwks_file = \"{}\"\n\
                 [evidence]\nfolder = \"{}\"\nclaims = [\"sub\", \"/realm/roles\"]\n{lines}",
                at("signers.json").display(),
                at("journal").display()
            ))
            .routes("[[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"")
    });
    Scene { world, signer, folder }
}

impl Scene {
    fn sign(&self, body: &[u8]) -> String {
        self.signer.sign_detached(Dialect::Rfc7797, &Object::default(), body).unwrap()
    }

    fn request(&self, signature: &str, body: &[u8]) -> Request {
        let token = self.world.issuer.mint(json!({ "realm": { "roles": ["a"] } }));
        let request = Request::new("POST", "/signed/loans?id=7").bearer(&token);
        request.field("x-jws-signature", signature).body(body)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("journal")).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        files
    }

    /// The lines about requests.
    fn requests(&self) -> Vec<Value> {
        let texts = self.files().into_iter().map(|file| fs::read_to_string(file).unwrap());
        let lines: Vec<Value> = texts
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect();
        lines.into_iter().filter(|line| line["type"] == "request").collect()
    }
}

#[test]
fn a_request_that_passed_has_a_line_and_the_token_is_not_in_it() {
    let scene = start("");
    let signature = scene.sign(BODY);
    let request = scene.request(&signature, BODY);
    let before = scene.world.mark();
    assert!(scene.world.proxy.exchange(&request).is_from_upstream());
    before.only_request("passes");
    // No wait: the line was there before the upstream saw a byte.
    let lines = scene.requests();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    for (name, value) in [
        ("at", json!("2030-03-17T17:46:40Z")),
        ("method", json!("POST")),
        ("host", json!("api.test")),
        ("target", json!("/signed/loans?id=7")),
        ("rules", json!("partner")),
        ("verdict", json!("verified")),
        ("signer", json!("acme")),
        ("claims", json!({ "sub": "alice", "/realm/roles": ["a"] })),
        ("jws", json!(signature)),
        ("thumbprint", json!(scene.signer.verification_key().unwrap().thumbprint().to_text())),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    assert_eq!(line["payload"]["length"], json!(BODY.len()));
    assert_eq!(line["key"]["kid"], "partner-key");
    let token = scene.world.issuer.mint(json!({}));
    let token_header = token.split('.').next().unwrap();
    assert!(!line.to_string().contains(token_header));
    let report = verify(&scene.files(), &Against::default()).unwrap();
    assert_eq!((report.findings.len(), report.rechecked), (0, 1));
}

#[test]
fn refused_requests_have_a_line_where_the_operator_wants_that() {
    for (lines, expected) in [
        ("", vec![]),
        (
            "record = \"all\"",
            vec!["signature_invalid", "signature_malformed", "signed_body_missing"],
        ),
    ] {
        let scene = start(lines);
        let signature = scene.sign(BODY);
        for request in [
            scene.request(&signature, b"another body"),
            scene.request("nonsense", BODY),
            scene.request(&signature, b""),
        ] {
            assert!(!scene.world.proxy.exchange(&request).is_from_upstream());
        }
        // No request waits for these lines: a request that passes comes behind them.
        assert!(scene.world.proxy.exchange(&scene.request(&signature, BODY)).is_from_upstream());
        let lines = scene.requests();
        let verdicts: Vec<_> = lines.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts[..verdicts.len() - 1], expected);
        assert_eq!(verdicts.last(), Some(&"verified"));
    }
}

#[test]
fn without_proof_nothing_passes_unless_the_operator_says_so() {
    for (on_failure, passes) in [("refuse", false), ("continue", true)] {
        let scene = start(&format!("on_failure = \"{on_failure}\"\nbodies = \"BODIES\""));
        let request = scene.request(&scene.sign(BODY), BODY);
        assert!(scene.world.proxy.exchange(&request).is_from_upstream());
        // Bodies can't be kept any more: there is a file where their folder was.
        let bodies = scene.folder.path().join("bodies");
        crate::support::wait_until("the first is kept", || {
            fs::read_dir(&bodies).unwrap().count() == 1
        });
        fs::remove_dir_all(&bodies).unwrap();
        fs::write(&bodies, "in the way").unwrap();
        let before = scene.world.mark();
        let answer = scene.world.proxy.exchange(&request);
        if passes {
            assert!(answer.is_from_upstream(), "{answer:?}");
        } else {
            assert_refused("no proof", &answer, Reason::EvidenceUnavailable, &before);
        }
        let failed = "countersign_evidence_lines_total{outcome=\"failed\"}";
        crate::support::wait_until("it is counted", || scene.world.proxy.metric(failed) > 0.5);
        // It recovers by itself.
        fs::remove_file(&bodies).unwrap();
        assert!(scene.world.proxy.exchange(&request).is_from_upstream());
        let report = verify(&scene.files(), &Against::default()).unwrap();
        assert_eq!(report.findings, [], "{report:?}");
    }
}

#[test]
fn s8_a_message_without_proof_has_not_come_yet() {
    let scene = start(
        "bodies = \"BODIES\"\n\
         [signatures.partner.replay]\nid = { body = \"/id\" }\nwindow = \"1m\"",
    );
    let body = br#"{"id":"r1"}"#;
    let request = scene.request(&scene.sign(body), body);
    let bodies = scene.folder.path().join("bodies");
    fs::remove_dir_all(&bodies).unwrap();
    fs::write(&bodies, "in the way").unwrap();
    for _ in 0..2 {
        let before = scene.world.mark();
        let answer = scene.world.proxy.exchange(&request);
        assert_refused("no proof", &answer, Reason::EvidenceUnavailable, &before);
    }
    fs::remove_file(&bodies).unwrap();
    assert!(scene.world.proxy.exchange(&request).is_from_upstream());
    assert_eq!(scene.world.proxy.exchange(&request).status, 401, "it has come");
}

#[test]
fn a_kept_body_is_the_body() {
    let scene = start("bodies = \"BODIES\"");
    let large = vec![b'x'; 3 * 1024 * 1024];
    for body in [BODY, &large] {
        let request = scene.request(&scene.sign(body), body);
        assert!(scene.world.proxy.exchange(&request).is_from_upstream());
    }
    let mut kept = Vec::new();
    for folder in fs::read_dir(scene.folder.path().join("bodies")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            kept.push(fs::read(file.unwrap().path()).unwrap());
        }
    }
    kept.sort_by_key(Vec::len);
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0], BODY);
    assert!(kept[1] == large);
}

#[test]
fn a_token_in_place_of_the_signature_is_not_kept() {
    let scene = start("record = \"all\"");
    let token = scene.world.issuer.mint(json!({ "realm": { "roles": ["a"] } }));
    let opaque = "8xLOxBtZp8.c2VjcmV0";
    for misplaced in [&token, opaque] {
        let request = Request::new("POST", "/signed/x").bearer(&token);
        let request = request.field("x-jws-signature", misplaced).body(BODY);
        let before = scene.world.mark();
        let answer = scene.world.proxy.exchange(&request);
        assert_refused(misplaced, &answer, Reason::SignatureMalformed, &before);
    }
    let signature = scene.sign(BODY);
    assert!(scene.world.proxy.exchange(&scene.request(&signature, BODY)).is_from_upstream());

    let lines = scene.requests();
    let verdicts: Vec<_> = lines.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["signature_malformed", "signature_malformed", "verified"]);
    let text: String = lines.iter().map(ToString::to_string).collect();
    assert!(!text.contains(&token) && !text.contains(opaque), "{text}");
    assert!(lines[0].get("jws").is_none());
}
