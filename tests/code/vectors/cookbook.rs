//! The JOSE cookbook (RFC 7520), RFC 8037 appendix A and RFC 7797.

use countersign::jose::{CompactJws, JwsError, base64url};
use serde_json::Value;

use super::{collection, read_json, verify};

/// The members that make a key private; the cookbook gives signing keys.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

#[test]
fn signatures_of_the_rfcs_verify() {
    let Some(folder) = collection("jose-cookbook") else {
        return;
    };
    for file in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_2.rsa-pss_signature.json",
        "jws/4_3.ecdsa_signature.json",
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "curve25519/jws.json",
    ] {
        let example = read_json(&folder.join(file));
        let token = example["output"]["compact"].as_str().unwrap();
        let payload = verify(&public_key(&example), token).unwrap_or_else(|| panic!("{file}"));
        assert_eq!(payload, example["input"]["payload"].as_str().unwrap().as_bytes());

        let flipped = flip_a_payload_bit(token);
        assert!(verify(&public_key(&example), &flipped).is_none(), "{file}");
    }
}

#[test]
fn t20_a_detached_signature_is_no_token() {
    let Some(folder) = collection("jose-cookbook") else {
        return;
    };
    let example = read_json(&folder.join("jws/4_5.signature_with_detached_content.json"));
    let token = example["output"]["compact"].as_str().unwrap();
    assert_eq!(CompactJws::parse(token.as_bytes()).err(), Some(JwsError::Parts));
    assert!(verify(&public_key(&example), token).is_none());
}

#[test]
fn t18_the_json_serialisations_are_no_tokens() {
    let Some(folder) = collection("jose-cookbook") else {
        return;
    };
    for file in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_6.protecting_specific_header_fields.json",
        "jws/4_7.protecting_content_only.json",
        "jws/4_8.multiple_signatures.json",
    ] {
        let example = read_json(&folder.join(file));
        for form in ["json", "json_flat"] {
            let text = example["output"][form].to_string();
            assert!(CompactJws::parse(text.as_bytes()).is_err(), "{file} {form}");
        }
    }
}

#[test]
fn t14_unencoded_payloads_are_refused() {
    let Some(folder) = collection("jose-cookbook") else {
        return;
    };
    for file in ["hmac-sha2_b64_false.json", "4.2.hmac-sha2_b64_false.json"] {
        let example = read_json(&folder.join("rfc7797").join(file));
        let flat = &example["output"]["json_flat"];
        let part = |name: &str| flat[name].as_str().unwrap().to_owned();
        let payload = base64url::encode(part("payload").as_bytes());
        for payload in [part("payload"), payload] {
            let token = format!("{}.{payload}.{}", part("protected"), part("signature"));
            assert!(CompactJws::parse(token.as_bytes()).is_err(), "{file}");
            assert!(verify(&public_key(&example), &token).is_none(), "{file}");
        }
    }
}

#[test]
fn t17_an_encrypted_token_is_named_as_such() {
    let Some(folder) = collection("jose-cookbook") else {
        return;
    };
    let example = read_json(&folder.join("6.nesting_signatures_and_encryption.json"));
    let token = find_compact_jwe(&example).expect("a JWE in compact form");
    assert_eq!(CompactJws::parse(token.as_bytes()).err(), Some(JwsError::Encrypted));
}

fn public_key(example: &Value) -> Value {
    let mut key = example["input"]["key"].clone();
    let members = key.as_object_mut().unwrap();
    for name in PRIVATE {
        members.remove(name);
    }
    // The cookbook names the algorithm beside the key.
    members.insert("alg".to_owned(), example["input"]["alg"].clone());
    key
}

fn flip_a_payload_bit(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut payload = base64url::decode(parts[1].as_bytes()).unwrap();
    payload[0] ^= 1;
    [parts[0], &base64url::encode(&payload), parts[2]].join(".")
}

fn find_compact_jwe(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) if text.split('.').count() == 5 => Some(text),
        Value::Array(values) => values.iter().find_map(find_compact_jwe),
        Value::Object(members) => members.values().find_map(find_compact_jwe),
        _ => None,
    }
}
