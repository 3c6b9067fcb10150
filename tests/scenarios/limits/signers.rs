//! Limits by who signed: only a verified signature counts.

use std::sync::Arc;

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    reason::Reason,
};
use serde_json::json;

use super::keys;
use crate::{
    signatures::scene::{ONE_SIGNER, Scene, jwks, sign, sign_with},
    support::issuer::key,
};

const LIMITED: &str = r#"
[[routes]]
path = "/signed/**"
signature = "partner"
limit = "own"
"#;

const LIMIT: &str = "[limits.own]\nkey = \"signer\"\nrate = \"2/h\"";

fn scene(rules: &str, key: &Arc<SigningKey>) -> Scene {
    Scene::with_routes(rules, &jwks(&[key]), LIMITED, |setup| setup.with(LIMIT))
}

#[test]
fn l3_a_signer_has_its_rate_and_a_forged_signature_uses_none_up() {
    let acme = key(Algorithm::Es256, "acme");
    let scene = scene(ONE_SIGNER, &acme);
    let stranger = key(Algorithm::Es256, "acme");
    for _ in 0..5 {
        let forged = scene.post(&sign(&stranger, b"{}"), b"{}");
        scene.refuses("forged", &forged, Reason::SignatureInvalid);
    }
    assert_eq!(keys(&scene.world), 0);
    let signed = |scene: &Scene| scene.post(&sign(&acme, b"{}"), b"{}");
    scene.admits("the first", &signed(&scene), b"{}");
    scene.admits("the second", &signed(&scene), b"{}");
    let answer = scene.refuses("the third", &signed(&scene), Reason::RateLimited);
    assert_eq!(answer.field("ratelimit-policy"), Some("\"own\";q=2;w=3600"));
}

#[test]
fn s8_a_message_that_a_limit_refuses_is_not_used_up() {
    let acme = key(Algorithm::Es256, "acme");
    let rules =
        format!("{ONE_SIGNER}\nreplay = {{ id = {{ header = \"jti\" }}, window = \"10m\" }}");
    let scene = scene(&rules, &acme);
    let signed = |id: &str| {
        let signature = sign_with(&acme, Dialect::Rfc7797, &json!({ "jti": id }), b"{}");
        scene.post(&signature, b"{}")
    };
    scene.admits("the first", &signed("1"), b"{}");
    scene.admits("the second", &signed("2"), b"{}");
    // Were its id used up, the second time would be a replay.
    scene.refuses("the third", &signed("3"), Reason::RateLimited);
    scene.refuses("the third again", &signed("3"), Reason::RateLimited);
    scene.refuses("a replay", &signed("1"), Reason::SignatureReplayed);
}
