//! What is written in one dialect verifies in that one, over those bytes, under that key.

use proptest::prelude::*;

use super::*;
use crate::jose::{KeyLimits, SigningKey, VerificationKey};
use crate::json::{Json, Object};

#[path = "../../../tests/support/detached_vectors.rs"]
#[expect(clippy::redundant_pub_crate, reason = "shared with the tests of the proxy")]
mod vectors;

use vectors::{
    A_RFC7797, B_WITHOUT_CRIT, BODY, C_DETACHED, D_TWO_PART, E_PATH, E_PATH_SIGNATURE,
    PARTICIPANT_JWK,
};

fn participant() -> VerificationKey {
    let jwk = Object::parse(PARTICIPANT_JWK.as_bytes()).unwrap();
    VerificationKey::from_jwk(&jwk, &KeyLimits::default()).unwrap()
}

fn parse(text: &str) -> Result<DetachedJws, DetachedError> {
    DetachedJws::parse(text, &[])
}

fn verifies(text: &str, payload: &[u8], key: &VerificationKey) -> bool {
    parse(text).unwrap().over(payload).verifies_under(key)
}

/// A text with this header in the place of its own, and the signature of another.
fn with_header(header: &str, text: &str) -> String {
    let signature = text.rsplit('.').next().unwrap();
    format!("{}..{signature}", base64url::encode(header.as_bytes()))
}

#[test]
fn the_vectors_verify_each_under_its_own_dialect() {
    let key = participant();
    for (text, dialect, payload) in [
        (A_RFC7797, Dialect::Rfc7797, BODY),
        (B_WITHOUT_CRIT, Dialect::B64FalseWithoutCrit, BODY),
        (C_DETACHED, Dialect::Detached, BODY),
        (D_TWO_PART, Dialect::TwoPart, BODY),
        (E_PATH_SIGNATURE, Dialect::B64FalseWithoutCrit, E_PATH),
    ] {
        let jws = parse(text).unwrap();
        assert_eq!((jws.dialect(), jws.algorithm()), (dialect, Algorithm::Rs256));
        assert!(jws.over(payload.as_bytes()).verifies_under(&key), "{dialect}");
    }
    assert_eq!(
        parse(A_RFC7797).unwrap().header().kid(),
        Some("3c6d6a7e-5b0a-4d1e-9c0f-0a1b2c3d4e5f")
    );
    assert_eq!(parse(D_TWO_PART).unwrap().header().kid(), None);
}

#[test]
fn s5_a_signature_of_one_dialect_does_not_verify_written_as_another() {
    let key = participant();
    let texts = [A_RFC7797, B_WITHOUT_CRIT, C_DETACHED];
    for own in texts {
        for other in texts.iter().filter(|other| **other != own) {
            let header = other.split('.').next().unwrap();
            let swapped = format!("{header}..{}", own.rsplit('.').next().unwrap());
            assert!(!verifies(&swapped, BODY.as_bytes(), &key));
        }
    }
    let raw_two_part = B_WITHOUT_CRIT.replace("..", ".");
    assert_eq!(parse(&raw_two_part).err(), Some(DetachedError::Parts));
}

#[test]
fn s1_any_other_body_is_another_one() {
    let key = participant();
    for text in [A_RFC7797, B_WITHOUT_CRIT, C_DETACHED, D_TWO_PART] {
        for body in [
            format!("{BODY} "),
            format!("{BODY}\n"),
            format!(" {BODY}"),
            format!("\u{feff}{BODY}"),
            BODY.replace("app-1", "app-2"),
            BODY[..BODY.len() - 1].to_owned(),
            base64url::encode(BODY.as_bytes()),
            String::new(),
        ] {
            assert!(!verifies(text, body.as_bytes(), &key));
        }
    }
}

#[test]
fn s6_the_payload_is_never_in_the_signature() {
    let attached = A_RFC7797.replace("..", &format!(".{}.", base64url::encode(BODY.as_bytes())));
    assert_eq!(parse(&attached).err(), Some(DetachedError::Attached));
    for text in ["", ".", "..", "...", "a", "a..", "..a", "a...b", "a..b.c", "a.b.c.d", ".a", "a."]
    {
        assert!(
            matches!(parse(text), Err(DetachedError::Parts | DetachedError::Attached)),
            "{text:?}"
        );
    }
    for text in [
        format!("{A_RFC7797} "),
        format!(" {A_RFC7797}"),
        format!("{A_RFC7797}="),
        A_RFC7797.replace("..", ". ."),
    ] {
        assert!(parse(&text).is_err(), "{text}");
    }
}

#[test]
fn t19_a_token_of_the_signer_is_no_signature_over_its_claims() {
    let key = SigningKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let claims = br#"{"sub":"alice"}"#;
    for typ in ["JWT", "at+jwt", "application/AT+JWT", "logout+jwt"] {
        let header = format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#);
        let token = key.sign_compact(&Object::parse(header.as_bytes()).unwrap(), claims).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        for text in [format!("{}..{}", parts[0], parts[2]), format!("{}.{}", parts[0], parts[2])] {
            assert_eq!(parse(&text).err(), Some(DetachedError::Token), "{typ}");
            let asked_for = DetachedJws::parse(&text, &["typ".to_owned()]).unwrap();
            assert!(asked_for.over(claims).verifies_under(&key.verification_key().unwrap()));
        }
    }
    let jose = Object::parse(br#"{"alg":"ES256","typ":"JOSE"}"#).unwrap();
    assert!(parse(&key.sign_detached(Dialect::Detached, &jose, claims).unwrap()).is_ok());
    // No token is written as these are.
    let jwt = Object::parse(br#"{"alg":"ES256","typ":"JWT"}"#).unwrap();
    assert!(parse(&key.sign_detached(Dialect::Rfc7797, &jwt, claims).unwrap()).is_ok());
}

/// RFC 7797 §3: `true` is what holds without `b64`, critical or not.
#[test]
fn s5_a_b64_that_is_true_says_what_holds_anyway() {
    let key = SigningKey::generate(Algorithm::Es256, Some("k")).unwrap();
    let public = key.verification_key().unwrap();
    for header in [r#"{"b64":true}"#, r#"{"b64":true,"crit":["b64"]}"#] {
        let header = Object::parse(header.as_bytes()).unwrap();
        let text = key.sign_detached(Dialect::Detached, &header, b"body").unwrap();
        assert_eq!(parse(&text).unwrap().dialect(), Dialect::Detached);
        assert!(verifies(&text, b"body", &public));
        assert!(!verifies(&text, b"Body", &public));
    }
}

#[test]
fn headers_that_say_something_else_are_refused() {
    use DetachedError::{Algorithm, Critical, Header};
    for (header, error) in [
        (r#"{"alg":"RS256","b64":false,"crit":["foo"],"foo":1}"#, Critical),
        (r#"{"alg":"RS256","b64":false,"crit":["b64","foo"],"foo":1}"#, Critical),
        (r#"{"alg":"RS256","b64":false,"crit":[]}"#, Critical),
        (r#"{"alg":"RS256","b64":false,"crit":"b64"}"#, Critical),
        (r#"{"alg":"RS256","b64":false,"crit":["b64","b64"]}"#, Critical),
        (r#"{"alg":"RS256","crit":["b64"]}"#, Critical),
        (r#"{"alg":"RS256","b64":false,"crit":["b64","alg"]}"#, Critical),
        (r#"{"alg":"RS256","b64":false,"crit":[1]}"#, Critical),
        (r#"{"alg":"RS256","b64":"false"}"#, Header),
        (r#"{"alg":"RS256","b64":0}"#, Header),
        (r#"{"alg":"RS256","b64":null}"#, Header),
        (r#"{"alg":"RS256","crit":null}"#, Critical),
        (r#"{"alg":"RS256","crit":["b64"],"b64":null}"#, Critical),
        (r#"{"alg":"RS256","kid":""}"#, Header),
        (r#"{"alg":"RS256","kid":1}"#, Header),
        (r#"{"alg":"RS256","typ":1}"#, Header),
        (r#"{"alg":"RS256","cty":["JWT"]}"#, Header),
        (r#"{"alg":"RS256","zip":"DEF"}"#, Header),
        (r#"{"alg":"RS256","enc":"A256GCM"}"#, Header),
        (r#"{"alg":"RS256","alg":"none"}"#, Header),
        (r#"["RS256"]"#, Header),
        ("", Header),
        (r#"{"alg":"none"}"#, Algorithm),
        (r#"{"alg":"RSA256"}"#, Algorithm),
        (r#"{"alg":256}"#, Algorithm),
        (r#"{"kid":"x"}"#, Algorithm),
    ] {
        let text = with_header(header, A_RFC7797);
        let found = if header.is_empty() { parse("..x") } else { parse(&text) };
        let expected = if header.is_empty() { DetachedError::Parts } else { error };
        assert_eq!(found.err(), Some(expected), "{header}");
    }
    let with_nulls = r#"{"alg":"RS256","kid":null,"zip":null,"enc":null,"typ":null}"#;
    assert_eq!(
        parse(&with_header(with_nulls, A_RFC7797)).unwrap().header().kid(),
        None,
        "threats C-16"
    );
}

#[test]
fn critical_parameters_are_accepted_where_the_caller_looks_at_them() {
    let header = r#"{"alg":"PS256","crit":["http://openbanking.org.uk/iat"],"http://openbanking.org.uk/iat":1}"#;
    let text = with_header(header, A_RFC7797);
    assert_eq!(parse(&text).err(), Some(DetachedError::Critical));
    let understood = ["http://openbanking.org.uk/iat".to_owned()];
    let jws = DetachedJws::parse(&text, &understood).unwrap();
    assert_eq!(jws.dialect(), Dialect::Detached);
    assert_eq!(jws.header().get("http://openbanking.org.uk/iat"), Some(&Json::from(1)));
}

/// RFC 7797 §4: the payload `$.02` in both encodings. Its HMAC is no signature that a third party
/// could check, and is not made for a payload that comes in pieces.
#[test]
fn rfc_7797_example_headers_are_read_as_the_rfc_says() {
    let encoded =
        parse("eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ").unwrap();
    assert_eq!(encoded.dialect(), Dialect::Detached);
    let raw = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY";
    assert_eq!(parse(raw).unwrap().dialect(), Dialect::Rfc7797);
    let secret = base64url::decode(
        b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    )
    .unwrap();
    let key =
        VerificationKey::from_secret(&secret, [Algorithm::Hs256].into_iter().collect()).unwrap();
    for text in [encoded, parse(raw).unwrap()] {
        assert!(text.over(b"$.02").verifies_under(&key), "verified as a whole message");
    }
}

#[test]
fn every_algorithm_signs_and_verifies_in_every_dialect() {
    for algorithm in Algorithm::ALL.iter().copied().filter(|alg| !alg.is_symmetric()) {
        let key = SigningKey::generate(algorithm, Some("k")).unwrap();
        let public = key.verification_key().unwrap();
        for dialect in Dialect::ALL {
            let text = key.sign_detached(*dialect, &Object::default(), b"a.b\r\n").unwrap();
            let jws = parse(&text).unwrap();
            assert_eq!((jws.dialect(), jws.header().kid()), (*dialect, Some("k")));
            assert!(jws.over(b"a.b\r\n").verifies_under(&public), "{algorithm} {dialect}");
            assert!(!verifies(&text, b"a.b\n", &public), "{algorithm} {dialect}");
        }
    }
}

#[test]
fn a_key_of_another_algorithm_verifies_nothing() {
    let jwk = Object::parse(PARTICIPANT_JWK.as_bytes()).unwrap();
    let only_rs256 = VerificationKey::from_jwk(&jwk, &KeyLimits::default()).unwrap();
    let ps256 = with_header(r#"{"alg":"PS256","b64":false}"#, B_WITHOUT_CRIT);
    assert!(!verifies(&ps256, BODY.as_bytes(), &only_rs256));
    let other = SigningKey::generate(Algorithm::Es256, None).unwrap().verification_key().unwrap();
    assert!(!verifies(B_WITHOUT_CRIT, BODY.as_bytes(), &other));
}

proptest! {
    /// In whatever pieces the payload comes, it is the same one; with any bit changed it is not.
    #[test]
    fn s1_pieces_do_not_matter_and_bits_do(
        payload: Vec<u8>,
        cuts in prop::collection::vec(0_usize..64, 0..16),
        flip: prop::sample::Index,
        encoded: bool,
    ) {
        use std::sync::LazyLock;
        static KEY: LazyLock<SigningKey> =
            LazyLock::new(|| SigningKey::generate(Algorithm::Es256, None).unwrap());
        let dialect = if encoded { Dialect::Detached } else { Dialect::Rfc7797 };
        let public = KEY.verification_key().unwrap();
        let text = KEY.sign_detached(dialect, &Object::default(), &payload).unwrap();
        let mut reader = parse(&text).unwrap().begin();
        let mut rest = payload.as_slice();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            reader.update(piece);
            rest = after;
        }
        reader.update(rest);
        prop_assert!(reader.finish().verifies_under(&public));
        if !payload.is_empty() {
            let mut changed = payload.clone();
            let bit = flip.index(payload.len() * 8);
            changed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verifies(&text, &changed, &public));
        }
    }
}
