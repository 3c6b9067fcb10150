//! Wycheproof: JWS, JWK and `JwCrypto` (<https://github.com/C2SP/wycheproof>).

use serde_json::Value;

use super::{collection, read_json, verify};

/// Vectors that are marked valid and must be refused all the same.
const REFUSED_THOUGH_MARKED_VALID: [(&str, u64, &str); 6] = [
    (JWS, 346, "the header says PS384, the key is bound to PS256"),
    (JWS, 347, "the key's alg is ES521, which does not exist"),
    (JWS, 350, "the header says PS384, the key is bound to PS256"),
    (JWS, 351, "the key's alg is ES521, which does not exist"),
    (JWS, 372, "a question mark was put into the base64url"),
    (JWS, 373, "a question mark was put into the base64url"),
];

/// Vectors that are marked invalid and are byte for byte the valid vector 357: the padding that
/// their comments speak of was lost when the file was written (C2SP/wycheproof issue 236). Nothing
/// can accept the one and refuse the others.
const ACCEPTED_THOUGH_MARKED_INVALID: [(&str, u64); 2] = [(JWS, 367), (JWS, 370)];
const THE_SAME_MARKED_VALID: u64 = 357;

const JWS: &str = "json_web_signature_test.json";
const JWK: &str = "json_web_key_test.json";
const CRYPTO: &str = "json_web_crypto_test.json";

/// The results of the vectors of one file.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    accepted: usize,
    refused: usize,
    excepted: usize,
    contradictory: usize,
}

#[test]
fn json_web_signatures() {
    let expected = Tally { accepted: 40, refused: 353, excepted: 6, contradictory: 2 };
    check(JWS, 401, &expected);
}

#[test]
fn json_web_keys() {
    let expected = Tally { accepted: 5, refused: 21, ..Tally::default() };
    check(JWK, 26, &expected);
}

#[test]
fn json_web_crypto() {
    let expected = Tally { accepted: 4, refused: 45, ..Tally::default() };
    check(CRYPTO, 49, &expected);
}

/// The padding that vectors 367 and 370 were to have.
#[test]
fn t11_padding_is_refused_where_the_vectors_lost_it() {
    let Some(folder) = collection("wycheproof") else {
        return;
    };
    let document = read_json(&folder.join(JWS));
    let (keys, valid) = vector(&document, THE_SAME_MARKED_VALID);
    for (file, id) in ACCEPTED_THOUGH_MARKED_INVALID {
        let (same_keys, same) = vector(&read_json(&folder.join(file)), id);
        assert_eq!((&same_keys, &same), (&keys, &valid), "{id}");
    }
    assert!(verify(&keys, &valid).is_some());
    let parts: Vec<&str> = valid.split('.').collect();
    for padding in ["=", "=="] {
        for place in 0..3 {
            let mut padded: Vec<String> = parts.iter().map(ToString::to_string).collect();
            padded[place].push_str(padding);
            assert!(verify(&keys, &padded.join(".")).is_none(), "{place} {padding}");
        }
    }
}

/// Runs every JWS of a file; `total` guards against a file that is not the one counted on.
fn check(file: &str, total: usize, expected: &Tally) {
    let Some(folder) = collection("wycheproof") else {
        return;
    };
    let document = read_json(&folder.join(file));
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (keys, test) in signatures(&document) {
        seen += 1;
        let id = test["tcId"].as_u64().unwrap();
        let valid = test["result"] == "valid";
        let accepted = verify(keys, &token(test)).is_some();
        let refuse = REFUSED_THOUGH_MARKED_VALID.iter().any(|(of, tc, _)| (*of, *tc) == (file, id));
        let accept = ACCEPTED_THOUGH_MARKED_INVALID.contains(&(file, id));
        match (valid, accepted) {
            (true, false) if refuse => tally.excepted += 1,
            (false, true) if accept => tally.contradictory += 1,
            (true, true) if !refuse => tally.accepted += 1,
            (false, false) if !accept => tally.refused += 1,
            _ => wrong.push((id, test["comment"].as_str(), valid, accepted)),
        }
    }
    assert!(wrong.is_empty(), "id, comment, valid, accepted: {wrong:?}");
    assert_eq!((seen, &tally), (total, expected));
}

/// The keys and the token of one vector.
fn vector(document: &Value, id: u64) -> (Value, String) {
    let found = signatures(document).find(|(_, test)| test["tcId"] == id);
    let (keys, test) = found.unwrap_or_else(|| panic!("no vector {id}"));
    (keys.clone(), token(test))
}

/// Most are in compact form; one is JSON, and is given as it would arrive.
fn token(test: &Value) -> String {
    match &test["jws"] {
        Value::String(compact) => compact.clone(),
        other => other.to_string(),
    }
}

/// Every vector that is a JWS, with the keys of its group.
fn signatures(document: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = document["testGroups"].as_array().unwrap();
    groups.iter().flat_map(|group| {
        let keys = group.get("public").unwrap_or_else(|| &group["private"]);
        let tests = group["tests"].as_array().unwrap();
        tests.iter().filter(|test| test.get("jws").is_some()).map(move |test| (keys, test))
    })
}
