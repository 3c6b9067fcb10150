use super::*;
use crate::jose::{CompactJws, tests::shared_key, verify_compact};

fn every_key() -> impl Iterator<Item = &'static SigningKey> {
    Algorithm::ALL.iter().map(|alg| shared_key(*alg))
}

fn object(text: &str) -> Object {
    Object::parse(text.as_bytes()).unwrap()
}

#[test]
fn every_algorithm_signs_what_its_public_key_verifies() {
    for key in every_key() {
        let token = key.sign_compact(&Object::default(), b"payload").unwrap();
        let verifier = key.verification_key().unwrap();
        let payload = verify_compact(token.as_bytes(), &verifier);
        assert_eq!(payload.as_deref(), Ok(&b"payload"[..]), "{key:?}");
    }
}

#[test]
fn every_private_jwk_leads_back_to_the_same_key() {
    for key in every_key() {
        let again = SigningKey::from_jwk(&key.private_jwk()).unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.private_jwk(), key.private_jwk(), "{key:?}");
        let signature = again.sign(b"message").unwrap();
        let verifier = key.verification_key().unwrap();
        assert!(verifier.verify(key.algorithm(), b"message", &signature));
    }
}

#[test]
fn the_thumbprint_serves_as_kid() {
    for alg in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let key = SigningKey::generate(alg, None).unwrap();
        let thumbprint = key.verification_key().unwrap().thumbprint();
        assert_eq!(key.kid(), thumbprint.to_text(), "{alg}");
    }
}

#[test]
fn public_members_only_in_the_public_jwk() {
    for key in every_key().filter(|key| !key.algorithm().is_symmetric()) {
        let public = key.public_jwk().unwrap();
        let private = key.private_jwk();
        assert!(public.iter().all(|(name, value)| private.get(name) == Some(value)));
        for secret in ["d", "p", "q", "dp", "dq", "qi", "priv", "k"] {
            assert!(public.get(secret).is_none(), "{key:?} {secret}");
        }
        assert!(private.len() > public.len());
        assert_eq!(public.get("use").and_then(Json::as_str), Some("sig"));
    }
}

#[test]
fn a_shared_secret_has_no_public_form() {
    let key = SigningKey::generate(Algorithm::Hs384, None).unwrap();
    assert!(key.public_jwk().is_none() && key.public_pem().is_none());
    assert!(key.private_pem().is_none());
    let secret = key.private_jwk();
    let text = secret.get("k").and_then(Json::as_str).unwrap();
    assert_eq!(base64url::decode(text.as_bytes()).unwrap().len(), 48);
}

/// Another implementation reads the PEM that we write.
#[test]
fn private_pems_are_pkcs8() {
    for alg in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        let key = shared_key(alg);
        let pem = key.private_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{alg}");
        let read = rcgen::KeyPair::from_pem(&pem).unwrap();
        let ours: String = key.public_pem().unwrap().split_whitespace().collect();
        let theirs: String = read.public_key_pem().split_whitespace().collect();
        assert_eq!(ours, theirs, "{alg}");
    }
}

#[test]
fn a_key_of_the_rfc_signs_as_in_the_rfc() {
    // RFC 8037 appendix A.1 and A.4.
    let key = SigningKey::from_jwk(&object(
        r#"{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    ))
    .unwrap();
    let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    assert_eq!(
        base64url::encode(&key.sign(input).unwrap()),
        concat!(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylG",
            "jg5BhVsPt9g7sVvpAr_MuM0KAg"
        )
    );
}

#[test]
fn without_alg_the_curve_decides_and_rsa_needs_one() {
    for (alg, expected) in [
        (Algorithm::Es384, Some(Algorithm::Es384)),
        (Algorithm::EdDsa, Some(Algorithm::EdDsa)),
        (Algorithm::Rs256, None),
        (Algorithm::Hs256, None),
        (Algorithm::MlDsa44, None),
    ] {
        let jwk: Object =
            shared_key(alg).private_jwk().into_iter().filter(|(name, _)| name != "alg").collect();
        let read = SigningKey::from_jwk(&jwk).ok();
        assert_eq!(read.map(|key| key.algorithm()), expected, "{alg}");
    }
}

#[test]
fn keys_that_contradict_themselves_are_refused() {
    let jwk = |alg| SigningKey::generate(alg, None).unwrap().private_jwk();
    for alg in
        [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::MlDsa44, Algorithm::Hs256]
    {
        let (mut mixed, other) = (jwk(alg), shared_key(alg).private_jwk());
        for public in ["n", "x", "pub"] {
            if let Some(value) = other.get(public) {
                mixed.insert(public, value.clone());
            }
        }
        assert_eq!(SigningKey::from_jwk(&mixed).is_ok(), alg.is_symmetric(), "{alg}");
    }
    for (member, text) in [
        ("kty", "\"RSA\""),
        ("crv", "\"P-384\""),
        ("alg", "\"ES384\""),
        ("alg", "\"none\""),
        ("d", "\"AA\""),
        ("d", "\"=\""),
        ("d", "null"),
        ("kid", "\"\""),
        ("kid", "5"),
    ] {
        let mut broken = jwk(Algorithm::Es256);
        broken.insert(member, Json::parse(text.as_bytes()).unwrap());
        assert!(SigningKey::from_jwk(&broken).is_err(), "{member}: {text}");
    }
    let mut short = jwk(Algorithm::Hs512);
    short.insert("k", base64url::encode(&[1; 63]));
    assert!(SigningKey::from_jwk(&short).is_err());
    assert!(SigningKey::from_jwk(&Object::default()).is_err());
}

#[test]
fn the_header_can_override_what_the_key_says() {
    let key = SigningKey::generate(Algorithm::Es256, Some("one")).unwrap();
    let header = |text: &str| {
        let token = key.sign_compact(&object(text), b"{}").unwrap();
        let (header, _) = token.split_once('.').unwrap();
        String::from_utf8(base64url::decode(header.as_bytes()).unwrap()).unwrap()
    };
    assert_eq!(header("{}"), r#"{"alg":"ES256","kid":"one"}"#);
    assert_eq!(
        header(r#"{"typ":"at+jwt","alg":"none","kid":"two"}"#),
        r#"{"alg":"none","kid":"two","typ":"at+jwt"}"#
    );
    let token = key.sign_compact(&object(r#"{"typ":"JWT"}"#), b"{}").unwrap();
    let jws = CompactJws::parse(token.as_bytes()).unwrap();
    assert_eq!((jws.header().kid(), jws.header().typ()), (Some("one"), Some("JWT")));
}

#[test]
fn debug_and_errors_show_nothing_of_the_key() {
    for key in every_key() {
        let shown = format!("{key:?}");
        let expected =
            format!("SigningKey {{ kid: \"one\", algorithm: {:?}, .. }}", key.algorithm());
        assert_eq!(shown, expected);
    }
    let broken = object(r#"{"kty":"oct","alg":"HS256","k":"c2VjcmV0"}"#);
    let error = SigningKey::from_jwk(&broken).unwrap_err().to_string();
    assert!(!error.contains("c2VjcmV0") && !error.contains("secret\""), "{error}");
}

#[test]
fn every_pkcs8_document_leads_back_to_the_same_key() {
    for alg in
        [Algorithm::Rs256, Algorithm::Ps384, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa]
    {
        let key = shared_key(alg);
        let again = SigningKey::from_pkcs8(alg, Some(key.kid()), key.pair.pkcs8().unwrap());
        assert_eq!(again.unwrap().private_jwk(), key.private_jwk(), "{alg}");
    }
    let der = shared_key(Algorithm::Es256).pair.pkcs8().unwrap();
    for other in [Algorithm::Rs256, Algorithm::Es384, Algorithm::EdDsa] {
        let error = SigningKey::from_pkcs8(other, None, der).unwrap_err().to_string();
        assert!(error.contains("fits the algorithm"), "{other}: {error}");
    }
    for other in [Algorithm::Hs256, Algorithm::MlDsa44] {
        let error = SigningKey::from_pkcs8(other, None, der).unwrap_err().to_string();
        assert!(error.contains("JWK"), "{other}: {error}");
    }
}
