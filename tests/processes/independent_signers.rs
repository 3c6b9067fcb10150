//! Signers and verifiers that share no line with ours: npm's `jose`, and `jwcrypto` and
//! `joserfc` of Python.
//! What they sign passes the running proxy, and what `countersign` signs, they verify.
//!
//! Where Node or Python is absent these tests say that they are skipped; under `CI=true` they fail.

pub(crate) mod library;

use std::{fs, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    json::Object,
};
use serde_json::{Value, json};

use crate::{
    independent_signers::library::Library,
    support::{
        client::Request,
        issuer::{key, public},
        world::World,
    },
};

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es512, Algorithm::EdDsa];

/// What a standard says; the tolerant dialects are refused by all three libraries.
const DIALECTS: [Dialect; 2] = [Dialect::Rfc7797, Dialect::Detached];

/// Text, since one library takes unencoded payloads for text; among it what looks like a JWS.
const BODIES: [&str; 4] = ["{\"amount\":100}\n", "a.b..c", "ü ↯", "x"];

/// The proxy, which takes the signatures of these keys.
fn start(keys: &[Arc<SigningKey>]) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signers.json");
    let keys: Vec<Value> = keys.iter().map(|key| public(key)).collect();
    fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
    let world = World::with_setup(|setup| {
        setup
            .with(&format!(
                "[signatures.partner]\nsigner = {{ fixed = \"partner\" }}\n\
                 dialects = [\"rfc7797\", \"detached\"]\n\
                 algorithms = [\"RS256\", \"PS256\", \"ES256\", \"ES512\", \"EdDSA\"]\n\
                 keys.jwks_file = \"{}\"",
                file.display()
            ))
            .routes("[[routes]]\npath = \"/hook\"\naccess = \"public\"\nsignature = \"partner\"")
    });
    (world, folder)
}

fn check(mut library: Library) {
    let keys: Vec<_> = ALGORITHMS.iter().map(|alg| key(*alg, alg.name())).collect();
    let (world, _folder) = start(&keys);
    for key in &keys {
        let private: Value = serde_json::from_str(&key.private_jwk().to_text()).unwrap();
        for dialect in DIALECTS {
            for body in BODIES {
                let case = format!("{} {dialect} {body:?}", key.algorithm());
                let question = |jwk: &Value| {
                    json!({
                        "jwk": jwk,
                        "alg": key.algorithm().name(),
                        "dialect": dialect.name(),
                        "body": BASE64_STANDARD.encode(body),
                    })
                };
                let signature = sign(&mut library, question(&private));
                let sent = |body: &[u8]| {
                    let request = Request::new("POST", "/hook");
                    world.proxy.exchange(&request.field("x-jws-signature", &signature).body(body))
                };
                let answer = sent(body.as_bytes());
                assert!(answer.is_from_upstream(), "{case}: {signature}: {answer:?}");
                let mut changed = body.as_bytes().to_vec();
                changed[0] ^= 1;
                assert_eq!(sent(&changed).status, 401, "{case}");

                let ours = key.sign_detached(dialect, &Object::default(), body.as_bytes()).unwrap();
                assert!(verifies(&mut library, question(&public(key)), &ours), "{case}: {ours}");
                let mut other = question(&public(key));
                other["body"] = json!(BASE64_STANDARD.encode(format!("{body}!")));
                assert!(!verifies(&mut library, other, &ours), "{case}");
            }
        }
    }
}

/// A detached signature by the library.
fn sign(library: &mut Library, mut question: Value) -> String {
    question["op"] = "sign".into();
    library.ask(&question).as_str().unwrap().to_owned()
}

/// Whether the library takes a signature for right.
fn verifies(library: &mut Library, mut question: Value, signature: &str) -> bool {
    question["op"] = "verify".into();
    question["jws"] = signature.into();
    library.ask(&question).as_bool().unwrap()
}

#[test]
fn jose_and_countersign_take_each_others_signatures() {
    if let Some(library) = Library::jose("signer.mjs") {
        check(library);
    }
}

#[test]
fn jwcrypto_and_countersign_take_each_others_signatures() {
    if let Some(library) = Library::python("signer.py", "jwcrypto") {
        check(library);
    }
}

#[test]
fn joserfc_and_countersign_take_each_others_signatures() {
    if let Some(library) = Library::python("signer.py", "joserfc") {
        check(library);
    }
}
