//! C-7 and C-9: for whom a token is, and for what.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    issuer::AUDIENCE,
    world::{World, identity},
};

#[test]
fn c07_one_audience_matches_exactly() {
    let world = World::start();
    for aud in [
        json!(AUDIENCE),
        json!([AUDIENCE]),
        json!(["https://other.test", AUDIENCE]),
        json!([AUDIENCE, "https://other.test"]),
    ] {
        world.admits(&aud.to_string(), &world.issuer.mint(json!({ "aud": aud })));
    }
    for aud in [
        json!(""),
        json!([]),
        json!(["https://other.test"]),
        json!("https://api.test/"),
        json!("https://api.tes"),
        json!("https://api.test.evil.example"),
        json!("https://API.test"),
        json!(" https://api.test"),
        json!("https://other.test https://api.test"),
        json!("https://other.test,https://api.test"),
        json!("any"),
        json!("*"),
    ] {
        let token = world.issuer.mint(json!({ "aud": aud }));
        world.refuses(&aud.to_string(), &token, Reason::AudienceMismatch);
    }
    world.refuses("none", &world.issuer.mint(json!({ "aud": null })), Reason::AudienceMismatch);
    let others = json!({ "aud": null, "azp": AUDIENCE, "Aud": AUDIENCE, "resource": AUDIENCE });
    world.refuses("elsewhere", &world.issuer.mint(others), Reason::AudienceMismatch);
}

#[test]
fn c07_a_wrongly_typed_audience_is_malformed_even_beside_a_match() {
    for rules in ["", "audiences = \"any\""] {
        let world = World::with_rules(rules);
        for aud in [
            json!([AUDIENCE, 17]),
            json!([17, AUDIENCE]),
            json!([AUDIENCE, null]),
            json!([[AUDIENCE]]),
            json!({ "aud": AUDIENCE }),
            json!(17),
            json!(true),
        ] {
            let token = world.issuer.mint_text("aud", &aud.to_string());
            world.refuses(&format!("{rules} {aud}"), &token, Reason::ClaimMalformed);
        }
    }
}

#[test]
fn c07_any_audience_only_if_the_operator_says_so() {
    let world = World::with_rules("audiences = \"any\"");
    for aud in [json!(null), json!([]), json!("https://other.test")] {
        world.admits(&aud.to_string(), &world.issuer.mint(json!({ "aud": aud })));
    }
}

/// A route that asks for the scope `read`, one for all of two, and one for any of two.
fn scoped() -> World {
    World::with_setup(|setup| {
        setup.with("[claims]\nx-auth-subject = \"sub\"\nx-auth-issuer = \"iss\"").routes(
            r#"
                [[routes]]
                path = "/read"
                scopes = ["read"]
                [[routes]]
                path = "/both"
                scopes = ["read", "write"]
                [[routes]]
                path = "/either"
                any_scopes = ["read", "write"]
                "#,
        )
    })
}

fn to(path: &str, token: &str) -> Request {
    Request::get(path).bearer(token)
}

#[test]
fn c09_scopes_are_separated_by_spaces_and_compared_exactly() {
    let world = scoped();
    let who = identity(&world.issuer.mint(json!({})));
    for scope in [
        json!("read"),
        json!("read write"),
        json!("write read"),
        json!("a  read"),
        json!("read "),
        json!(["read"]),
        json!(["write", "read"]),
    ] {
        for claim in ["scope", "scp"] {
            let token = world.issuer.mint(json!({ claim: scope }));
            world.admits_request(&format!("{claim} {scope}"), &to("/read", &token), &who);
        }
    }
    for scope in [
        json!(""),
        json!(" "),
        json!("readall"),
        json!("rea"),
        json!("read:all"),
        json!("READ"),
        json!("read,write"),
        json!("read;write"),
        json!("read\twrite"),
        json!("read\nwrite"),
        json!("read\u{a0}write"),
        json!("read\u{2003}write"),
        json!("read\0"),
        json!("\"read\""),
        json!("*"),
        json!([]),
        json!(["read write"]),
        json!(["read "]),
    ] {
        for claim in ["scope", "scp"] {
            let token = world.issuer.mint(json!({ claim: scope }));
            let case = format!("{claim} {scope}");
            world.refuses_request(&case, &to("/read", &token), Reason::ScopeInsufficient);
        }
    }
    let none = world.issuer.mint(json!({}));
    world.refuses_request("none", &to("/read", &none), Reason::ScopeInsufficient);
}

#[test]
fn c09_a_wrongly_typed_scope_is_malformed() {
    let world = scoped();
    for scope in
        [json!(17), json!(true), json!({ "read": true }), json!(["read", 17]), json!([["read"]])]
    {
        for claim in ["scope", "scp"] {
            let token = world.issuer.mint(json!({ claim: scope }));
            world.refuses_request(&scope.to_string(), &to("/read", &token), Reason::ClaimMalformed);
        }
    }
    // `scope` speaks for itself: `scp` does not add to it.
    let both = world.issuer.mint(json!({ "scope": "write", "scp": "read" }));
    world.refuses_request("scope and scp", &to("/read", &both), Reason::ScopeInsufficient);
}

#[test]
fn c09_all_or_any_of_several_scopes() {
    let world = scoped();
    let who = identity(&world.issuer.mint(json!({})));
    for (path, scope, admitted) in [
        ("/both", "read write", true),
        ("/both", "write x read", true),
        ("/both", "read", false),
        ("/both", "write", false),
        ("/both", "read read", false),
        ("/either", "read", true),
        ("/either", "write", true),
        ("/either", "read write", true),
        ("/either", "other", false),
    ] {
        let token = world.issuer.mint(json!({ "scope": scope }));
        let case = format!("{path} with {scope}");
        if admitted {
            world.admits_request(&case, &to(path, &token), &who);
        } else {
            world.refuses_request(&case, &to(path, &token), Reason::ScopeInsufficient);
        }
    }
}

#[test]
fn c09_the_challenge_names_the_scopes_of_the_route() {
    let world = scoped();
    let answer = world.proxy.get("/both", Some(&world.issuer.mint(json!({ "scope": "read" }))));
    let challenge = r#"Bearer error="insufficient_scope", scope="read write""#;
    assert_eq!(answer.field("www-authenticate"), Some(challenge));
}
