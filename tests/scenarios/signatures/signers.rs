//! S-7: the signer is the caller, or the operator has said that it need not be.

use std::sync::Arc;

use countersign::{
    jose::{Algorithm, SigningKey},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::{
    signatures::scene::{Scene, jwks, sign, sign_with},
    support::{client::Request, issuer::key},
};

const BODY: &[u8] = br#"{"amount":100}"#;

/// A world of two participants, whose keys are named like them.
struct Participants {
    alice: Arc<SigningKey>,
    bob: Arc<SigningKey>,
    scene: Scene,
}

fn participants(rules: &str) -> Participants {
    let (alice, bob) = (key(Algorithm::Es256, "alice"), key(Algorithm::Es256, "bob"));
    let scene = Scene::start(rules, &jwks(&[&alice, &bob]));
    Participants { alice, bob, scene }
}

impl Participants {
    fn request(&self, claims: Value, signature: &str) -> Request {
        let token = self.scene.token(claims);
        let request = Request::new("POST", "/signed/a").bearer(&token);
        request.field("x-jws-signature", signature).body(BODY)
    }
}

#[test]
fn s7_the_signer_is_a_claim_of_the_token() {
    let world = participants(r#"signer = { claim = "participantId" }"#);
    let Participants { alice, bob, scene } = &world;
    let (by_alice, by_bob) = (sign(alice, BODY), sign(bob, BODY));
    let received =
        scene.admits("alice", &world.request(json!({ "participantId": "alice" }), &by_alice), BODY);
    assert_eq!(received.head.field("x-signature-signer"), Some("alice"));
    scene.admits("bob", &world.request(json!({ "participantId": "bob" }), &by_bob), BODY);
    let mixed = world.request(json!({ "participantId": "alice" }), &by_bob);
    scene.refuses("alice's token, bob's signature", &mixed, Reason::SignerMismatch);
    // Bob takes his kid away: it is still not alice's key that signed.
    let nameless =
        sign_with(bob, countersign::jose::Dialect::Rfc7797, &json!({ "kid": null }), BODY);
    let hidden = world.request(json!({ "participantId": "alice" }), &nameless);
    scene.refuses("without a kid", &hidden, Reason::SignatureInvalid);
    let claimed =
        sign_with(bob, countersign::jose::Dialect::Rfc7797, &json!({ "kid": "alice" }), BODY);
    let forged = world.request(json!({ "participantId": "alice" }), &claimed);
    scene.refuses("with alice's kid", &forged, Reason::SignatureInvalid);
    for (case, id) in [
        ("no signer", json!(null)),
        ("a stranger", json!("carol")),
        ("a list", json!(["alice"])),
        ("empty", json!("")),
        ("too long", json!("a".repeat(300))),
    ] {
        let request = world.request(json!({ "participantId": id }), &nameless);
        scene.refuses(case, &request, Reason::SignerUnknown);
    }
}

#[test]
fn k15_a_signers_key_that_is_listed_twice_is_one_key() {
    let (one, other) = (key(Algorithm::Es256, "alice"), key(Algorithm::Es256, "alice"));
    for (case, keys, is_used) in
        [("one key", [&one, &one], true), ("two keys", [&one, &other], false)]
    {
        let bystander = key(Algorithm::Es256, "bob");
        let listed = jwks(&[keys[0], keys[1], &bystander]);
        let scene = Scene::start(r#"signer = { claim = "sub" }"#, &listed);
        let request = scene.post(&sign(&one, BODY), BODY);
        if is_used {
            scene.admits(case, &request, BODY);
        } else {
            scene.refuses(case, &request, Reason::SignatureAlgorithmNotAllowed);
        }
    }
}

#[test]
fn s7_a_key_without_a_name_belongs_to_no_named_signer() {
    let unnamed = key(Algorithm::Es256, "x");
    let mut nameless = jwks(&[&unnamed]);
    nameless["keys"][0].as_object_mut().unwrap().remove("kid");
    let scene = Scene::start(r#"signer = { claim = "sub" }"#, &nameless);
    let signature =
        sign_with(&unnamed, countersign::jose::Dialect::Rfc7797, &json!({ "kid": null }), BODY);
    scene.refuses("alice", &scene.post(&signature, BODY), Reason::SignerUnknown);
}

#[test]
fn s7_the_kid_is_the_signer_where_a_claim_agrees() {
    let world = participants("signer = \"kid\"\ncaller = { claim = \"azp\" }");
    let Participants { alice, bob, scene } = &world;
    let own = world.request(json!({ "azp": "alice" }), &sign(alice, BODY));
    scene.admits("alice", &own, BODY);
    let others = world.request(json!({ "azp": "alice" }), &sign(bob, BODY));
    scene.refuses("bob's signature", &others, Reason::SignerMismatch);
    let of_no_caller = world.request(json!({}), &sign(alice, BODY));
    scene.refuses("a token without azp", &of_no_caller, Reason::SignerMismatch);
    let nameless =
        sign_with(alice, countersign::jose::Dialect::Rfc7797, &json!({ "kid": null }), BODY);
    let nameless = world.request(json!({ "azp": "alice" }), &nameless);
    scene.refuses("no kid", &nameless, Reason::SignerUnknown);
}

#[test]
fn s7_unrelated_signers_sign_for_any_caller_where_the_operator_says_so() {
    let world = participants("signer = \"kid\"\ncaller = \"unrelated\"");
    let Participants { alice, bob, scene } = &world;
    for signer in [alice, bob] {
        let request = world.request(json!({ "azp": "alice" }), &sign(signer, BODY));
        let received = scene.admits("either", &request, BODY);
        assert_eq!(received.head.field("x-signature-signer"), Some(signer.kid()));
    }
}

#[test]
fn t4_only_allowed_algorithms_verify_and_only_keys_that_are_made_for_them() {
    let (alice, rsa) = (key(Algorithm::Es256, "alice"), key(Algorithm::Rs256, "rsa"));
    let rules = "signer = \"kid\"\ncaller = \"unrelated\"\nalgorithms = [\"RS256\"]";
    let scene = Scene::start(rules, &jwks(&[&alice, &rsa]));
    let request = scene.post(&sign(&alice, BODY), BODY);
    scene.refuses("ES256", &request, Reason::SignatureAlgorithmNotAllowed);

    let both = "signer = \"kid\"\ncaller = \"unrelated\"\nalgorithms = [\"RS256\", \"PS256\"]";
    let scene = Scene::start(both, &jwks(&[&rsa]));
    scene.admits("RS256", &scene.post(&sign(&rsa, BODY), BODY), BODY);
    let other =
        sign_with(&rsa, countersign::jose::Dialect::Rfc7797, &json!({ "alg": "PS256" }), BODY);
    let request = scene.post(&other, BODY);
    scene.refuses("the key's own alg", &request, Reason::SignatureAlgorithmNotAllowed);
}

#[test]
fn a_public_route_may_ask_for_a_signature_alone() {
    let signer = key(Algorithm::Es256, "hooks");
    let rules = "signer = { fixed = \"hooks\" }";
    let scene = Scene::with(rules, &jwks(&[&signer]), |setup| {
        setup.routes("[[routes]]\npath = \"/hooks\"\naccess = \"public\"\nsignature = \"partner\"")
    });
    let request = |signature: &str| {
        Request::new("POST", "/hooks").field("x-jws-signature", signature).body(BODY)
    };
    scene.admits("signed", &request(&sign(&signer, BODY)), BODY);
    scene.refuses("wrong", &request(&sign(&signer, b"other")), Reason::SignatureInvalid);
    let unsigned = Request::new("POST", "/hooks").body(BODY);
    scene.refuses("unsigned", &unsigned, Reason::SignatureMissing);
}

#[test]
fn an_unsigned_token_never_gets_as_far_as_its_signature() {
    let world = participants(r#"signer = { claim = "azp" }"#);
    let request = Request::new("POST", "/signed/a").bearer("x.y.z");
    let request = request.field("x-jws-signature", sign(&world.alice, BODY)).body(BODY);
    let answer = world.scene.world.proxy.exchange(&request);
    assert_eq!(answer.reason().as_deref(), Some("token_malformed"));
    assert_eq!(answer.field("www-authenticate"), Some("Bearer error=\"invalid_token\""));
}
