//! `JSONTestSuite` (<https://github.com/nst/JSONTestSuite>) as token header and as claims.

use std::{fs, path::Path};

use countersign::{
    jose::{CompactJws, JwsError, base64url},
    json::{Json, JsonError, Object},
};

use super::collection;

/// Valid JSON that a token must not hold.
const REFUSED_THOUGH_VALID: [&str; 2] =
    ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

#[test]
fn t12_as_header_and_as_claims() {
    let Some(folder) = collection("json-test-suite") else {
        return;
    };
    let (mut accepted, mut refused, mut either) = (0, 0, 0);
    for (name, text) in files(&folder.join("test_parsing")) {
        let claims = Object::parse(&text);
        let header = header_error(&text);
        // The header parser refuses exactly what the claims parser refuses, and nothing more but
        // the missing `alg`.
        assert_eq!(
            header,
            claims.as_ref().map_or_else(|error| JwsError::Header(*error), |_| JwsError::Algorithm,),
            "{name}"
        );
        if name.starts_with("n_") {
            assert!(Json::parse(&text).is_err(), "{name}");
            refused += 1;
        } else if REFUSED_THOUGH_VALID.contains(&name.as_str()) {
            assert_eq!(claims, Err(JsonError::DuplicateMember), "{name}");
        } else if name.starts_with("y_") {
            let value = Json::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(claims.is_ok(), value.as_object().is_some(), "{name}");
            accepted += 1;
        } else {
            // Left to the parser; it must only not panic.
            either += 1;
        }
    }
    assert_eq!((accepted, refused, either), (93, 188, 35));
}

#[test]
fn c2_c8_what_other_parsers_transform_is_exact_or_refused() {
    let Some(folder) = collection("json-test-suite") else {
        return;
    };
    for (name, text) in files(&folder.join("test_transform")) {
        let parsed = Json::parse(&text);
        if name.starts_with("object_same_key") {
            assert_eq!(parsed, Err(JsonError::DuplicateMember), "{name}");
        } else if name.contains("-9223372036854775809") || name.contains("10000000000000000999") {
            let exact = parsed.map(|value| value.to_text());
            let literal = String::from_utf8(text).unwrap();
            let literal = literal.trim();
            assert!(exact.is_err() || exact.as_deref() == Ok(literal), "{name}");
        }
    }
}

/// Why a token with this header is refused.
fn header_error(header: &[u8]) -> JwsError {
    let token = format!("{}.e30.AA", base64url::encode(header));
    match CompactJws::parse(token.as_bytes()) {
        // The suite's largest nestings are refused for their length alone.
        Err(JwsError::HeaderTooLong) => JwsError::Header(Object::parse(header).unwrap_err()),
        // An empty header has no part of its own.
        Err(JwsError::Parts) if header.is_empty() => JwsError::Header(JsonError::Syntax),
        Err(error) => error,
        Ok(_) => panic!("a header without alg was accepted"),
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}
