//! S-5: each dialect is a switch of its own, and none is a laxer form of another.

use countersign::{
    jose::{Algorithm, Dialect, base64url},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign, sign_with},
    support::{
        client::Request,
        detached_vectors::{
            A_RFC7797, B_WITHOUT_CRIT, BODY, C_DETACHED, D_TWO_PART, E_PATH, E_PATH_SIGNATURE,
            PARTICIPANT_JWK,
        },
        issuer::{key, sign_hmac},
    },
};

const VECTORS: [(Dialect, &str); 4] = [
    (Dialect::Rfc7797, A_RFC7797),
    (Dialect::B64FalseWithoutCrit, B_WITHOUT_CRIT),
    (Dialect::Detached, C_DETACHED),
    (Dialect::TwoPart, D_TWO_PART),
];

fn participant(dialects: &str, more: &str) -> Scene {
    let jwk: Value = serde_json::from_str(PARTICIPANT_JWK).unwrap();
    let rules = format!(
        "signer = {{ fixed = \"3051\" }}\ncaller = \"unrelated\"\nalgorithms = [\"RS256\"]\n\
         dialects = {dialects}\n{more}"
    );
    Scene::start(&rules, &json!({ "keys": [jwk] }))
}

#[test]
fn s5_each_vector_verifies_under_its_own_dialect_and_no_other() {
    for allowed in Dialect::ALL {
        let scene = participant(&format!("[\"{allowed}\"]"), "");
        for (dialect, signature) in VECTORS {
            let case = format!("{dialect} where {allowed} is allowed");
            let request = scene.post(signature, BODY.as_bytes());
            if dialect == *allowed {
                scene.admits(&case, &request, BODY.as_bytes());
            } else {
                scene.refuses(&case, &request, Reason::SignatureDialectNotAllowed);
            }
        }
        let used = format!(
            "countersign_signatures_verified_total{{dialect=\"{allowed}\",signature=\"partner\"}}"
        );
        assert!((scene.world.proxy.metric(&used) - 1.0).abs() < f64::EPSILON, "{used}");
    }
}

#[test]
fn s5_a_signature_rewritten_as_another_dialect_is_wrong() {
    let scene =
        participant("[\"rfc7797\", \"b64-false-without-crit\", \"detached\", \"two-part\"]", "");
    let signature_of = |jws: &str| jws.rsplit_once('.').unwrap().1.to_owned();
    for (signed_as, vector) in VECTORS {
        for (written_as, other) in VECTORS {
            let (header, _) = other.split_once('.').unwrap();
            let dots = if written_as == Dialect::TwoPart { "." } else { ".." };
            let forged = format!("{header}{dots}{}", signature_of(vector));
            let request = scene.post(&forged, BODY.as_bytes());
            let case = format!("{signed_as} written as {written_as}");
            if signed_as == written_as {
                scene.admits(&case, &request, BODY.as_bytes());
            } else {
                scene.refuses(&case, &request, Reason::SignatureInvalid);
            }
        }
    }
}

#[test]
fn s10_a_request_without_a_body_is_signed_by_its_path() {
    let path = r#"body = { path = { strip_prefix = "/signed" } }"#;
    let scene = participant("[\"b64-false-without-crit\"]", path);
    let get = |target: &str| {
        let request = Request::get(target).bearer(&scene.token(json!({})));
        request.field("x-jws-signature", E_PATH_SIGNATURE)
    };
    scene.admits("as signed", &get(&format!("/signed{E_PATH}")), b"");
    scene.admits("the query is not signed", &get(&format!("/signed{E_PATH}?a=b")), b"");
    scene.refuses("another path", &get("/signed/participant-roles/3052"), Reason::SignatureInvalid);
    // The path as a body is a body.
    let posted = scene.post(E_PATH_SIGNATURE, E_PATH.as_bytes());
    scene.admits("what was signed, as a body", &posted, E_PATH.as_bytes());
    scene.refuses("s10 a lost body", &scene.post(E_PATH_SIGNATURE, b""), Reason::SignedBodyMissing);
}

/// What is signed is what the service receives, not one of the other spellings of it.
#[test]
fn s10_p15_a_signature_over_a_path_covers_the_bytes_that_are_kept() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!("{ONE_SIGNER}body = {{ path = {{ strip_prefix = \"/signed\" }} }}");
    let kept = "[[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"\n\
                encoded_slash = \"keep\"\nempty_segments = \"keep\"";
    let scene = Scene::with(&rules, &jwks(&[&signer]), |setup| setup.routes(kept));
    let get = |target: &str, signed: &str| {
        let signature = sign(&signer, signed.as_bytes());
        let request = Request::get(target).bearer(&scene.token(json!({})));
        request.field("x-jws-signature", signature)
    };
    for path in ["/a%2fb", "/a//b%2F%41"] {
        let target = format!("/signed{path}");
        let received = scene.admits(path, &get(&target, path), b"");
        assert_eq!(received.target(), target);
    }
    for other in ["/a/b", "/a%2Fb", "/a%2fb/"] {
        let request = get("/signed/a%2fb", other);
        scene.refuses(other, &request, Reason::SignatureInvalid);
    }
}

#[test]
fn s10_without_a_rule_for_it_a_request_without_a_body_is_refused() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let signed = |request: Request| request.field("x-jws-signature", sign(&signer, b""));
    scene.refuses("an empty POST", &signed(scene.unsigned()).body(b""), Reason::SignedBodyMissing);
    let get = Request::get("/signed/a").bearer(&scene.token(json!({})));
    scene.refuses("a GET", &signed(get), Reason::SignedBodyMissing);
}

#[test]
fn s5_the_published_negative_cases_are_refused_each_for_its_own_reason() {
    let scene = participant("[\"rfc7797\"]", "");
    let jwk: Value = serde_json::from_str(PARTICIPANT_JWK).unwrap();
    let modulus = base64url::decode(jwk["n"].as_str().unwrap().as_bytes()).unwrap();
    let body = BODY.as_bytes();
    let with_header = |header: Value| {
        let signature = A_RFC7797.rsplit_once('.').unwrap().1;
        format!("{}..{signature}", base64url::encode(header.to_string().as_bytes()))
    };
    let by_modulus = sign_hmac(
        aws_lc_rs::hmac::HMAC_SHA256,
        &modulus,
        &json!({ "alg": "HS256", "b64": false, "crit": ["b64"] }),
        BODY,
    );
    let by_modulus: Vec<&str> = by_modulus.split('.').collect();
    let by_modulus = format!("{}..{}", by_modulus[0], by_modulus[2]);
    for (case, signature, reason) in [
        (
            "another critical parameter",
            with_header(json!({ "alg": "RS256", "foo": 1, "crit": ["foo"] })),
            Reason::CriticalUnknown,
        ),
        ("not critical", B_WITHOUT_CRIT.to_owned(), Reason::SignatureDialectNotAllowed),
        (
            "no algorithm",
            with_header(json!({ "alg": "none", "b64": false, "crit": ["b64"] })),
            Reason::SignatureAlgorithmNotAllowed,
        ),
        ("the public key as a secret", by_modulus, Reason::SignatureAlgorithmNotAllowed),
        (
            "another's kid",
            with_header(json!({ "alg": "RS256", "kid": "x", "b64": false, "crit": ["b64"] })),
            Reason::SignerUnknown,
        ),
    ] {
        scene.refuses(case, &scene.post(&signature, body), reason);
    }
    let longer = [body, b" "].concat();
    scene.refuses("a space more", &scene.post(A_RFC7797, &longer), Reason::SignatureInvalid);
    let compressed = scene.post(A_RFC7797, b"\x1f\x8b\x08 not what was signed");
    let compressed = compressed.field("content-encoding", "gzip");
    scene.refuses("s4 compressed on the way", &compressed, Reason::SignatureInvalid);
}

#[test]
fn s4_what_is_compressed_is_signed_as_it_is_sent() {
    let signer = key(Algorithm::Es256, "k");
    let scene = Scene::start(ONE_SIGNER, &jwks(&[&signer]));
    let body = b"\x1f\x8b\x08 never inflated";
    let request = scene.post(&sign(&signer, body), body).field("content-encoding", "gzip");
    let received = scene.admits("gzip", &request, body);
    assert_eq!(received.head.field("content-encoding"), Some("gzip"));
}

#[test]
fn s5_a_payload_with_dots_in_it_is_a_payload() {
    let signer = key(Algorithm::Ps256, "k");
    let all = "dialects = [\"rfc7797\", \"b64-false-without-crit\", \"detached\", \"two-part\"]\n";
    let scene = Scene::start(&format!("{all}{ONE_SIGNER}"), &jwks(&[&signer]));
    for dialect in Dialect::ALL {
        for body in [&b"a.b..c."[..], b".", b"\0\xff\n"] {
            let signature = sign_with(&signer, *dialect, &json!({}), body);
            scene.admits("dots", &scene.post(&signature, body), body);
        }
    }
}

/// The signer knows its own URL, and not how the service's paths are arranged.
#[test]
fn s10_p17_a_signature_over_a_path_covers_the_one_that_the_client_sent() {
    let signer = key(Algorithm::Es256, "k");
    let rules = format!("{ONE_SIGNER}body = {{ path = {{ query = true }} }}");
    let routes = "[[routes]]\npath = \"/api/**\"\nsignature = \"partner\"\n\
                  strip_prefix = \"/api\"";
    let scene = Scene::with(&rules, &jwks(&[&signer]), |setup| setup.routes(routes));
    let get = |signed: &str| {
        let signature = sign(&signer, signed.as_bytes());
        let request = Request::get("/api/%61?q=1").bearer(&scene.token(json!({})));
        request.field("x-jws-signature", signature)
    };
    let received = scene.admits("the client's", &get("/api/a?q=1"), b"");
    assert_eq!(received.target(), "/a?q=1");
    scene.refuses("the upstream's", &get("/a?q=1"), Reason::SignatureInvalid);
    scene.refuses("as it was spelled", &get("/api/%61?q=1"), Reason::SignatureInvalid);
}
