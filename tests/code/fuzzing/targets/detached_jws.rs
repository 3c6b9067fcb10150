//! A detached signature, as it travels in a header beside the body. The input is that text; or, so
//! that mutations reach what is inside of it, its protected header in JSON, and on the next line
//! what follows it.

use countersign::{
    jose::{Algorithm, DetachedJws, Dialect, base64url},
    json::Json,
};
use serde_json::Value;

use super::{base64url::is_canonical, json};

/// What is accepted has one spelling, is of the dialect that its text and its header say, and has
/// no critical parameter that was not understood. The payload is the same in whatever pieces it
/// comes.
pub fn check(input: &[u8]) -> bool {
    let text = if input.starts_with(b"{") { encoded(input) } else { input.to_vec() };
    let Ok(text) = str::from_utf8(&text) else { return false };
    let mut is_accepted = false;
    for understood in [&[][..], &["iat", "iss", "typ"], &["alg", "http://openbanking.org.uk/iat"]] {
        let understood: Vec<String> = understood.iter().map(ToString::to_string).collect();
        if let Ok(jws) = DetachedJws::parse(text, &understood) {
            assert_accepted(&jws, text, &understood);
            assert_payload_in_pieces(text, &understood);
            is_accepted = true;
        }
    }
    is_accepted
}

fn encoded(input: &[u8]) -> Vec<u8> {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let header = base64url::encode(parts.next().unwrap_or_default());
    [header.as_bytes(), parts.next().unwrap_or_default()].concat()
}

fn assert_accepted(jws: &DetachedJws, text: &str, understood: &[String]) {
    let parts: Vec<&str> = text.split('.').collect();
    let (header, signature, has_payload_part) = match parts.as_slice() {
        [header, signature] => (header, signature, false),
        [header, "", signature] => (header, signature, true),
        _ => panic!("not header and signature"),
    };
    assert!(is_canonical(header.as_bytes()) && is_canonical(signature.as_bytes()));
    assert!(!header.is_empty() && !signature.is_empty());
    let header = base64url::decode(header.as_bytes()).expect("canonical base64url");
    let header: Value = serde_json::from_slice(&header).expect("a JSON header");
    assert!(json::is_same(&Json::Object(jws.header().members().clone()), &header));
    assert_eq!(header["alg"].as_str().and_then(Algorithm::from_name), Some(jws.algorithm()));
    assert_eq!(header["kid"].as_str(), jws.header().kid());
    assert!(header["enc"].is_null() && header["zip"].is_null());
    assert_eq!(jws.dialect(), dialect(&header, has_payload_part));
    assert_critical(&header, understood);
    assert_no_jwt(jws, &header, understood);
}

fn dialect(header: &Value, has_payload_part: bool) -> Dialect {
    let is_unencoded = header["b64"] == Value::Bool(false);
    let is_critical = critical(header).contains(&"b64");
    match (has_payload_part, is_unencoded) {
        (true, true) if is_critical => Dialect::Rfc7797,
        (true, true) => Dialect::B64FalseWithoutCrit,
        (true, false) => Dialect::Detached,
        (false, is_unencoded) => {
            assert!(!is_unencoded, "two parts and an unencoded payload");
            Dialect::TwoPart
        }
    }
}

fn critical(header: &Value) -> Vec<&str> {
    match header.get("crit") {
        None => Vec::new(),
        Some(crit) => {
            let names = crit.as_array().expect("crit is a list");
            assert!(!names.is_empty(), "an empty crit");
            names.iter().map(|name| name.as_str().expect("crit holds names")).collect()
        }
    }
}

fn assert_critical(header: &Value, understood: &[String]) {
    for name in critical(header) {
        assert!(name == "b64" || understood.iter().any(|known| known == name), "{name}");
        assert!(header.get(name).is_some(), "{name} is critical and absent");
        assert!(!["alg", "kid", "typ", "cty", "crit", "jwk"].contains(&name), "{name}");
    }
}

/// A JWT's signature is over claims; in base64url it would be over a body that says the same.
fn assert_no_jwt(jws: &DetachedJws, header: &Value, understood: &[String]) {
    let typ = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
    let is_jwt = typ.ends_with("+jwt") || matches!(typ.as_str(), "jwt" | "application/jwt");
    if is_jwt && jws.dialect().encodes_payload() {
        assert!(understood.iter().any(|name| name == "typ"), "a JWT's signature");
    }
}

fn assert_payload_in_pieces(text: &str, understood: &[String]) {
    let parse = || DetachedJws::parse(text, understood).expect("accepted before");
    let (whole, mut reader) = (parse().over(text.as_bytes()), parse().begin());
    for piece in text.as_bytes().chunks(1 + text.len() % 7) {
        reader.update(piece);
    }
    let pieces = reader.finish();
    let digest = |payload: Option<&aws_lc_rs::digest::Digest>| {
        payload.map(|digest| digest.as_ref().to_vec())
    };
    assert_eq!(digest(whole.digest()), digest(pieces.digest()));
}
