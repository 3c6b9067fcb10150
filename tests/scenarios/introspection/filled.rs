//! Tokens that hold little themselves, such as Keycloak's lightweight ones: what their issuer says
//! of them fills the rest.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::{
    introspection::scene::{Scene, claims},
    support::issuer::{key, sign},
};

/// Keycloak's lightweight access token: neither `sub` nor `aud`.
fn lightweight(scene: &Scene, changes: Value) -> String {
    let mut claims = json!({
        "sub": null, "aud": null, "typ": "Bearer", "azp": "web", "jti": "onrtro:1", "sid": "s1",
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    scene.world.issuer.mint(claims)
}

/// What Keycloak answers about it.
fn answer(changes: Value) -> Value {
    let mut answer = claims(json!({
        "azp": "web", "client_id": "web", "username": "alice", "jti": "onrtro:1", "sid": "s1",
        "token_type": "Bearer", "typ": "Bearer", "realm_access": { "roles": ["clerk"] },
    }));
    answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    answer
}

fn filling() -> Scene {
    Scene::with("when = \"always\"\nfill_claims = true", |setup| {
        setup
            .routes("[[routes]]\npath = \"/**\"\nclaims.\"/realm_access/roles\" = \"clerk\"\n")
            .with("[claims]\nx-auth-subject = \"sub\"\nx-auth-roles = \"/realm_access/roles\"")
    })
}

const IDENTITY: [(&str, &str); 2] = [("x-auth-roles", "clerk"), ("x-auth-subject", "alice")];

#[test]
fn i17_by_default_an_answer_fills_nothing() {
    let scene = Scene::start("when = \"always\"");
    let token = lightweight(&scene, json!({}));
    scene.endpoint.activate(&token, &answer(json!({})));
    scene.refuses("no audience", &token, Reason::AudienceMismatch);
    assert_eq!(scene.endpoint.count(), 0);
}

#[test]
fn i17_the_answer_fills_what_the_token_lacks_and_the_whole_is_checked() {
    let scene = filling();
    let token = lightweight(&scene, json!({}));
    scene.endpoint.activate(&token, &answer(json!({})));
    scene.admits_as("filled", &token, &IDENTITY);
    assert_eq!(scene.endpoint.count_of(&token), 1, "the second time from the cache");
    for (jti, changes, reason) in [
        ("2", json!({ "aud": "https://other.test" }), Reason::AudienceMismatch),
        ("3", json!({ "aud": null }), Reason::AudienceMismatch),
        ("4", json!({ "realm_access": { "roles": ["guest"] } }), Reason::ClaimNotPermitted),
        ("5", json!({ "sub": 7 }), Reason::ClaimMalformed),
        ("6", json!({ "cnf": { "jkt": "0ZcOCO" } }), Reason::BindingUnproven),
        ("7", json!({ "token_type": "Refresh" }), Reason::TokenTypeNotAllowed),
        ("8", json!({ "iss": "https://other.test" }), Reason::IssuerUnknown),
        ("9", json!({ "exp": 1 }), Reason::TokenExpired),
    ] {
        let token = lightweight(&scene, json!({ "jti": jti }));
        let mut answer = answer(changes);
        answer["jti"] = jti.into();
        scene.endpoint.activate(&token, &answer);
        scene.refuses(&answer.to_string(), &token, reason);
    }
    let inactive = lightweight(&scene, json!({ "jti": "10" }));
    scene.refuses("not active", &inactive, Reason::TokenInactive);
}

/// What is signed is not overridden by what is not.
#[test]
fn i17_an_answer_changes_nothing_that_the_token_says_itself() {
    let scene = filling();
    let other = json!({ "aud": "https://other.test", "jti": "1" });
    let token = lightweight(&scene, other);
    scene.endpoint.activate(&token, &answer(json!({ "jti": "1" })));
    scene.refuses("the token's own audience", &token, Reason::AudienceMismatch);
    let roles = json!({ "realm_access": { "roles": ["guest"] }, "jti": "2" });
    let token = lightweight(&scene, roles);
    scene.endpoint.activate(&token, &answer(json!({ "jti": "2" })));
    scene.refuses("the token's own roles", &token, Reason::ClaimNotPermitted);
    for (jti, own) in [
        ("3", json!({ "sub": "bob" })),
        ("4", json!({ "sid": "s2" })),
        ("5", json!({ "azp": "app" })),
        ("6", json!({ "client_id": "app" })),
    ] {
        let mut claims = own.clone();
        claims["jti"] = jti.into();
        let token = lightweight(&scene, claims);
        scene.endpoint.activate(&token, &answer(json!({ "jti": jti })));
        scene.refuses(&own.to_string(), &token, Reason::TokenInactive);
    }
    let token = lightweight(&scene, json!({ "jti": "7" }));
    scene.endpoint.activate(&token, &answer(json!({ "jti": "8" })));
    scene.refuses("an answer about another token", &token, Reason::TokenInactive);
}

#[test]
fn i17_a_forged_token_is_not_shown_to_the_endpoint() {
    let scene = filling();
    let claims = json!({ "iss": "https://idp.test", "exp": scene.world.issuer.claims()["exp"] });
    let forged = sign(&key(Algorithm::Es256, "ec"), json!({}), claims.to_string().as_bytes());
    scene.endpoint.activate(&forged, &answer(json!({})));
    scene.refuses("forged", &forged, Reason::SignatureInvalid);
    assert_eq!(scene.endpoint.count(), 0);
}
