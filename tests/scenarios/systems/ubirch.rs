//! ubirch's verification service, with the tokens that ubirch published and with our own.

use countersign::jose::{Algorithm, base64url};
use serde_json::{Value, json};

use crate::{
    support::{
        NOW,
        client::Request,
        issuer::{Issuer, public},
        key_server::Page,
        published::{UBIRCH_HEX_KEY, UBIRCH_README_TOKEN, UBIRCH_TOKEN},
        shipped::Shipped,
    },
    systems::scene::{Scene, header},
};

const SUBJECT: &str = "963995ed-ce12-4ea5-89dc-b181701d1d7b";
const ORIGIN: &str = "http://verification.dev.ubirch.com";

fn start(change: impl FnOnce(Shipped) -> Shipped) -> Scene {
    Scene::start("ubirch.toml", |shipped, _, _| change(shipped))
}

/// A token manager whose private key we have.
fn start_our_own() -> (Scene, Issuer) {
    let issuer = Issuer::new("https://token.dev.ubirch.com", &[Algorithm::Es256]);
    let jwk = public(issuer.key("k0"));
    let hex = |name: &str| {
        let bytes = base64url::decode(jwk[name].as_str().unwrap().as_bytes()).unwrap();
        bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let key = hex("x") + &hex("y");
    (start(|shipped| shipped.with(UBIRCH_HEX_KEY, &key)), issuer)
}

/// A token as the token manager issues it, which names no key.
fn token(issuer: &Issuer, changes: Value) -> String {
    let mut claims = json!({
        "aud": "https://verify.dev.ubirch.com",
        "sub": SUBJECT,
        "exp": NOW + 3_600,
        "iat": NOW - 60,
        "jti": "726aa795-a2dc-4354-9559-41a2c866151a",
        "scp": ["upp:verify"],
        "pur": "King Dude - Concert",
        "tgp": [],
        "tid": ["e21552f8-0353-41e3-b86e-0d3e92935d46"],
        "ord": [],
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    issuer.mint_with(json!({ "kid": null, "typ": "JWT" }), claims)
}

/// The UPP to verify, with that credential.
fn verify(authorization: &str) -> Request {
    Request::new("POST", "/v2/upp/verify").field("authorization", authorization).body(b"aGFzaA==")
}

fn verify_with(token: &str) -> Request {
    verify(&format!("Bearer {token}"))
}

#[test]
fn the_published_tokens_verify_with_the_published_key() {
    let scene = start(|shipped| shipped);
    let readme = verify_with(UBIRCH_README_TOKEN).field("origin", ORIGIN);
    let received = scene.passes("the readme's", &readme);
    assert_eq!(header(&received, "x-auth-subject"), Some(SUBJECT));
    assert_eq!(header(&received, "x-auth-scope"), Some("upp:verify"));
    assert_eq!(header(&received, "x-ubirch-purpose"), Some("King Dude - Concert"));
    let devices = header(&received, "x-ubirch-devices");
    assert_eq!(devices, Some("e21552f8-0353-41e3-b86e-0d3e92935d46"));
    let received = scene.passes("the page's, of an older form", &verify_with(UBIRCH_TOKEN));
    assert_eq!(header(&received, "x-ubirch-purpose"), Some("Shark Tank - Mexico"));
    let devices = header(&received, "x-ubirch-devices");
    assert_eq!(devices, Some("7549acd8-91e1-4230-833a-2f386e09b96f"));
}

#[test]
fn without_a_token_it_is_401_with_the_realm_and_nothing_else() {
    let scene = start(|shipped| shipped);
    let answer = scene.refuses("no header", &Request::new("POST", "/v2/upp/verify"), 401);
    let realm = "Bearer realm=\"Verification Access\"";
    assert_eq!(answer.field("www-authenticate"), Some(realm));
    assert!(answer.body.bytes.is_empty());
}

#[test]
fn whatever_was_sent_and_does_not_pass_is_403_without_a_word() {
    let (scene, issuer) = start_our_own();
    let stranger = Issuer::new("https://token.dev.ubirch.com", &[Algorithm::Es256]);
    let good = token(&issuer, json!({}));
    let cases = [
        ("Basic", "Basic eDp5".to_owned()),
        ("two words", format!("Bearer {good} {good}")),
        ("another key", format!("Bearer {}", token(&stranger, json!({})))),
        ("published key", format!("Bearer {UBIRCH_TOKEN}")),
        ("expired", format!("Bearer {}", token(&issuer, json!({ "exp": NOW - 1 })))),
        (
            "issuer",
            format!("Bearer {}", token(&issuer, json!({ "iss": "https://token.ubirch.com" }))),
        ),
        ("audience", format!("Bearer {}", token(&issuer, json!({ "aud": ["https://x.test"] })))),
        ("no audience", format!("Bearer {}", token(&issuer, json!({ "aud": null })))),
        ("no UUID", format!("Bearer {}", token(&issuer, json!({ "sub": "alice" })))),
        ("no subject", format!("Bearer {}", token(&issuer, json!({ "sub": "" })))),
        ("no purpose", format!("Bearer {}", token(&issuer, json!({ "pur": "" })))),
        ("scope", format!("Bearer {}", token(&issuer, json!({ "scp": ["thing:create"] })))),
        ("no scope", format!("Bearer {}", token(&issuer, json!({ "scp": [] })))),
    ];
    for (case, authorization) in cases {
        let answer = scene.refuses(case, &verify(&authorization), 403);
        assert!(answer.body.bytes.is_empty(), "{case}");
        assert_eq!(answer.field("www-authenticate"), None, "{case}");
    }
    scene.passes("the good one", &verify_with(&good));
    scene.passes("in lower case", &verify(&format!("bearer {good}")));
}

#[test]
fn what_may_be_missing_or_written_otherwise() {
    let (scene, issuer) = start_our_own();
    for (case, changes) in [
        ("no end", json!({ "exp": null })),
        (
            "several audiences",
            json!({ "aud": ["https://x.test", "https://verify.dev.ubirch.com"] }),
        ),
        ("several scopes", json!({ "scp": ["upp:anchor", "upp:verify"] })),
        ("scopes of an older form", json!({ "scp": null, "scopes": ["upp:verify"] })),
        (
            "a scope of the oldest",
            json!({ "scp": null, "scope": "ver", "pur": null, "purpose": "x" }),
        ),
    ] {
        scene.passes(case, &verify_with(&token(&issuer, changes)));
    }
}

#[test]
fn a_token_for_an_origin_comes_from_there_or_not_at_all() {
    let (scene, issuer) = start_our_own();
    let bound = token(&issuer, json!({ "ord": [ORIGIN] }));
    scene.passes("from there", &verify_with(&bound).field("origin", ORIGIN));
    for origin in ["http://evil.test", "https://verification.dev.ubirch.com", "null"] {
        scene.refuses(origin, &verify_with(&bound).field("origin", origin), 403);
    }
    scene.refuses("from nowhere", &verify_with(&bound), 403);
    let two = token(&issuer, json!({ "ord": [ORIGIN, "http://other.test"] }));
    scene.refuses("all have to equal it", &verify_with(&two).field("origin", ORIGIN), 403);
    let free = token(&issuer, json!({ "ord": [] }));
    scene.passes("for no origin in particular", &verify_with(&free).field("origin", "http://x"));
}

#[test]
fn each_operation_asks_for_its_own_scope_and_the_first_version_for_none() {
    let (scene, issuer) = start_our_own();
    let verifier = token(&issuer, json!({}));
    let anchorer = token(&issuer, json!({ "scp": ["upp:anchor"] }));
    let anchor = |token: &str| Request::new("POST", "/v2/upp").bearer(token).body(b"aGFzaA==");
    scene.passes("anchor", &anchor(&anchorer));
    scene.refuses("anchor", &anchor(&verifier), 403);
    scene.refuses("verify", &verify_with(&anchorer), 403);
    let record = Request::new("POST", "/v2/upp/verify/record").bearer(&verifier).body(b"x");
    scene.passes("below", &record);
    for path in ["/upp", "/upp/verify"] {
        scene.passes("version 1", &Request::new("POST", path).body(b"x"));
    }
    let preflight = Request::new("OPTIONS", "/v2/upp/verify").field("origin", ORIGIN);
    scene.passes("a browser's question", &preflight);
    scene.refuses("what is not there", &Request::get("/v3").bearer(&verifier), 403);
}

#[test]
fn the_key_may_be_fetched_from_the_token_manager() {
    let issuer = Issuer::new("https://token.dev.ubirch.com", &[Algorithm::Es256]);
    let scene = Scene::start("ubirch.toml", |shipped, key_server, _| {
        let mut jwk = public(issuer.key("k0"));
        for name in ["kid", "alg", "use"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        let wrapped = json!({ "version": "3.0.0", "ok": true, "data": jwk });
        key_server.serve("/api/tokens/v2/jwk", Page::json(&wrapped));
        shipped
            .with(&format!("hex = \"{UBIRCH_HEX_KEY}\""), "")
            .with(
                "# jwk_url = \"https://token.dev.ubirch.com",
                &format!("jwk_url = \"{}", key_server.url("")),
            )
            .with("# pointer", "pointer")
    });
    scene.passes("by the fetched key", &verify_with(&token(&issuer, json!({}))));
}
