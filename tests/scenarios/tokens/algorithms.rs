//! T-1 to T-5: the algorithm comes from the configuration and the key, never from the token.

use aws_lc_rs::hmac::HMAC_SHA256;
use countersign::{
    jose::{Algorithm, SigningKey, base64url},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::support::{
    issuer::{self, Issuer, parts, public, sign, sign_hmac},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    world::{JWKS, World},
};

/// The same key under an `alg` of the forger's choice.
fn relabelled(key: &SigningKey, alg: &str) -> SigningKey {
    let mut jwk = key.private_jwk();
    jwk.insert("alg", alg);
    SigningKey::from_jwk(&jwk).unwrap()
}

/// A world whose issuer publishes exactly these JWKs.
fn publishing(rules: &str, jwks: &[Value]) -> World {
    let world = World::start();
    world.key_server.serve(JWKS, Page::json(&json!({ "keys": jwks })));
    world.restarted(rules)
}

#[test]
fn t01_alg_none_is_refused_in_every_spelling() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    let good = world.issuer.mint(json!({}));
    let [_, _, signature] = parts(&good);
    for bits in 0..16_u8 {
        let cased = |(n, c): (usize, char)| {
            if bits >> n & 1 == 1 { c.to_ascii_uppercase() } else { c }
        };
        let alg: String = "none".chars().enumerate().map(cased).collect();
        let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
        let unsigned = [header.as_bytes(), payload.as_bytes()].map(base64url::encode).join(".");
        world.refuses(&alg, &unsigned, Reason::TokenMalformed);
        world.refuses(&alg, &format!("{unsigned}."), Reason::TokenMalformed);
        for signature in [signature, "AA"] {
            let signed = format!("{unsigned}.{signature}");
            world.refuses(&alg, &signed, Reason::AlgorithmUnsupported);
        }
    }
}

#[test]
fn t02_a_public_key_is_never_a_shared_secret() {
    let world = World::start();
    let rsa = world.issuer.key("rsa");
    let pem = rsa.public_pem().unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64url::decode(
        base64.replace('+', "-").replace('/', "_").trim_end_matches('=').as_bytes(),
    );
    let jwk = public(rsa);
    let modulus = jwk["n"].as_str().unwrap();
    let payload = world.issuer.claims().to_string();
    let secrets: &[(&str, Vec<u8>)] = &[
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last line break", pem.trim_end().as_bytes().to_vec()),
        ("PEM behind a space", format!(" {pem}").into_bytes()),
        ("PEM behind a line break", format!("\n{pem}").into_bytes()),
        ("PEM behind a byte order mark", format!("\u{feff}{pem}").into_bytes()),
        ("PEM with CRLF", pem.replace('\n', "\r\n").into_bytes()),
        ("PEM by its old name", pem.replace("PUBLIC KEY", "RSA PUBLIC KEY").into_bytes()),
        ("base64", base64.into_bytes()),
        ("DER", der.unwrap()),
        ("JWK", jwk.to_string().into_bytes()),
        ("JWKS", world.issuer.jwks().to_string().into_bytes()),
        ("n as text", modulus.as_bytes().to_vec()),
        ("n as bytes", base64url::decode(modulus.as_bytes()).unwrap()),
        ("nothing", Vec::new()),
    ];
    for (spelling, secret) in secrets {
        for kid in [Some("rsa"), Some("ec"), None] {
            let mut header = json!({ "alg": "HS256" });
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            let token = sign_hmac(HMAC_SHA256, secret, &header, &payload);
            world.refuses(spelling, &token, Reason::AlgorithmNotAllowed);
        }
    }
}

#[test]
fn t02_shared_secrets_and_public_keys_are_not_configured_together() {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    for algorithms in [r#"["HS256"]"#, r#"["RS256", "HS256"]"#] {
        let rules = format!("algorithms = {algorithms}");
        let setup = Setup::new().issuer("corp", &Issuer::usual(), &key_server, &rules, "");
        let errors = setup.load(&upstream).unwrap_err().to_string();
        assert!(errors.contains("issuers.corp.algorithms"), "{errors}");
        assert!(errors.contains("HS256"), "{errors}");
    }
}

#[test]
fn t02_a_shared_secret_serves_where_one_is_configured() {
    let (upstream, secret) = (Upstream::start(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(secret.path(), [7; 32]).unwrap();
    let issuer = Issuer::usual();
    let file = format!("secret_file = {:?}", secret.path());
    let rules = r#"algorithms = ["HS256"]"#;
    let proxy = Setup::new().issuer_from("corp", &issuer, rules, &file).start(&upstream);
    let world = World { proxy, upstream, key_server: KeyServer::start(), issuer };
    let payload = world.issuer.claims().to_string();
    let header = json!({ "alg": "HS256" });
    world.admits("HS256", &sign_hmac(HMAC_SHA256, &[7; 32], &header, &payload));
    let forged = sign_hmac(HMAC_SHA256, &[8; 32], &header, &payload);
    world.refuses("another secret", &forged, Reason::SignatureInvalid);
    let empty = sign_hmac(HMAC_SHA256, &[], &header, &payload);
    world.refuses("no secret", &empty, Reason::SignatureInvalid);
    world.refuses("ES256", &world.issuer.mint(json!({})), Reason::AlgorithmNotAllowed);
}

#[test]
fn t03_an_unknown_algorithm_is_refused() {
    let world = World::start();
    for alg in [
        json!("ernw"),
        json!(""),
        json!(" "),
        json!(17),
        json!(null),
        json!(true),
        json!([]),
        json!(["ES256"]),
        json!({ "alg": "ES256" }),
        json!("ES256 "),
        json!(" ES256"),
        json!("es256"),
        json!("Es256"),
        json!("ES256\u{0}"),
        json!("ES256K"),
        json!("ES224"),
        json!("RS1"),
        json!("RS256,ES256"),
        json!("eddsa"),
        json!("Ed448"),
        json!("SHA256withECDSA"),
        json!("HS256/64"),
        json!("RSA-OAEP"),
        json!("dir"),
    ] {
        let header = json!({ "alg": alg, "kid": "ec" }).to_string();
        let payload = world.issuer.claims().to_string();
        let token = world.issuer.sign_text(header.as_bytes(), payload.as_bytes());
        world.refuses(&header, &token, Reason::AlgorithmUnsupported);
    }
    let without = world.issuer.sign_text(br#"{"kid":"ec"}"#, b"{}");
    world.refuses("no alg", &without, Reason::AlgorithmUnsupported);
}

#[test]
fn t03_a_shared_secret_in_a_key_set_is_ignored() {
    let issuer = Issuer::usual();
    let secret = base64url::encode(&[7; 32]);
    let oct = json!({ "kty": "oct", "alg": "HS256", "kid": "oct", "k": secret });
    let world = publishing("", &[oct, public(issuer.key("ec"))]);
    let payload = world.issuer.claims().to_string();
    let header = json!({ "alg": "HS256", "kid": "oct" });
    let token = sign_hmac(HMAC_SHA256, &[7; 32], &header, &payload);
    world.refuses("HS256", &token, Reason::AlgorithmNotAllowed);
    let keys = world.proxy.page("/keys");
    assert!(keys.contains("shared_secret"), "{keys}");
    assert!(!keys.contains(&secret), "the secret is shown: {keys}");
}

#[test]
fn t04_an_algorithm_other_than_the_keys_own_is_refused() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    let rsa = world.issuer.key("rsa");
    world.admits("RS256", &sign(rsa, json!({}), payload.as_bytes()));
    for alg in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = sign(&relabelled(rsa, alg), json!({}), payload.as_bytes());
        world.refuses(alg, &token, Reason::KeyUnsuitable);
    }
    // Another kind of key altogether.
    for (kid, alg) in [("rsa", "ES256"), ("ec", "RS256"), ("ed", "ES256"), ("ec", "EdDSA")] {
        let token = world.issuer.mint_with(json!({ "alg": alg, "kid": kid }), json!({}));
        world.refuses(&format!("{alg} by {kid}"), &token, Reason::KeyUnsuitable);
    }
}

#[test]
fn t04_a_key_without_alg_takes_what_its_type_and_the_configuration_allow() {
    let issuer = Issuer::usual();
    let mut jwk = public(issuer.key("rsa"));
    jwk.as_object_mut().unwrap().remove("alg");
    let world = publishing(r#"algorithms = ["RS256", "PS384", "ES256"]"#, &[jwk]);
    let payload = world.issuer.claims().to_string();
    let rsa = world.issuer.key("rsa");
    for alg in ["RS256", "PS384"] {
        world.admits(alg, &sign(&relabelled(rsa, alg), json!({}), payload.as_bytes()));
    }
    for alg in ["RS384", "RS512", "PS256", "PS512"] {
        let token = sign(&relabelled(rsa, alg), json!({}), payload.as_bytes());
        world.refuses(alg, &token, Reason::AlgorithmNotAllowed);
    }
    let token = world.issuer.mint_with(json!({ "kid": "rsa" }), json!({}));
    world.refuses("ES256 by an RSA key", &token, Reason::KeyUnsuitable);
}

#[test]
fn t05_a_key_of_another_curve_is_refused() {
    let (p256, p384) =
        (issuer::key(Algorithm::Es256, "p256"), issuer::key(Algorithm::Es384, "p384"));
    let ed = issuer::key(Algorithm::EdDsa, "ed");
    let without_alg = |key: &SigningKey| {
        let mut jwk = public(key);
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    };
    let world = publishing(
        r#"algorithms = ["ES256", "ES384", "EdDSA"]"#,
        &[without_alg(&p256), without_alg(&p384), without_alg(&ed)],
    );
    let payload = world.issuer.claims().to_string();
    for key in [&p256, &p384, &ed] {
        world.admits(key.kid(), &sign(key, json!({}), payload.as_bytes()));
    }
    for (key, alg) in
        [(&p384, "ES256"), (&p256, "ES384"), (&ed, "ES256"), (&p256, "EdDSA"), (&p256, "Ed25519")]
    {
        let token = sign(key, json!({ "alg": alg }), payload.as_bytes());
        world.refuses(&format!("{alg} by {}", key.kid()), &token, Reason::KeyUnsuitable);
    }
}

#[test]
fn t05_keys_whose_parts_do_not_fit_are_left_out() {
    let ec = issuer::key(Algorithm::Es256, "mismatched");
    let change = |name: &str, value: &str| {
        let mut jwk = public(&ec);
        jwk[name] = value.into();
        jwk
    };
    let x25519 = json!({
        "kty": "OKP", "crv": "X25519", "kid": "mismatched",
        "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
    });
    for jwk in [
        change("crv", "P-384"),
        change("crv", "Ed25519"),
        change("crv", "secp256k1"),
        change("kty", "OKP"),
        change("kty", "RSA"),
        change("alg", "ES384"),
        change("alg", "RS256"),
        change("alg", "ECDH-ES"),
        x25519,
    ] {
        let case = jwk.to_string();
        let world = publishing("", &[jwk, public(Issuer::usual().key("rsa"))]);
        let payload = world.issuer.claims().to_string();
        for alg in ["ES256", "EdDSA"] {
            let token = sign(&ec, json!({ "alg": alg }), payload.as_bytes());
            world.refuses(&case, &token, Reason::KeyUnsuitable);
        }
        // The others of the set are not lost.
        world.admits(&case, &sign(world.issuer.key("rsa"), json!({}), payload.as_bytes()));
    }
}
