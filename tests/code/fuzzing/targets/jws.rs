//! A compact JWS, as a token is one. The input is the token; or, so that mutations reach what is
//! inside of it, a header and a payload in JSON, on a line each.

use countersign::{
    jose::{Algorithm, CompactJws, base64url},
    json::{Json, Object},
    token::JwtCandidate,
};
use serde_json::Value;

use super::{base64url::is_canonical, json};

/// What is accepted has one spelling, its header says what a lenient reader finds in it, and
/// nothing of it is left that would have to be understood.
pub fn check(input: &[u8]) -> bool {
    match input.strip_prefix(b"{") {
        Some(_) => check_token(&encoded(input)),
        None => check_token(input),
    }
}

fn encoded(input: &[u8]) -> Vec<u8> {
    let mut parts = input.splitn(2, |byte| *byte == b'\n').map(base64url::encode);
    let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("{header}.{payload}.AAAA").into_bytes()
}

fn check_token(token: &[u8]) -> bool {
    let Ok(jws) = CompactJws::parse(token) else {
        assert!(JwtCandidate::read(token, &mut ()).is_err(), "a JWT that is no JWS");
        return false;
    };
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, payload, signature] = parts.as_slice() else { panic!("not three parts") };
    assert!(is_canonical(header) && is_canonical(signature), "another spelling is accepted");
    assert!(!payload.is_empty() && !signature.is_empty());
    assert_eq!(jws.payload().is_ok(), is_canonical(payload));
    assert_header(&jws, &decoded(header));
    assert_claims(token, payload);
    true
}

fn assert_header(jws: &CompactJws<'_>, header: &[u8]) {
    let header: Value = serde_json::from_slice(header).expect("a JSON header");
    assert_eq!(header["alg"].as_str().and_then(Algorithm::from_name), Some(jws.algorithm()));
    assert!(jws.algorithm().name() != "none");
    assert_eq!(header["kid"].as_str(), jws.header().kid());
    assert_eq!(header["typ"].as_str(), jws.header().typ());
    assert!(header.get("crit").is_none(), "a critical parameter is passed over");
    assert!(matches!(header.get("b64"), None | Some(Value::Bool(true))));
    assert!(header["enc"].is_null() && header["zip"].is_null());
    let nested = header["cty"].as_str().unwrap_or_default().to_ascii_lowercase();
    assert!(!matches!(nested.as_str(), "jwt" | "application/jwt"), "a token in a token");
}

/// A JWT is read exactly if its payload is an object by the strict rules.
fn assert_claims(token: &[u8], payload: &[u8]) {
    let claims = is_canonical(payload).then(|| decoded(payload));
    let claims = claims.and_then(|claims| Object::parse(&claims).ok().zip(Some(claims)));
    assert_eq!(JwtCandidate::read(token, &mut ()).is_ok(), claims.is_some());
    if let Some((ours, text)) = claims {
        let theirs = serde_json::from_slice(&text).expect("JSON claims");
        assert!(json::is_same(&Json::Object(ours), &theirs));
    }
}

fn decoded(part: &[u8]) -> Vec<u8> {
    base64url::decode(part).expect("canonical base64url")
}
