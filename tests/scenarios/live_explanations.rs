//! `POST /explain` on the private listener: the verdict on a request that no client has sent.

mod own_answers;
mod signatures;

use std::time::{Duration, Instant};

use countersign::jose::Algorithm;
use rcgen::{DistinguishedName, DnType};
use serde_json::{Value, json};

use crate::{
    introspection::scene::Scene,
    support::{
        authority::Authority,
        client::{Answer, Request},
        issuer::{Issuer, key},
        key_server::{KeyServer, Page},
        setup::Setup,
        upstream::Upstream,
        wait_until,
        world::{JWKS, World},
    },
};

const CONTROL: &str = "[control]\nlisten = \"127.0.0.1:0\"\n";

fn world() -> World {
    World::with_setup(|setup| setup.with(CONTROL))
}

fn post(world: &World, body: &[u8]) -> Answer {
    world.proxy.ask_control(&Request::to("localhost", "POST", "/explain").body(body))
}

fn explain(world: &World, asked: &Value) -> Value {
    let mut answer = post(world, asked.to_string().as_bytes());
    wait_until("its turn", || {
        let is_answered = answer.status != 429;
        if !is_answered {
            answer = post(world, asked.to_string().as_bytes());
        }
        is_answered
    });
    let text = String::from_utf8(answer.body.bytes).unwrap();
    assert_eq!(answer.status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn with_token(token: &str) -> Value {
    json!({ "path": "/loans/1", "headers": { "authorization": format!("Bearer {token}") } })
}

/// The checks with that outcome.
fn checks(explanation: &Value, outcome: &str) -> Vec<String> {
    let all = explanation["checks"].as_array().unwrap().iter();
    let had = all.filter(|check| check["outcome"] == outcome);
    had.map(|check| check["check"].as_str().unwrap().to_owned()).collect()
}

/// The settings of what was not checked.
fn unchecked(explanation: &Value) -> Vec<String> {
    let all = explanation["not_checked"].as_array().unwrap().iter();
    all.map(|missing| missing["check"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_request_that_would_pass_is_shown_check_by_check_and_as_it_is_forwarded() {
    let world = world();
    let token = world.issuer.mint(json!({ "sub": "alice" }));
    let mut asked = with_token(&token);
    asked["headers"]["x-auth-subject"] = json!("mallory");
    let explanation = explain(&world, &asked);
    assert_eq!(explanation["verdict"], "admitted", "{explanation}");
    assert_eq!((&explanation["route"], &explanation["issuer"]), (&json!("/**"), &json!("corp")));
    let passed = checks(&explanation, "passed");
    assert_eq!(passed.len(), explanation["checks"].as_array().unwrap().len());
    let (first, last) = (&passed[..3], &passed[passed.len() - 2..]);
    assert_eq!(first, ["request", "route", "credential"]);
    assert_eq!(last, ["requirement", "forwarded path"]);
    assert!(passed.iter().any(|check| check == "signature"), "{passed:?}");
    let forwarded = &explanation["forwarded"];
    assert_eq!((&forwarded["upstream"], &forwarded["path"]), (&json!("app"), &json!("/loans/1")));
    let names = forwarded["headers"].as_array().unwrap();
    assert!(names.contains(&json!("x-auth-subject")), "{names:?}");
    assert!(!names.contains(&json!("authorization")), "the token is not passed on: {names:?}");
    assert!(forwarded["claims"].is_null(), "not unasked");
    asked["show_claims"] = json!(true);
    let claims = explain(&world, &asked)["forwarded"]["claims"].clone();
    assert!(claims.as_array().unwrap().contains(&json!(["x-auth-subject", "alice"])), "{claims}");
    assert_eq!(world.upstream.record().count(), 0, "nothing is forwarded");
    let forged = "countersign_identity_headers_removed_total{header=\"(managed)\"";
    let removed = world.proxy.metrics();
    let removed = removed.lines().filter(|line| line.starts_with(forged));
    assert!(removed.clone().count() == 1 && removed.clone().all(|line| line.ends_with(" 0")));
    assert!(!world.proxy.logs().contains("a client has set an identity header"));
}

#[test]
fn routes_without_a_token_are_explained_as_well() {
    let routes = "[[routes]]\npath = \"/open\"\naccess = \"public\"\n\
                  [[routes]]\npath = \"/old\"\nredirect = { to = \"/new\" }\n\
                  [[routes]]\npath = \"/near\"\naccess = \"public\"\n\
                  addresses = { allow = [\"192.0.2.0/24\"] }";
    let world = World::with_setup(|setup| setup.with(CONTROL).routes(routes));
    let open = explain(&world, &json!({ "path": "/open" }));
    assert_eq!(
        (&open["verdict"], &open["forwarded"]["path"]),
        (&json!("admitted"), &json!("/open"))
    );
    let old = explain(&world, &json!({ "path": "/old?q=1" }));
    assert_eq!((&old["verdict"], &old["redirect"]), (&json!("admitted"), &json!("/new")), "{old}");
    assert!(old["forwarded"].is_null(), "{old}");
    let near = explain(&world, &json!({ "path": "/near" }));
    assert_eq!(unchecked(&near), ["addresses"]);
    let far = explain(&world, &json!({ "path": "/near", "client": "198.51.100.1" }));
    assert_eq!(far["reason"], "address_not_allowed", "{far}");
    let near = explain(&world, &json!({ "path": "/near", "client": "192.0.2.7" }));
    assert_eq!((&near["verdict"], &near["not_checked"]), (&json!("admitted"), &json!([])));
}

#[test]
fn the_check_that_fails_is_the_one_that_refuses_the_request_itself() {
    let world = world();
    let mint = |changes| world.issuer.mint(changes);
    let other = world.issuer.mint_with(json!({ "kid": "other" }), json!({}));
    for (asked, reason, failed) in [
        (json!({ "path": "/x" }), "credential_missing", "credential"),
        (with_token("a b"), "credential_malformed", "credential"),
        (with_token(&mint(json!({ "aud": "other" }))), "audience_mismatch", "audience"),
        (with_token(&other), "kid_unknown", "key"),
        (json!({ "path": "/a/../b" }), "request_not_canonical", "request"),
    ] {
        let explanation = explain(&world, &asked);
        assert_eq!(explanation["verdict"], "refused", "{explanation}");
        assert_eq!(explanation["reason"], reason, "{explanation}");
        assert_eq!(checks(&explanation, "failed"), [failed], "{explanation}");
        let mut request = Request::get(asked["path"].as_str().unwrap());
        if let Some(value) = asked["headers"]["authorization"].as_str() {
            request = request.field("authorization", value);
        }
        let refused = world.proxy.exchange(&request).reason();
        assert_eq!(refused.as_deref(), Some(reason), "a request's own verdict");
    }
}

#[test]
fn a_refusal_says_what_was_found_of_which_issuer_and_which_checks_were_not_reached() {
    let world = world();
    let explanation = explain(&world, &with_token(&world.issuer.mint(json!({ "exp": 1 }))));
    assert_eq!(explanation["reason"], "token_expired", "{explanation}");
    assert_eq!(explanation["issuer"], "corp", "{explanation}");
    let subject = explanation["subject"].as_str().unwrap();
    assert!(subject.starts_with("claim 'exp' is in the past; found: 1,"), "{subject}");
    assert_eq!(checks(&explanation, "failed"), ["times"], "{explanation}");
    let not_reached = checks(&explanation, "not_reached");
    assert_eq!(not_reached[..2], ["required", "audience"], "{explanation}");
    assert!(not_reached.iter().any(|check| check == "signature"), "{explanation}");
}

#[test]
fn a_verdict_that_is_missing_the_keys_is_no_refusal() {
    let (issuer, upstream, key_server) = (Issuer::usual(), Upstream::start(), KeyServer::start());
    key_server.serve(JWKS, Page::hang_up());
    let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "").with(CONTROL);
    let proxy = setup.start_unready(&upstream);
    let world = World { proxy, upstream, key_server, issuer };
    let explanation = explain(&world, &with_token(&world.issuer.mint(json!({}))));
    assert_eq!(explanation["verdict"], "cannot_decide", "{explanation}");
    assert_eq!(explanation["reason"], "keys_unavailable", "{explanation}");
}

#[test]
fn the_keys_and_the_configuration_are_those_of_this_moment() {
    let often = "cooldown = \"1s\"\njwks_url";
    let world = World::with_setup(|setup| setup.with(CONTROL).rewritten("jwks_url", often));
    let next = world.issuer.with_keys(vec![key(Algorithm::Es256, "next")]);
    let token = next.mint(json!({}));
    world.key_server.serve(JWKS, Page::json(&next.jwks()));
    // An unknown kid has the keys fetched, once per cooldown; explanations have a rate of their own.
    wait_until("the new key", || {
        let answer = post(&world, with_token(&token).to_string().as_bytes());
        String::from_utf8(answer.body.bytes).unwrap().contains("\"admitted\"")
    });
    let rules = "audiences = [\"another\"]";
    let setup = Setup::new().issuer("corp", &world.issuer, &world.key_server, rules, "");
    let settings = setup.with(CONTROL).load(&world.upstream).unwrap();
    world.proxy.server().reload(settings).unwrap();
    wait_until("the new rule", || {
        let answer = post(&world, with_token(&token).to_string().as_bytes());
        assert_ne!(answer.status, 400);
        String::from_utf8(answer.body.bytes).unwrap().contains("\"audience_mismatch\"")
    });
}

#[test]
fn o11_nothing_is_counted_and_no_limit_is_used_up() {
    let world = World::with_setup(|setup| {
        let limit = "[limits.own]\nkey = \"issuer\"\nrate = \"1/h\"\n";
        let routes = "[[routes]]\npath = \"/**\"\nlimit = \"own\"";
        setup.with(&format!("{CONTROL}{limit}")).routes(routes)
    });
    let token = world.issuer.mint(json!({}));
    for _ in 0..3 {
        let explanation = explain(&world, &with_token(&token));
        assert_eq!(explanation["verdict"], "admitted");
        assert_eq!(unchecked(&explanation), ["limits"]);
    }
    assert_eq!(explain(&world, &json!({ "path": "/x" }))["reason"], "credential_missing");
    let denials = "countersign_denials_total{issuer=\"\",reason=\"credential_missing\"}";
    assert!(world.proxy.metric(denials).abs() < 0.5);
    assert_eq!(world.proxy.get("/", Some(&token)).status, 200, "the first of the hour");
    assert_eq!(world.proxy.get("/", Some(&token)).status, 429);
}

#[test]
fn o11_what_an_issuer_says_for_it_is_not_cached() {
    let scene = Scene::with("", |setup| setup.with(CONTROL));
    let token = scene.active("alice", json!({}));
    for count in 1..=2 {
        let explanation = explain(&scene.world, &with_token(&token));
        assert_eq!(explanation["verdict"], "admitted", "{explanation}");
        assert_eq!(scene.endpoint.count_of(&token), count, "nothing was cached");
    }
    assert!(scene.passes(&token));
    assert_eq!(scene.endpoint.count_of(&token), 3, "nor for requests");
    scene.endpoint.revoke(&token);
    let explanation = explain(&scene.world, &with_token(&token));
    assert_eq!(explanation["verdict"], "admitted", "what requests have cached counts");
    assert_eq!(scene.endpoint.count_of(&token), 3);
    // An explanation that hears otherwise makes no request's verdict another.
    let revoked = scene.active("bob", json!({}));
    scene.endpoint.revoke(&revoked);
    assert_eq!(explain(&scene.world, &with_token(&revoked))["reason"], "token_inactive");
    scene.endpoint.activate(&revoked, &crate::introspection::scene::claims(json!({})));
    assert!(scene.passes(&revoked));
}

#[test]
fn o11_explanations_have_a_rate() {
    let world = world();
    let answers: Vec<_> = (0..40).map(|_| post(&world, b"{\"path\":\"/x\"}")).collect();
    assert_eq!(answers[0].status, 200);
    let refused = answers.iter().find(|answer| answer.status == 429).expect("one too many");
    assert_eq!(refused.field("retry-after"), Some("1"));
}

#[test]
fn o11_no_token_is_repeated_and_what_is_not_understood_is_refused() {
    let world = world();
    let token = world.issuer.mint(json!({ "sub": "alice", "aud": "other" }));
    let mut asked = with_token(&token);
    asked["path"] = json!("/loans/1?q=CANARY-QUERY");
    asked["headers"]["cookie"] = json!(["a=CANARY-COOKIE", "b=2"]);
    let shown = explain(&world, &asked).to_string();
    for secret in [&*token, token.rsplit('.').next().unwrap(), "CANARY"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    for body in [
        "",
        "[]",
        "{}",
        "{\"path\":\"/x\",\"CANARY\":1}",
        "{\"path\":[\"CANARY\"]}",
        "{\"path\":\"/x\",\"headers\":{\"authorization\":\"CANARY\\n\"}}",
        "{\"path\":\"no path CANARY\"}",
        "{\"path\":\"/x\",\"listener\":\"none\"}",
        "{\"path\":\"/x\",\"body\":\"CANARY\",\"body_base64\":\"\"}",
        "{\"path\":\"/x\",\"body_base64\":\"*CANARY\"}",
        "{\"path\":\"/x\",\"client_certificate\":\"CANARY\"}",
    ] {
        let answer = post(&world, body.as_bytes());
        let text = String::from_utf8(answer.body.bytes).unwrap();
        assert_eq!(answer.status, 400, "{body}: {text}");
        assert!(!text.contains("CANARY"), "{text}");
    }
    let logs = world.proxy.logs();
    assert!(!logs.contains("CANARY") && !logs.contains(&token), "nor is it in a log");
}

#[test]
fn o11_a_page_of_another_origin_explains_nothing() {
    let world = world();
    for (name, value) in [("origin", "https://evil.example"), ("host", "rebound.example")] {
        let request = match name {
            "host" => Request::to(value, "POST", "/explain"),
            _ => Request::to("localhost", "POST", "/explain").field(name, value),
        };
        let answer = world.proxy.ask_control(&request.body(b"{\"path\":\"/x\"}"));
        assert_eq!(answer.status, 403, "{name}");
    }
    assert_eq!(world.proxy.ask_control(&Request::to("localhost", "GET", "/explain")).status, 405);
}

#[test]
fn the_certificate_of_a_client_is_checked_by_the_route_and_not_who_has_signed_it() {
    let routes = "[[routes]]\npath = \"/**\"\naccess = \"public\"\n\
                  client_certificate = { subject = [\"CN=billing\"] }";
    let (authority, folder) = (Authority::new("of all"), tempfile::tempdir().unwrap());
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let server = authority.server("localhost");
    let tls = format!(
        "tls = {{ certificate = \"{}\", private_key = \"{}\", client_ca = \"{}\", \
         client_auth = \"optional\" }}",
        file("server.pem", &server.certificate_pem),
        file("server.key", &server.key_pem()),
        file("ca.pem", &authority.pem()),
    );
    let world = World::with_setup(|setup| setup.server(&tls).with(CONTROL).routes(routes));
    let of = |name: &str| {
        let client = authority.client(|params| {
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
        });
        let asked = json!({ "path": "/x", "client_certificate": client.certificate_pem });
        explain(&world, &asked)
    };
    let billing = of("billing");
    assert_eq!(billing["verdict"], "admitted", "{billing}");
    assert!(checks(&billing, "passed").contains(&"client certificate".to_owned()), "{billing}");
    assert_eq!(unchecked(&billing), ["client_certificate"], "its chain");
    let other = of("other");
    assert_eq!(other["verdict"], "refused", "{other}");
    assert_eq!(checks(&other, "failed"), ["client certificate"]);
    let unknown = explain(&world, &json!({ "path": "/x" }));
    assert_eq!((&unknown["verdict"], unchecked(&unknown).len()), (&json!("admitted"), 1));
}

#[test]
fn o11_an_issuer_that_does_not_answer_ends_an_explanation_at_its_deadline() {
    let scene = Scene::with("timeout = \"30s\"", |setup| setup.with(CONTROL));
    let token = scene.active("alice", json!({}));
    scene.endpoint.hold();
    let asked = Instant::now();
    let answer = post(&scene.world, with_token(&token).to_string().as_bytes());
    let waited = asked.elapsed();
    let text = String::from_utf8(answer.body.bytes).unwrap();
    assert_eq!((answer.status, &*text), (504, "there was no verdict within 10s\n"));
    assert!(waited >= Duration::from_secs(10) && waited < Duration::from_secs(25), "{waited:?}");
    scene.endpoint.release();
    assert!(scene.passes(&token), "requests are decided as before");
}
