use proptest::prelude::*;

use super::*;
use crate::jose::MAX_KID_BYTES;

/// A token with this header, an empty object as payload, and a signature of zeros.
fn token(header: &str) -> String {
    let signature = base64url::encode(&[0; 64]);
    format!("{}.e30.{signature}", base64url::encode(header.as_bytes()))
}

fn refusal(token: &str) -> Option<JwsError> {
    CompactJws::parse(token.as_bytes()).err()
}

#[track_caller]
fn assert_headers(expected: Option<JwsError>, headers: &[&str]) {
    for header in headers {
        assert_eq!(refusal(&token(header)), expected, "{header}");
    }
}

#[test]
fn what_is_read_of_a_header() {
    let token = token(r#"{"alg":"ES256","kid":"one","typ":"at+jwt","cty":"json","other":[1]}"#);
    let jws = CompactJws::parse(token.as_bytes()).unwrap();
    assert_eq!(jws.algorithm(), Algorithm::Es256);
    assert_eq!(jws.header().kid(), Some("one"));
    assert_eq!(jws.header().typ(), Some("at+jwt"));
    assert_eq!(jws.payload().as_deref(), Ok(&b"{}"[..]));
}

#[test]
fn t1_there_is_no_algorithm_none() {
    for name in ["none", "None", "nOnE", "NONE", "NoNe", "none ", ""] {
        let header = base64url::encode(format!(r#"{{"alg":"{name}"}}"#).as_bytes());
        let with_signature = format!("{header}.e30.AAAA");
        assert_eq!(refusal(&with_signature), Some(JwsError::Algorithm), "{name}");
        assert_eq!(refusal(&format!("{header}.e30.")), Some(JwsError::Parts));
        assert_eq!(refusal(&format!("{header}.e30")), Some(JwsError::Parts));
    }
}

#[test]
fn t3_an_unknown_algorithm_is_refused() {
    assert_headers(
        Some(JwsError::Algorithm),
        &[
            "{}",
            r#"{"alg":"ernw"}"#,
            r#"{"alg":17}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":{"RS256":1}}"#,
            r#"{"alg":"RS256 "}"#,
            r#"{"alg":"rs256"}"#,
            r#"{"alg":"RS256\u0000"}"#,
            r#"{"alg":"ES256K"}"#,
            r#"{"alg":"RS1"}"#,
            r#"{"alg":"Ed448"}"#,
            r#"{"ALG":"RS256"}"#,
        ],
    );
}

#[test]
fn t11_three_parts_and_no_other_number() {
    let header = base64url::encode(br#"{"alg":"ES256"}"#);
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.clone(),
        format!("{header}.e30"),
        format!("{header}.e30."),
        format!(".e30.{header}"),
        format!(".{header}.e30.AAAA"),
        format!("{header}.e30.AAAA."),
        format!("{header}.e30.AAAA.AAAA"),
        format!("{header}.e30.AAAA.AAAA.AAAA.AAAA"),
        ".".repeat(5_000_000),
    ] {
        let shown = text.get(..60).unwrap_or(&text).to_owned();
        assert_eq!(refusal(&text), Some(JwsError::Parts), "{shown}");
    }
}

#[test]
fn t11_every_part_is_canonical_base64url() {
    let header = base64url::encode(br#"{"alg":"ES256"}"#);
    for (header, signature) in [
        (format!("{header}="), "AAAA"),
        (format!(" {header}"), "AAAA"),
        (format!("{header}\n"), "AAAA"),
        (format!("{header}%3D"), "AAAA"),
        (header.clone(), "AAA="),
        (header.clone(), "AA+A"),
        (header.clone(), "AA/A"),
        (header.clone(), "AB"),
        (header.clone(), "AAAA\n"),
        (header.clone(), "A"),
    ] {
        let token = format!("{header}.e30.{signature}");
        assert_eq!(refusal(&token), Some(JwsError::Base64), "{token}");
    }
    for payload in ["e30=", "e3 0", "e31", "e", "e30\r\n"] {
        let token = format!("{header}.{payload}.AAAA");
        let jws = CompactJws::parse(token.as_bytes()).unwrap();
        assert_eq!(jws.payload(), Err(JwsError::Base64), "{payload:?}");
    }
}

#[test]
fn t12_the_header_is_a_strict_object() {
    for (expected, header) in [
        (JsonError::NotAnObject, r#"["alg","ES256"]"#.to_owned()),
        (JsonError::NotAnObject, r#""ES256""#.to_owned()),
        (JsonError::DuplicateMember, r#"{"alg":"ES256","alg":"none"}"#.to_owned()),
        (JsonError::DuplicateMember, r#"{"alg":"none","\u0061lg":"ES256"}"#.to_owned()),
        (JsonError::DuplicateMember, r#"{"alg":"ES256","x":{"y":1,"y":1}}"#.to_owned()),
        (JsonError::Syntax, "\u{feff}{\"alg\":\"ES256\"}".to_owned()),
        (JsonError::Syntax, r#"{"alg":"ES256"}{}"#.to_owned()),
        (JsonError::LoneSurrogate, r#"{"alg":"ES256","x":"\ud800"}"#.to_owned()),
        (JsonError::NumberOutOfRange, r#"{"alg":"ES256","x":1e999}"#.to_owned()),
        (JsonError::NumberOutOfRange, r#"{"alg":"ES256","x":99999999999999999999}"#.to_owned()),
        (JsonError::TooComplex, format!(r#"{{"alg":"ES256","x":{}"#, "[".repeat(5_000))),
    ] {
        assert_eq!(refusal(&token(&header)), Some(JwsError::Header(expected)), "{header}");
    }
    let invalid_utf8 =
        format!("{}.e30.AAAA", base64url::encode(b"{\"alg\":\"ES256\",\"x\":\"\xff\"}"));
    assert_eq!(refusal(&invalid_utf8), Some(JwsError::Header(JsonError::Syntax)));
    let huge = token(&format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(MAX_HEADER_BYTES)));
    assert_eq!(refusal(&huge), Some(JwsError::HeaderTooLong));
}

#[test]
fn t13_no_extension_is_understood_so_none_may_be_critical() {
    assert_headers(
        Some(JwsError::Critical),
        &[
            r#"{"alg":"ES256","crit":["ext"],"ext":1}"#,
            r#"{"alg":"ES256","crit":["ext"]}"#,
            r#"{"alg":"ES256","crit":[]}"#,
            r#"{"alg":"ES256","crit":null}"#,
            r#"{"alg":"ES256","crit":"exp"}"#,
            r#"{"alg":"ES256","crit":{"exp":1}}"#,
            r#"{"alg":"ES256","crit":[1]}"#,
            r#"{"alg":"ES256","crit":["alg"]}"#,
            r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"ES256","crit":["b64"],"b64":true}"#,
            r#"{"alg":"ES256","crit":["b64","b64"],"b64":true}"#,
        ],
    );
}

#[test]
fn t14_the_payload_is_always_encoded() {
    assert_headers(
        Some(JwsError::PayloadEncoding),
        &[r#"{"alg":"ES256","b64":false}"#, r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#],
    );
    assert_headers(
        Some(JwsError::HeaderMember("b64")),
        &[r#"{"alg":"ES256","b64":"false"}"#, r#"{"alg":"ES256","b64":0}"#],
    );
    assert_headers(None, &[r#"{"alg":"ES256","b64":true}"#]);
}

#[test]
fn t15_keys_and_their_places_in_the_header_are_not_even_read() {
    assert_headers(
        None,
        &[
            r#"{"alg":"ES256","jku":"https://attacker.example/keys"}"#,
            r#"{"alg":"ES256","x5u":"http://169.254.169.254/"}"#,
            r#"{"alg":"ES256","jwk":{"kty":"oct","k":"AA"}}"#,
            r#"{"alg":"ES256","jwk":17,"x5c":"no","x5t":null,"x5t#S256":[]}"#,
        ],
    );
}

#[test]
fn t16_a_kid_is_a_short_string() {
    let kid = |kid: &str| format!(r#"{{"alg":"ES256","kid":{kid}}}"#);
    let malformed = Some(JwsError::HeaderMember("kid"));
    for bad in ["\"\"", "17", "true", "{}", "[]", "[\"one\"]"] {
        assert_eq!(refusal(&token(&kid(bad))), malformed, "{bad}");
    }
    let long = |length: usize| token(&kid(&format!("\"{}\"", "k".repeat(length))));
    assert_eq!(refusal(&long(MAX_KID_BYTES)), None);
    assert_eq!(refusal(&long(MAX_KID_BYTES + 1)), malformed);
    assert_eq!(refusal(&long(1 << 20)), Some(JwsError::HeaderTooLong));
    // A key id is only ever compared, so it may be anything.
    for odd in ["../../dev/null", "' OR 1=1 --", "a\\u0000b", "a\\r\\nb", "https://a.example/"] {
        assert_eq!(refusal(&token(&kid(&format!("\"{odd}\"")))), None, "{odd}");
    }
}

#[test]
fn t17_encrypted_nested_and_compressed_tokens_are_refused() {
    let header = base64url::encode(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    assert_eq!(refusal(&format!("{header}.AA.AA.AA.AA")), Some(JwsError::Encrypted));
    assert_eq!(refusal("...."), Some(JwsError::Encrypted));
    assert_headers(Some(JwsError::Encrypted), &[r#"{"alg":"ES256","enc":"A256GCM"}"#]);
    assert_headers(
        Some(JwsError::PayloadEncoding),
        &[r#"{"alg":"ES256","zip":"DEF"}"#, r#"{"alg":"ES256","zip":1}"#],
    );
    assert_headers(
        Some(JwsError::Nested),
        &[
            r#"{"alg":"ES256","cty":"JWT"}"#,
            r#"{"alg":"ES256","cty":"jwt"}"#,
            r#"{"alg":"ES256","cty":"application/JWT"}"#,
        ],
    );
    assert_headers(
        Some(JwsError::Algorithm),
        &[
            r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647}"#,
            r#"{"alg":"RSA1_5"}"#,
            r#"{"alg":"dir"}"#,
        ],
    );
}

#[test]
fn members_of_the_wrong_type_are_refused() {
    assert_headers(
        Some(JwsError::HeaderMember("typ")),
        &[r#"{"alg":"ES256","typ":["JWT"]}"#, r#"{"alg":"ES256","typ":17}"#],
    );
    assert_headers(Some(JwsError::HeaderMember("cty")), &[r#"{"alg":"ES256","cty":1}"#]);
}

#[test]
fn c16_a_null_header_member_is_an_absent_one_but_where_it_decides_how_to_verify() {
    assert_headers(
        None,
        &[
            r#"{"alg":"ES256","typ":null,"kid":null,"cty":null}"#,
            r#"{"alg":"ES256","zip":null,"enc":null,"jku":null,"x5c":null}"#,
        ],
    );
    assert_headers(Some(JwsError::Algorithm), &[r#"{"alg":null}"#]);
    assert_headers(Some(JwsError::Critical), &[r#"{"alg":"ES256","crit":null}"#]);
    assert_headers(Some(JwsError::HeaderMember("b64")), &[r#"{"alg":"ES256","b64":null}"#]);
}

#[test]
fn t18_only_the_compact_serialisation_is_read() {
    for text in [
        r#"{"payload":"e30","signatures":[]}"#,
        r#"{"payload":"e30","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"AAAA"}"#,
        r#"{"payload":"e30","header":{"alg":"none"},"signature":"AAAA"}"#,
        r#"  {"eyJhbGciOiJFUzI1NiJ9.e30.AAAA":"","protected":"e30","payload":"e30"}"#,
    ] {
        assert!(refusal(text).is_some(), "{text}");
    }
}

#[test]
fn t20_a_token_has_a_payload() {
    let header = base64url::encode(br#"{"alg":"ES256"}"#);
    assert_eq!(refusal(&format!("{header}..AAAA")), Some(JwsError::Parts));
}

proptest! {
    #[test]
    fn t11_no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
        let _ = CompactJws::parse(&bytes);
    }

    #[test]
    fn t11_whatever_parses_is_made_of_its_parts(
        header in prop_oneof![Just(r#"{"alg":"ES256"}"#.to_owned()), ".{0,40}"],
        payload: Vec<u8>,
        signature: Vec<u8>,
        noise in "[.=A]{0,2}",
    ) {
        let parts = [header.as_bytes(), &payload, &signature].map(base64url::encode);
        let token = parts.join(".") + &noise;
        if let Ok(jws) = CompactJws::parse(token.as_bytes()) {
            let signature = base64url::encode(&jws.signature);
            let again = [jws.signing_input, signature.as_bytes()].join(&b'.');
            prop_assert_eq!(again, token.as_bytes());
            prop_assert_eq!(jws.payload(), Ok(payload));
        }
    }
}
