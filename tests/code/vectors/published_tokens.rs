//! Tokens that real providers published with their documentation, and the keys they verify under.

use countersign::{
    jose::{CompactJws, HexKey, JwkSet, KeyLimits, verify_compact},
    json::Object,
};

use crate::published::{UBIRCH_HEX_KEY, UBIRCH_README_TOKEN, UBIRCH_TOKEN};

/// The development key of ubirch's token manager, as a JWK.
const UBIRCH_KEY: &str = r#"{"kty":"EC","crv":"P-256",
    "x":"Lgn8c96LBnxMOCkujWg-06uu8iDJuKa4WTWgVTWROac",
    "y":"Dxey52VDUYoRP7qEhj22BguwIk_EUQTKCsioJ5sNdEo"}"#;

/// The key set of GenAuth's page "How to verify user credentials (token)".
const GENAUTH_KEYS: &str = r#"{"keys":[{"e":"AQAB","kty":"RSA","alg":"RS256","use":"sig",
    "kid":"TfLOt3Lbn8_a8pRMuessamqj-o3DBCs1-owHLQ-VMqQ",
    "n":"o8iCY52uBPOCnBSRCr3YtlZ0UTuQQ4NCeVMzV7JBtH-7Vuv0hwGJTb_hG-BeYOPz8i6YG_o367smV2r2mnXbC1cz_tBfHD4hA5vnJ1eCpKRWX-l6fYuS0UMti-Bmg0Su2IZxXF9T1Cu-AOlpgXFC1LlPABL4E0haHO8OwQ6QyEfiUIs0byAdf5zeEHFHseVHLjsM2pzWOvh5e_xt9NOJY4vB6iLtD5EIak04i1ND_O0Lz0OYbuV0KjluxaxoiexJ8kGo9W1SNza_2TqUAR6hsPkeOwwh-oHnNwZg8OEnwXFmNg-bW4KiBrQEG4yUVdFGENW6vAQaRa2bJX7obn4xCw"}]}"#;

/// The ID token of the same page; it expired in 2020.
const GENAUTH_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IlRmTE90M0xibjhfYThwUk11ZXNzYW1xai1vM0RCQ3MxLW93SExRLVZNcVEifQ.eyJzdWIiOiI1ZjcxOTk0NjUyNGVlMTA5OTIyOTQ5NmIiLCJiaXJ0aGRhdGUiOm51bGwsImZhbWlseV9uYW1lIjpudWxsLCJnZW5kZXIiOiJVIiwiZ2l2ZW5fbmFtZSI6bnVsbCwibG9jYWxlIjpudWxsLCJtaWRkbGVfbmFtZSI6bnVsbCwibmFtZSI6bnVsbCwibmlja25hbWUiOm51bGwsInBpY3R1cmUiOiJodHRwczovL2ZpbGVzLmF1dGhpbmcuY28vdXNlci1jb250ZW50cy9waG90b3MvOWE5ZGM0ZDctZTc1Ni00NWIxLTgxZDgtMDk1YTI4ZTQ3NmM2LmpwZyIsInByZWZlcnJlZF91c2VybmFtZSI6InRlc3QxIiwicHJvZmlsZSI6bnVsbCwidXBkYXRlZF9hdCI6IjIwMjAtMDktMzBUMDc6MTI6MTkuNDAxWiIsIndlYnNpdGUiOm51bGwsInpvbmVpbmZvIjpudWxsLCJlbWFpbCI6InRlc3QxQDEyMy5jb20iLCJlbWFpbF92ZXJpZmllZCI6ZmFsc2UsInBob25lX251bWJlciI6bnVsbCwicGhvbmVfbnVtYmVyX3ZlcmlmaWVkIjpmYWxzZSwibm9uY2UiOiJFNjViMVFvVVl0IiwiYXRfaGFzaCI6IkIzSWdPWUREYTBQejh2MV85cVpyQXciLCJhdWQiOiI1ZjE3YTUyOWY2NGZiMDA5Yjc5NGEyZmYiLCJleHAiOjE2MDE0NTM1NTgsImlhdCI6MTYwMTQ0OTk1OSwiaXNzIjoiaHR0cHM6Ly9vaWRjMS5hdXRoaW5nLmNuL29pZGMifQ.Z0TweYr9bCdYNJREVdvbJYcjXSfSsSNHBMqxTJeW-bnza0IIpBpEEVxlDG0Res6FZbcVzsQZzfJ9pj_nFgLjZxUUxv7Tpd13Sq_Ykg2JKepPf3-uoFqbORym07QEj4Uln0Quuh094MTb7z6bZZBEOYBac46zuj4uVp4vqk5HtCUSB4ASOAxwi7CeB1tKghISHz6PDcf6XJe_btHdzX1dparxtML-KvPxjpcHlt5emN88lpTAOX7Iq0EhsVE3PKrIDfCkG8XlL5y9TIW2Dz2iekcZ5PV17M35G6Dg2Q07Y_Apr18_oowOiQM5m_EbI90ist8CiqO9kBKreCOLMzub4Q";

/// Verifies under the one key of a document and gives the claims.
fn claims(keys: &str, token: &str) -> Option<Object> {
    let set = JwkSet::parse(keys.as_bytes(), &KeyLimits::default()).unwrap();
    let [key] = set.keys.as_slice() else {
        panic!("{:?}", set.skipped);
    };
    let payload = verify_compact(token.as_bytes(), key).ok()?;
    Object::parse(&payload).ok()
}

#[test]
fn the_token_of_ubirch_verifies() {
    let claims = claims(UBIRCH_KEY, UBIRCH_TOKEN).unwrap();
    assert_eq!(claims.get("iss").unwrap().to_text(), r#""https://token.dev.ubirch.com""#);
    assert_eq!(claims.get("exp").unwrap().to_text(), "7921535473");
}

#[test]
fn the_key_that_ubirch_publishes_in_hex_is_the_same() {
    let set = JwkSet::parse(UBIRCH_KEY.as_bytes(), &KeyLimits::default()).unwrap();
    let hex = HexKey::parse(UBIRCH_HEX_KEY).unwrap();
    assert_eq!(hex.key().thumbprint(), set.keys[0].thumbprint());
    assert!(verify_compact(UBIRCH_TOKEN.as_bytes(), hex.key()).is_ok());
}

#[test]
fn the_readme_token_of_ubirch_verifies() {
    let claims = claims(UBIRCH_KEY, UBIRCH_README_TOKEN).unwrap();
    assert_eq!(claims.get("scp").unwrap().to_text(), r#"["upp:verify"]"#);
}

#[test]
fn the_id_token_of_genauth_verifies() {
    let claims = claims(GENAUTH_KEYS, GENAUTH_TOKEN).unwrap();
    assert_eq!(claims.get("iss").unwrap().to_text(), r#""https://oidc1.authing.cn/oidc""#);
    assert_eq!(claims.get("exp").unwrap().to_text(), "1601453558");
}

#[test]
fn t22_the_parts_of_two_published_tokens_do_not_mix() {
    let one: Vec<&str> = UBIRCH_TOKEN.split('.').collect();
    let other: Vec<&str> = UBIRCH_README_TOKEN.split('.').collect();
    assert_eq!(one[0], other[0]);
    for mixed in [[one[0], one[1], other[2]], [one[0], other[1], one[2]]] {
        assert!(claims(UBIRCH_KEY, &mixed.join(".")).is_none());
    }
    assert!(claims(UBIRCH_KEY, GENAUTH_TOKEN).is_none());
    assert!(claims(GENAUTH_KEYS, UBIRCH_TOKEN).is_none());
}

#[test]
fn the_published_headers_read_as_they_are() {
    let jws = CompactJws::parse(GENAUTH_TOKEN.as_bytes()).unwrap();
    assert_eq!(jws.header().kid(), Some("TfLOt3Lbn8_a8pRMuessamqj-o3DBCs1-owHLQ-VMqQ"));
    assert_eq!(jws.header().typ(), Some("JWT"));
    assert_eq!(CompactJws::parse(UBIRCH_TOKEN.as_bytes()).unwrap().header().kid(), None);
}
