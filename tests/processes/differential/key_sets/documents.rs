//! Malformed and unusual JWKS documents (RFC 7517 §5).

use countersign::jose::Algorithm;

use super::{own, token_of};
use crate::differential::{
    case::{Case, Terms},
    keyring::{public_jwk, renamed_jwk, set_of},
};

pub(super) fn cases() -> Vec<Case> {
    let token = token_of(Algorithm::Es256);
    let case = |(name, document): (String, Vec<u8>)| {
        Case::new(name, token.clone(), &Terms::of_set(document))
    };
    documents().into_iter().chain(entries()).chain([64, 98, 99, 100].map(many)).map(case).collect()
}

/// The key of the token in documents of many shapes.
fn documents() -> Vec<(String, Vec<u8>)> {
    let jwk = public_jwk(own(Algorithm::Es256)).to_text();
    let set = format!("{{\"keys\":[{jwk}]}}");
    let utf16 = set.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let texts = [
        ("a key set", set.clone()),
        ("a single key", jwk.clone()),
        ("an array of keys", format!("[{jwk}]")),
        ("keys as an object", format!("{{\"keys\":{{\"0\":{jwk}}}}}")),
        ("keys as one key", format!("{{\"keys\":{jwk}}}")),
        ("keys twice, the first empty", format!("{{\"keys\":[],\"keys\":[{jwk}]}}")),
        ("keys twice, the last empty", format!("{{\"keys\":[{jwk}],\"keys\":[]}}")),
        ("keys in capitals", format!("{{\"KEYS\":[{jwk}]}}")),
        ("keys with an escape", format!("{{\"k\\u0065ys\":[{jwk}]}}")),
        ("another member", format!("{{\"x\":[1],\"keys\":[{jwk}],\"y\":null}}")),
        ("a byte order mark", format!("\u{feff}{set}")),
        ("white space around", format!(" \n{set}\n ")),
        ("something behind", format!("{set}x")),
        ("a second set behind", format!("{set}{set}")),
        ("a trailing comma", format!("{{\"keys\":[{jwk},]}}")),
        ("a comment", format!("{{/* */\"keys\":[{jwk}]}}")),
        ("a set as a text", serde_json::Value::from(set.clone()).to_string()),
        ("nothing", String::new()),
        ("null", "null".to_owned()),
        ("null keys", "{\"keys\":null}".to_owned()),
        ("no keys", "{\"keys\":[]}".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("HTML", "<html></html>".to_owned()),
        ("an error", "{\"error\":\"server_error\"}".to_owned()),
    ];
    let named = |(what, text): (&str, String)| (format!("documents/{what}"), text.into_bytes());
    let invalid = [set.as_bytes(), b"\xff"].concat();
    let bytes =
        [("documents/UTF-16".to_owned(), utf16), ("documents/a byte behind".to_owned(), invalid)];
    texts.map(named).into_iter().chain(bytes).collect()
}

/// Something that is no key beside the key.
fn entries() -> Vec<(String, Vec<u8>)> {
    let jwk = public_jwk(own(Algorithm::Es256)).to_text();
    let texts = [
        "null",
        "1",
        "\"x\"",
        "[]",
        "{}",
        "true",
        "{\"kty\":null}",
        "{\"kty\":\"x\"}",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"ES256\"}",
        "{\"kty\":\"EC\"}",
        "{\"kty\":\"EC\",\"kid\":\"ES256\"}",
        "{\"kid\":\"ES256\"}",
        "{\"kty\":\"x\",\"kid\":\"ES256\"}",
    ];
    let around = |entry: &str| {
        let orders = [format!("{entry},{jwk}"), format!("{jwk},{entry}")];
        let set = |keys: &String| format!("{{\"keys\":[{keys}]}}").into_bytes();
        [
            (format!("neighbours/{entry} in front"), set(&orders[0])),
            (format!("neighbours/{entry} behind"), set(&orders[1])),
        ]
    };
    texts.into_iter().flat_map(around).collect()
}

/// The key behind so many others.
fn many(count: usize) -> (String, Vec<u8>) {
    let other = own(Algorithm::EdDsa);
    let mut keys: Vec<_> = (0..count).map(|n| renamed_jwk(other, &format!("k{n}"))).collect();
    keys.push(public_jwk(own(Algorithm::Es256)));
    (format!("documents/behind {count} others"), set_of(&keys).into_bytes())
}
