//! Back-channel logouts that are none: every way in which a logout token can be no good.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use super::logout::{claims, logout_token, outcomes, post, world_with};
use crate::support::{
    NOW,
    client::{Answer, Request},
    issuer::{self, Issuer},
    key_server::Page,
    wait_until,
    world::{JWKS, World},
};

/// The token is refused with 400 for that reason, and no user has been logged out.
#[track_caller]
fn refuses(world: &World, case: &str, token: &str, code: &str) {
    let answer = post(world, token);
    assert_bad_request(case, &answer, code);
    world.admits(case, &world.issuer.mint(json!({ "sid": "s1" })));
}

#[track_caller]
fn assert_bad_request(case: &str, answer: &Answer, description: &str) {
    assert_eq!(answer.status, 400, "{case}: {answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"), "{case}");
    assert_eq!(answer.field("content-type"), Some("application/json"), "{case}");
    let body: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
    assert_eq!(body["error"], "invalid_request", "{case}");
    assert_eq!(body["error_description"], description, "{case}");
}

#[test]
fn claims_that_are_no_logout() {
    let world = world_with("");
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let long = "x".repeat(513);
    for (case, changes, code) in [
        ("no iss", json!({ "iss": null }), "claim_missing"),
        ("another iss", json!({ "iss": "https://other.test" }), "issuer_unknown"),
        ("no aud", json!({ "aud": null }), "audience_mismatch"),
        ("the API's aud", json!({ "aud": "https://api.test" }), "audience_mismatch"),
        ("an aud of another kind", json!({ "aud": 1 }), "claim_malformed"),
        ("no iat", json!({ "iat": null }), "claim_missing"),
        ("an iat that is text", json!({ "iat": NOW.to_string() }), "claim_malformed"),
        ("from the future", json!({ "iat": NOW + 61 }), "token_issued_in_future"),
        ("too old", json!({ "iat": NOW - 361 }), "logout_too_old"),
        ("too old, without exp", json!({ "iat": NOW - 361, "exp": null }), "logout_too_old"),
        ("expired", json!({ "exp": NOW - 60 }), "token_expired"),
        ("an exp that is text", json!({ "exp": "never" }), "claim_malformed"),
        ("no jti", json!({ "jti": null }), "claim_missing"),
        ("an empty jti", json!({ "jti": "" }), "claim_malformed"),
        ("a jti that is a number", json!({ "jti": 1 }), "claim_malformed"),
        ("a long jti", json!({ "jti": long }), "claim_malformed"),
        ("no events", json!({ "events": null }), "logout_event_missing"),
        ("other events", json!({ "events": { "x": {} } }), "logout_event_missing"),
        ("events as a list", json!({ "events": [event] }), "logout_event_missing"),
        ("events as text", json!({ "events": event }), "logout_event_missing"),
        (
            "an event that is no object",
            json!({ "events": { event: true } }),
            "logout_event_missing",
        ),
        ("a nonce", json!({ "nonce": "n" }), "logout_with_nonce"),
        ("an empty nonce", json!({ "nonce": "" }), "logout_with_nonce"),
        ("neither sub nor sid", json!({ "sid": null }), "logout_names_nobody"),
        ("an empty sid", json!({ "sid": "" }), "claim_malformed"),
        ("a sid that is a number", json!({ "sid": 1 }), "claim_malformed"),
        ("an empty sub beside it", json!({ "sub": "" }), "claim_malformed"),
        ("a long sid", json!({ "sid": long }), "claim_malformed"),
    ] {
        let mut of_session = json!({ "sid": "s1" });
        of_session.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        refuses(&world, case, &logout_token(&world, of_session), code);
    }
    refuses(
        &world,
        "an access token",
        &world.issuer.mint(json!({ "sid": "s1" })),
        "logout_event_missing",
    );
    let id_token = json!({ "aud": "web", "sid": "s1", "nonce": "n", "at_hash": "h" });
    refuses(&world, "an ID token", &world.issuer.mint(id_token), "logout_with_nonce");
}

#[test]
fn headers_that_are_no_logout() {
    let world = world_with("");
    for (case, header, code) in [
        ("an access token's type", json!({ "typ": "at+jwt" }), "token_type_not_allowed"),
        ("a DPoP proof's type", json!({ "typ": "dpop+jwt" }), "token_type_not_allowed"),
        ("no algorithm", json!({ "alg": "none" }), "algorithm_unsupported"),
        ("a shared secret", json!({ "alg": "HS256" }), "algorithm_not_allowed"),
        ("another algorithm", json!({ "alg": "ES384" }), "algorithm_not_allowed"),
        ("one that the key has not", json!({ "alg": "RS256" }), "key_unsuitable"),
        ("another key", json!({ "kid": "rsa" }), "key_unsuitable"),
        ("an unknown key", json!({ "kid": "unknown" }), "kid_unknown"),
        ("something critical", json!({ "crit": ["x"], "x": 1 }), "critical_unknown"),
    ] {
        let token = world.issuer.mint_with(header, claims(json!({ "sid": "s1" })));
        refuses(&world, case, &token, code);
    }
}

#[test]
fn forged_signatures() {
    let world = world_with("");
    let forger = world.issuer.with_keys(vec![issuer::key(Algorithm::Es256, "ec")]);
    let forged = forger.mint_with(json!({ "typ": "logout+jwt" }), claims(json!({ "sid": "s1" })));
    refuses(&world, "another key of that name", &forged, "signature_invalid");
    let good = logout_token(&world, json!({ "sid": "s2" }));
    let other = logout_token(&world, json!({ "sid": "s1" }));
    let ([header, _, signature], [_, payload, _]) = (issuer::parts(&good), issuer::parts(&other));
    let mixed = format!("{header}.{payload}.{signature}");
    refuses(&world, "another payload", &mixed, "signature_invalid");
    for (case, token) in [
        ("no signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("no token", "x".to_owned()),
        ("nothing", String::new()),
        ("a blank", format!("+{other}")),
    ] {
        refuses(&world, case, &token, "token_malformed");
    }
    let jwe = format!("{other}.a.b");
    refuses(&world, "encrypted", &jwe, "token_encrypted");
    // The refusals of a forger are no hindrance to the real one.
    assert_eq!(post(&world, &other).status, 200);
    assert!((outcomes(&world, "corp", "signature_invalid") - 2.0).abs() < 0.5);
}

#[test]
fn requests_that_hold_no_logout_token() {
    let world = world_with("");
    let token = logout_token(&world, json!({ "sid": "s1" }));
    let form = "application/x-www-form-urlencoded";
    let ask = |content_type: &str, body: &str| {
        let request = Request::new("POST", "/backchannel-logout");
        let request = request.field("content-type", content_type).body(body.as_bytes());
        world.proxy.ask_admin(&request)
    };
    let one = format!("logout_token={token}");
    let exactly_one = "expected exactly one logout_token";
    for (case, content_type, body, problem) in [
        ("empty", form, String::new(), exactly_one),
        ("another name", form, format!("token={token}"), exactly_one),
        ("two", form, format!("{one}&{one}"), exactly_one),
        ("JSON", "application/json", one.clone(), "expected application/x-www-form-urlencoded"),
        (
            "too long",
            form,
            format!("{one}&x={}", "x".repeat(65_536)),
            "the body is too long or incomplete",
        ),
    ] {
        assert_bad_request(case, &ask(content_type, &body), problem);
    }
    let get = world.proxy.admin("/backchannel-logout");
    assert_eq!((get.status, get.field("allow")), (405, Some("POST")));
    let elsewhere = world.proxy.ask_admin(&Request::new("POST", "/config").body(one.as_bytes()));
    assert_eq!((elsewhere.status, elsewhere.field("allow")), (405, Some("GET, HEAD")));
    // Requests come in elsewhere: there it is a path like any other.
    let request = Request::new("POST", "/backchannel-logout").field("content-type", form);
    world.refuses_request(
        "the data port",
        &request.body(one.as_bytes()),
        Reason::CredentialMissing,
    );
    assert!((outcomes(&world, "", "request_malformed") - 5.0).abs() < 0.5);
    let more = ask(form, &format!("state=x&{one}&y"));
    assert_eq!(more.status, 200, "other parameters do no harm");
}

#[test]
fn without_keys_the_issuer_is_asked_to_try_again() {
    let world = World::unready(
        Issuer::usual(),
        "backchannel_logout.client_ids = [\"web\"]\n",
        "",
        Page::hang_up(),
    );
    let failed = r#"countersign_key_refreshes_total{issuer="corp",outcome="interrupted"}"#;
    wait_until("an attempt", || world.proxy.metric(failed) > 0.5);
    let token = logout_token(&world, json!({ "sid": "s1" }));
    let answer = post(&world, &token);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.field("retry-after").is_some());
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    world.key_server.serve(JWKS, Page::json(&world.issuer.jwks()));
    world.proxy.wait_until_ready();
    assert_eq!(post(&world, &token).status, 200, "the same token");
}
