//! Published vectors as `header..signature` and a body, through the running proxy.
//!
//! The collections are not part of the project. They are looked for in `../shared/vectors` and
//! where `COUNTERSIGN_VECTORS` points; where neither is, these tests say so and pass.

use std::{fmt::Write as _, fs, path::PathBuf};

use countersign::jose::base64url;
use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Request},
    collections::collection,
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

/// A compact JWS and the keys that a recipient would verify it with.
struct Published {
    name: String,
    jws: String,
    is_valid: bool,
}

/// Keys, and what is signed or said to be signed by one of them.
struct Group {
    keys: Value,
    vectors: Vec<Published>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Valid by a shared secret, which never verifies a request, or over nothing at all.
    refused_by_design: usize,
    /// What is wrong is in the payload's encoding, which does not travel with a detached JWS.
    not_detachable: usize,
}

fn read(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Sends every vector of every group, each group under rules of its own, and compares the
/// verdicts.
fn run(groups: &[Group]) -> Tally {
    // By URL: a file without a usable key would be a mistake.
    let key_server = KeyServer::start();
    let (mut tables, mut routes) = (String::new(), String::new());
    for (index, group) in groups.iter().enumerate() {
        let path = format!("/{index}.json");
        key_server.serve(&path, Page::json(&group.keys));
        let url = key_server.url(&path);
        let _ = write!(
            tables,
            "[signatures.g{index}]\nsigner = {{ fixed = \"g\" }}\n\
             dialects = [\"detached\", \"rfc7797\"]\nalgorithms = [{ALGORITHMS}]\n\
             [signatures.g{index}.keys]\njwks_url = \"{url}\"\n"
        );
        let _ = write!(
            routes,
            "[[routes]]\npath = \"/g{index}\"\naccess = \"public\"\nsignature = \"g{index}\"\n"
        );
    }
    let upstream = Upstream::start();
    // Not every group has a key that could be used: the proxy is never ready.
    let proxy = Setup::new().with(&tables).routes(&routes).start_unready(&upstream);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        wait_until("the keys were asked for", || {
            !proxy.pending().contains("waiting for the first")
        });
        for vector in &group.vectors {
            let parts: Vec<&str> = vector.jws.split('.').collect();
            let payload = match parts.as_slice() {
                [_, payload, _] => base64url::decode(payload.as_bytes()).ok(),
                _ => None,
            };
            let Some(payload) = payload else {
                assert!(!vector.is_valid, "{}", vector.name);
                tally.not_detachable += 1;
                continue;
            };
            let detached = format!("{}..{}", parts[0], parts[2]);
            let before = proxy.mark();
            let request = Request::new("POST", &format!("/g{index}"));
            let request = request.field("x-jws-signature", &detached).body(&payload);
            let answer = proxy.exchange(&request);
            let is_accepted = answer.is_from_upstream();
            if is_accepted {
                assert_eq!(before.only_request(&vector.name).body.bytes, payload);
            } else {
                before.assert_untouched(&vector.name);
            }
            match (vector.is_valid, is_accepted) {
                (true, true) => tally.accepted += 1,
                (false, false) => tally.refused += 1,
                (true, false) if is_refused_by_design(&answer) => tally.refused_by_design += 1,
                _ => wrong.push((&vector.name, vector.is_valid, answer.reason())),
            }
        }
    }
    assert!(wrong.is_empty(), "name, valid, reason: {wrong:#?}");
    tally
}

fn is_refused_by_design(answer: &Answer) -> bool {
    let reason = answer.reason().unwrap_or_default();
    reason == "signature_algorithm_not_allowed" || reason == "signed_body_missing"
}

const ALGORITHMS: &str = "\"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \
                          \"ES256\", \"ES384\", \"ES512\", \"EdDSA\"";

/// Marked valid, and refused all the same: see `tests/code/vectors/wycheproof.rs`.
const MARKED_VALID: [u64; 6] = [346, 347, 350, 351, 372, 373];
/// Marked invalid, and byte for byte a valid one: see there.
const MARKED_INVALID: [u64; 2] = [367, 370];

#[test]
fn t6_t7_t9_every_wycheproof_signature_gets_the_verdict_that_it_is_marked_with() {
    let Some(folder) = collection("wycheproof") else {
        return;
    };
    let document = read(folder.join("json_web_signature_test.json"));
    let groups = document["testGroups"].as_array().unwrap().iter().map(|group| Group {
        keys: group.get("public").unwrap_or_else(|| &group["private"]).clone(),
        vectors: group["tests"].as_array().unwrap().iter().filter_map(wycheproof).collect(),
    });
    let groups: Vec<_> = groups.collect();
    let tally = run(&groups);
    assert_eq!(
        tally,
        Tally { accepted: 26, refused: 335, refused_by_design: 16, not_detachable: 24 }
    );
}

fn wycheproof(test: &Value) -> Option<Published> {
    let id = test["tcId"].as_u64().unwrap();
    let is_valid =
        (test["result"] == "valid" || MARKED_INVALID.contains(&id)) && !MARKED_VALID.contains(&id);
    let jws = test["jws"].as_str()?.to_owned();
    Some(Published { name: format!("{id} {}", test["comment"]), jws, is_valid })
}

#[test]
fn the_cookbook_s_signatures_verify_and_those_by_shared_secrets_do_not() {
    let Some(folder) = collection("jose-cookbook") else {
        return;
    };
    let mut tally = Tally::default();
    for file in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_2.rsa-pss_signature.json",
        "jws/4_3.ecdsa_signature.json",
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "jws/4_5.signature_with_detached_content.json",
        "curve25519/jws.json",
    ] {
        let example = read(folder.join(file));
        let key = &example["input"]["key"];
        let signed = &example["signing"];
        let header = signed["protected_b64u"].as_str().unwrap();
        let signature = signed["sig"].as_str().unwrap();
        let payload = example["input"]["payload"].as_str().unwrap();
        let jws = format!("{header}.{}.{signature}", base64url::encode(payload.as_bytes()));
        let vectors = vec![Published { name: file.to_owned(), jws, is_valid: true }];
        let of_file = run(&[Group { keys: json!({ "keys": [public(key)] }), vectors }]);
        tally.accepted += of_file.accepted;
        tally.refused_by_design += of_file.refused_by_design;
    }
    let expected = Tally { accepted: 4, refused_by_design: 2, ..Tally::default() };
    assert_eq!(tally, expected);
}

/// The key as a registry publishes it. A shared secret stays one.
fn public(key: &Value) -> Value {
    const PUBLIC: [&str; 9] = ["kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"];
    let mut key = key.clone();
    if key["kty"] != "oct" {
        key.as_object_mut().unwrap().retain(|name, _| PUBLIC.contains(&name.as_str()));
    }
    key
}

/// RFC 7797 §4.1 and §4.2 are by a shared secret: read as the RFC says (see
/// `src/jose/detached/tests.rs`), and refused for the algorithm.
#[test]
fn the_examples_of_rfc_7797_prove_nothing_about_who_signed() {
    let secret = json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" });
    let jws = |header: &str, signature: &str| Published {
        name: header.to_owned(),
        jws: format!("{header}.{}.{signature}", base64url::encode(b"$.02")),
        is_valid: true,
    };
    let vectors = vec![
        jws("eyJhbGciOiJIUzI1NiJ9", "5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ"),
        jws(
            "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19",
            "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY",
        ),
    ];
    let keys = json!({ "keys": [secret] });
    let expected = Tally { refused_by_design: 2, ..Tally::default() };
    assert_eq!(run(&[Group { keys, vectors }]), expected);
}

/// RFC 7515 appendices A.2 (RS256) and A.3 (ES256), detached as appendix F has it.
#[test]
fn the_examples_of_rfc_7515_verify_detached() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let a2 = json!({ "kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" });
    let a3 = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let group = |name: &str, keys: &Value, header: &str, signature: &str| Group {
        keys: json!({ "keys": [keys] }),
        vectors: vec![Published {
            name: name.to_owned(),
            jws: format!("{header}.{payload}.{signature}"),
            is_valid: true,
        }],
    };
    let groups = [
        group(
            "A.2",
            &a2,
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        group(
            "A.3",
            &a3,
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ];
    assert_eq!(run(&groups), Tally { accepted: 2, ..Tally::default() });
}
