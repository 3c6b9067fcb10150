//! I-3 … I-5: what an active token's claims have to be like, as for a JWT.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::{
    introspection::scene::{Scene, opaque},
    support::{NOW, setup::Setup},
};

#[track_caller]
fn assert_refused(scene: &Scene, changes: Value, reason: Reason) {
    let case = changes.to_string();
    let token = scene.active(&fresh(scene), changes);
    scene.refuses(&case, &token, reason);
}

#[track_caller]
fn assert_admitted(scene: &Scene, changes: Value) {
    let case = changes.to_string();
    let token = scene.active(&fresh(scene), changes);
    scene.admits(&case, &token);
}

/// A name that no token of the scene has yet.
fn fresh(scene: &Scene) -> String {
    format!("token-{}", scene.endpoint.count())
}

#[test]
fn i3_without_exp_an_active_token_passes_for_the_time_to_live() {
    let scene = Scene::start("cache_ttl = \"10s\"");
    let token = scene.active("endless", json!({ "exp": null }));
    scene.admits("without exp", &token);
    scene.world.proxy.advance(9);
    scene.admits("still remembered", &token);
    assert_eq!(scene.endpoint.count_of(&token), 1);
    scene.world.proxy.advance(1);
    scene.endpoint.revoke(&token);
    scene.refuses("asked about again", &token, Reason::TokenInactive);
}

#[test]
fn i4_active_or_not_its_own_times_hold() {
    let scene = Scene::with("", |setup| setup);
    assert_refused(&scene, json!({ "exp": NOW - 61 }), Reason::TokenExpired);
    assert_refused(&scene, json!({ "exp": 0 }), Reason::TokenExpired);
    assert_refused(&scene, json!({ "exp": -1 }), Reason::TokenExpired);
    assert_refused(&scene, json!({ "nbf": NOW + 61 }), Reason::TokenNotYetValid);
    for malformed in [json!("1900000300"), json!(true), json!([NOW]), json!({}), json!("")] {
        for name in ["exp", "nbf", "iat"] {
            assert_refused(&scene, json!({ name: malformed }), Reason::ClaimMalformed);
        }
    }
    assert_admitted(&scene, json!({ "exp": NOW + 1, "nbf": NOW, "iat": NOW }));
}

#[test]
fn i5_the_issuer_of_an_answer_is_the_issuer_or_absent() {
    let scene = Scene::start("");
    assert_admitted(&scene, json!({ "iss": null }));
    for wrong in ["https://other.test", "https://idp.test/", "https://IDP.test", "idp.test", ""] {
        assert_refused(&scene, json!({ "iss": wrong }), Reason::IssuerUnknown);
    }
    for malformed in [json!(["https://idp.test"]), json!(7), json!({})] {
        assert_refused(&scene, json!({ "iss": malformed }), Reason::ClaimMalformed);
    }
}

#[test]
fn i5_further_issuers_are_named_and_upstreams_know_one_name_only() {
    let scene = Scene::start("issuers = [\"https://internal.test\"]");
    assert_admitted(&scene, json!({ "iss": "https://internal.test" }));
    assert_refused(&scene, json!({ "iss": "https://other.test" }), Reason::IssuerUnknown);
    let any = Scene::start("issuers = \"any\"");
    assert_admitted(&any, json!({ "iss": "https://other.test" }));
}

#[test]
fn i5_a_token_for_another_service_is_refused() {
    let scene = Scene::start("");
    assert_admitted(&scene, json!({ "aud": ["https://x.test", "https://api.test"] }));
    for wrong in [json!(null), json!("https://x.test"), json!([]), json!("https://api.test/")] {
        assert_refused(&scene, json!({ "aud": wrong }), Reason::AudienceMismatch);
    }
    assert_refused(&scene, json!({ "aud": 7 }), Reason::ClaimMalformed);
    let other = Scene::start("audiences = [\"https://x.test\"]");
    assert_admitted(&other, json!({ "aud": "https://x.test" }));
    assert_refused(&other, json!({}), Reason::AudienceMismatch);
    let any = Scene::start("audiences = \"any\"");
    assert_admitted(&any, json!({ "aud": null }));
}

#[test]
fn i5_where_clients_are_named_no_other_passes() {
    let scene = Scene::start("client_ids = [\"web\", \"app\"]");
    assert_admitted(&scene, json!({ "client_id": "web" }));
    assert_admitted(&scene, json!({ "client_id": "app" }));
    for wrong in [json!(null), json!("we"), json!("Web"), json!("")] {
        assert_refused(&scene, json!({ "client_id": wrong }), Reason::ClientNotAllowed);
    }
    assert_refused(&scene, json!({ "client_id": ["web"] }), Reason::ClaimMalformed);
}

#[test]
fn i5_t19_only_access_tokens_pass() {
    let scene = Scene::start("");
    for good in [json!(null), json!("Bearer"), json!("bearer"), json!("JWT")] {
        assert_admitted(&scene, json!({ "token_type": good }));
    }
    for wrong in ["Refresh", "refresh_token", "mac", ""] {
        assert_refused(&scene, json!({ "token_type": wrong }), Reason::TokenTypeNotAllowed);
    }
    assert_refused(&scene, json!({ "token_type": true }), Reason::ClaimMalformed);
    let listed = Scene::start("token_types = [\"access_token\"]");
    assert_admitted(&listed, json!({ "token_type": "access_token" }));
    assert_refused(&listed, json!({ "token_type": "Bearer" }), Reason::TokenTypeNotAllowed);
}

#[test]
fn t24_an_answer_that_says_that_it_is_about_another_token_opens_nothing() {
    let scene = Scene::start("");
    for (whose, other) in [
        ("Hydra's refresh token", json!({ "token_type": "Bearer", "token_use": "refresh_token" })),
        ("Keycloak's ID token", json!({ "typ": "ID" })),
        ("Keycloak's refresh token", json!({ "typ": "Refresh" })),
        ("a refresh token by its type", json!({ "type": "refresh" })),
        ("Cognito's ID token", json!({ "token_use": "id" })),
        ("an ID token", json!({ "at_hash": "x" })),
        ("an e-mail token", json!({ "purpose": "verify_email" })),
        ("a security event", json!({ "events": { "urn:x:y": {} } })),
    ] {
        let token = scene.active(&fresh(&scene), other);
        scene.refuses(whose, &token, Reason::TokenTypeNotAllowed);
    }
    for (whose, access) in [
        ("Hydra", json!({ "token_type": "Bearer", "token_use": "access_token" })),
        ("Keycloak", json!({ "token_type": "Bearer", "typ": "Bearer", "acr": "1", "azp": "web" })),
        ("a step-up", json!({ "acr": "mfa", "auth_time": NOW })),
    ] {
        let token = scene.active(&fresh(&scene), access);
        scene.admits(whose, &token);
    }
}

/// Spring Authorization Server and oidc-provider say of their refresh tokens less than of their
/// access tokens, and nothing that is wrong.
#[test]
fn t24_members_that_only_access_tokens_have_can_be_required() {
    let of_a_refresh_token = json!({ "sub": null, "scope": null, "aud": null, "client_id": "web" });
    let scene = Scene::start("audiences = \"any\"\nrequire = [\"token_type\"]");
    assert_refused(&scene, of_a_refresh_token, Reason::ClaimMissing);
    assert_admitted(&scene, json!({ "token_type": "Bearer", "aud": null }));
    let scene = Scene::with("", |setup| {
        let rules = "[issuers.corp]\nrequire_values = { token_use = \"access_token\" }\n";
        setup.rewritten("[issuers.corp]\n", rules)
    });
    assert_refused(&scene, json!({}), Reason::ClaimMissing);
    assert_refused(&scene, json!({ "token_use": "x" }), Reason::ClaimValueNotAllowed);
    assert_admitted(&scene, json!({ "token_use": "access_token" }));
}

#[test]
fn c12_a_bound_token_passes_where_another_proxy_checks_its_proof() {
    let waived = |setup: Setup| {
        setup.rewritten("[issuers.corp]\n", "[issuers.corp]\nignore_binding = true\n")
    };
    let scene = Scene::with("", waived);
    let bound = json!({ "token_type": "DPoP", "typ": "DPoP", "cnf": { "jkt": "0ZcOCO" } });
    assert_admitted(&scene, bound);
    assert_refused(&scene, json!({ "token_type": "mac" }), Reason::TokenTypeNotAllowed);
}

#[test]
fn c12_a_bound_token_is_no_bearer_token() {
    let scene = Scene::start("");
    let bound = json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } });
    assert_refused(&scene, bound, Reason::BindingUnproven);
    assert_refused(&scene, json!({ "token_type": "DPoP" }), Reason::BindingUnproven);
}

#[test]
fn the_subject_is_the_first_that_is_named() {
    let scene = Scene::start("");
    admits_as(&scene, json!({ "username": "bob", "client_id": "web" }), Some("alice"));
    let both = json!({ "sub": null, "username": "bob", "client_id": "web" });
    admits_as(&scene, both.clone(), Some("bob"));
    admits_as(&scene, json!({ "sub": "", "client_id": "web" }), Some("web"));
    admits_as(&scene, json!({ "sub": null }), None);
    let by_client = Scene::start("subject = [\"client_id\"]");
    admits_as(&by_client, both, Some("web"));
    admits_as(&by_client, json!({ "client_id": "web" }), Some("web"));
}

fn admits_as(scene: &Scene, changes: Value, subject: Option<&str>) {
    let case = changes.to_string();
    let token = scene.active(&fresh(scene), changes);
    let mut identity = vec![("x-auth-issuer", "https://idp.test"), ("x-auth-scope", "read")];
    identity.extend(subject.map(|subject| ("x-auth-subject", subject)));
    scene.admits_as(&case, &token, &identity);
}

/// Else all users whose name is written so would be one and the same.
#[test]
fn c14_a_subject_of_the_wrong_type_is_not_passed_over_for_another_name() {
    let scene = Scene::start("");
    for changes in [
        json!({ "sub": 42, "client_id": "app" }),
        json!({ "sub": 43, "client_id": "app" }),
        json!({ "sub": ["u"], "client_id": "app" }),
        json!({ "sub": true, "username": "carol" }),
        json!({ "sub": { "id": 7 }, "username": "carol" }),
        json!({ "sub": null, "username": 7, "client_id": "app" }),
        json!({ "sid": 7 }),
    ] {
        assert_refused(&scene, changes, Reason::ClaimMalformed);
    }
    let by_name = Scene::start("subject = [\"uid\", \"sub\"]");
    assert_refused(&by_name, json!({ "uid": 7 }), Reason::ClaimMalformed);
    assert_refused(&by_name, json!({ "uid": "u", "sub": 7 }), Reason::ClaimMalformed);
}

#[test]
fn c17_an_integer_subject_of_an_answer_is_taken_by_the_setting_of_the_issuer() {
    let scene = Scene::with("", |setup| {
        setup.rewritten("[issuers.corp]\n", "[issuers.corp]\ninteger_subject = true\n")
    });
    admits_as(&scene, json!({ "sub": 42, "client_id": "app" }), Some("42"));
    admits_as(&scene, json!({ "sub": 43, "client_id": "app" }), Some("43"));
    for sub in [json!(true), json!(1.5), json!(["u"])] {
        let changes = json!({ "sub": sub, "client_id": "app" });
        assert_refused(&scene, changes, Reason::ClaimMalformed);
    }
    let other_name = json!({ "sub": null, "username": 7 });
    assert_refused(&scene, other_name, Reason::ClaimMalformed);
}

#[test]
fn c15_c16_dates_and_nulls_of_an_answer_are_read_as_those_of_a_jwt() {
    let scene = Scene::start("");
    for impossible in [NOW * 1000, i64::MAX, i64::MIN] {
        for name in ["exp", "nbf", "iat"] {
            assert_refused(&scene, json!({ name: impossible }), Reason::ClaimMalformed);
        }
    }
    let mut claims = crate::introspection::scene::claims(json!({ "exp": 7_931_520_000_i64 }));
    for name in ["cnf", "nbf", "iat", "iss", "jti", "token_type", "client_id", "username", "azp"] {
        claims[name] = Value::Null;
    }
    let token = opaque("nulls");
    scene.endpoint.activate(&token, &claims);
    scene.admits("nulls, until 2221", &token);
}

#[test]
fn claims_that_the_issuer_requires_are_required_here_too() {
    let scene = Scene::with("", require_tenant);
    assert_refused(&scene, json!({}), Reason::ClaimMissing);
    assert_admitted(&scene, json!({ "tenant": "t1" }));
}

fn require_tenant(setup: Setup) -> Setup {
    setup.rewritten("[issuers.corp]\n", "[issuers.corp]\nrequire = [\"tenant\"]\n")
}

#[test]
fn c11_members_of_an_answer_are_as_well_formed_as_claims() {
    let scene = Scene::start("");
    for (name, value) in [("sub", json!(7)), ("username", json!([])), ("jti", json!(true))] {
        assert_refused(&scene, json!({ name: value }), Reason::ClaimMalformed);
    }
    assert_refused(&scene, json!({ "scope": 7 }), Reason::ClaimMalformed);
    let unrenderable = opaque("unrenderable");
    scene
        .endpoint
        .activate(&unrenderable, &crate::introspection::scene::claims(json!({ "sub": "a\u{0}b" })));
    let identity = [
        ("x-auth-issuer", "https://idp.test"),
        ("x-auth-scope", "read"),
        ("x-auth-subject", "a%00b"),
    ];
    scene.admits_as("what a header can't hold is escaped", &unrenderable, &identity);
}
