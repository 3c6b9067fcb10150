//! INV-5 to INV-7: the key server is spared, decisions are the same however they are reached,
//! and in doubt the answer is no.

use std::thread;

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::Request,
    issuer::{self, Issuer},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::{Reply, Upstream},
    world::{World, identity},
};

#[test]
fn inv5_d6_hostile_tokens_do_not_reach_the_key_server() {
    let world = World::start();
    let fetches = world.key_server.count();
    let forger = issuer::key(Algorithm::Es256, "ec");
    let claims = world.issuer.claims().to_string();
    for n in 0..100 {
        let forged = issuer::sign(&forger, json!({ "n": n }), claims.as_bytes());
        world.refuses("forged", &forged, Reason::SignatureInvalid);
        let kid = json!({ "kid": format!("k{n}") });
        world.refuses("kid", &world.issuer.sign(kid, &claims), Reason::KidUnknown);
        let iss = json!({ "iss": format!("https://{n}.test") });
        world.refuses("iss", &world.issuer.mint(iss), Reason::IssuerUnknown);
    }
    assert_eq!(world.key_server.count(), fetches, "the budget within a cooldown is none");
}

/// A token and what is right: the status, the reason, the principal.
type Verdict = (u16, Option<String>, Option<String>);

#[test]
fn inv6_a_decision_is_the_same_cold_warm_and_64_at_once() {
    let world = World::with_setup(|setup| setup.server("workers = 2"));
    let forger = issuer::key(Algorithm::Es256, "ec");
    let claims = world.issuer.claims().to_string();
    let cases: Vec<(String, Verdict)> = [
        (world.issuer.mint(json!({})), None, Some("alice")),
        (world.issuer.mint(json!({ "sub": "bob" })), None, Some("bob")),
        (world.issuer.mint(json!({ "exp": NOW - 61 })), Some(Reason::TokenExpired), None),
        (issuer::sign(&forger, json!({}), claims.as_bytes()), Some(Reason::SignatureInvalid), None),
        (world.issuer.mint_with(json!({ "kid": "x" }), json!({})), Some(Reason::KidUnknown), None),
        (world.issuer.mint(json!({ "aud": "x" })), Some(Reason::AudienceMismatch), None),
        ("a.b.c".to_owned(), Some(Reason::TokenMalformed), None),
    ]
    .into_iter()
    .map(|(token, reason, sub)| {
        let status = if reason.is_some() { 401 } else { 200 };
        let reason = reason.map(|reason| reason.code().to_owned());
        (token, (status, reason, sub.map(str::to_owned)))
    })
    .collect();
    world.upstream.answer_by(Reply::echo);
    // The first of the 64 finds the caches cold; the second round finds them warm.
    for round in ["cold", "warm"] {
        thread::scope(|scope| {
            for n in 0..64 {
                let (world, cases) = (&world, &cases);
                scope.spawn(move || {
                    for k in 0..cases.len() {
                        let (token, expected) = &cases[(n + k) % cases.len()];
                        let found = verdict(world, token);
                        assert_eq!(&found, expected, "INV-6, {round}: {token}");
                    }
                });
            }
        });
    }
}

/// What the proxy decides, and in whose name; the upstream tells by echoing.
fn verdict(world: &World, token: &str) -> Verdict {
    let answer = world.proxy.get("/", Some(token));
    if !answer.is_from_upstream() {
        return (answer.status, answer.reason(), None);
    }
    let echo: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
    let fields = echo["fields"].as_array().unwrap();
    let subject = fields.iter().find(|field| field[0] == "x-auth-subject");
    let subject = subject.and_then(|field| field[1].as_str()).map(str::to_owned);
    (answer.status, None, subject)
}

#[test]
fn inv7_what_has_no_route_is_refused() {
    let world = World::with_setup(|setup| {
        setup.routes(
            "[[routes]]\npath = \"/known\"\n[[routes]]\npath = \"/open\"\naccess = \"public\"",
        )
    });
    let token = world.issuer.mint(json!({}));
    for path in ["/", "/unknown", "/known/", "/known/x", "/Known", "/open/", "/open/x"] {
        let request = Request::get(path).bearer(&token);
        world.refuses_request(path, &request, Reason::RouteUnknown);
        world.refuses_request(path, &Request::get(path), Reason::RouteUnknown);
    }
    let request = Request::get("/known").bearer(&token);
    world.admits_request("known", &request, &identity(&token));
}

#[test]
fn inv7_x1_a_configuration_that_is_not_understood_does_not_start() {
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    let usual = || Setup::new().issuer("corp", &issuer, &key_server, "", "");
    for (setup, named) in [
        (usual().with("[unknown]\nx = 1"), "unknown"),
        (usual().with("[forwarding]\ndrop_underscore = true"), "drop_underscores"),
        (Setup::new().issuer("corp", &issuer, &key_server, "clockskew = \"1s\"", ""), "clock_skew"),
        (Setup::new().issuer("corp", &issuer, &key_server, "", "max_stale = \"1s\""), "max_stale"),
        (usual().routes(""), "routes"),
        (usual().routes("[[routes]]\npath = \"/**\"\nissuers = [\"crop\"]"), "corp"),
        (usual().routes("[[routes]]\npath = \"/**\"\nscope = [\"a\"]"), "scopes"),
        (usual().routes("[[routes]]\npath = \"/**\"\naccess = \"open\""), "public"),
        (Setup::new(), "issuer"),
    ] {
        let errors = setup.load(&upstream).unwrap_err().to_string();
        assert!(errors.contains(named), "{named}: {errors}");
    }
}

#[test]
fn inv7_without_keys_the_answer_is_neither_yes_nor_no() {
    for page in [Page::hang_up(), Page::text("{\"keys\":[]}"), Page::status(500)] {
        let world = World::unready(Issuer::usual(), "", "", page);
        world.refuses("no keys", &world.issuer.mint(json!({})), Reason::KeysUnavailable);
        world.refuses(
            "still a no",
            &world.issuer.mint(json!({ "aud": "x" })),
            Reason::AudienceMismatch,
        );
    }
}
