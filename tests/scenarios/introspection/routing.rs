//! I-15: which tokens are asked about, and which never are.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::json;

use crate::{
    introspection::scene::{CLIENT, PATH, Scene, claims, opaque},
    support::{
        NOW,
        client::Request,
        introspection::Endpoint,
        issuer::{Issuer, key, sign},
        key_server::{KeyServer, Page},
        setup::Setup,
        upstream::Upstream,
    },
};

#[test]
fn i15_opaque_a_jwt_is_judged_by_its_signature_and_never_asked_about() {
    let scene = Scene::start("when = \"opaque\"");
    let issuer = &scene.world.issuer;
    let good = issuer.mint(json!({ "scope": "read" }));
    scene.admits("a good one", &good);
    let stranger = key(Algorithm::Es256, "ec");
    let forged = sign(&stranger, json!({}), issuer.claims().to_string().as_bytes());
    let expired = issuer.mint(json!({ "exp": NOW - 100 }));
    let foreign = issuer.mint(json!({ "iss": "https://other.test" }));
    for (token, reason) in [
        (&forged, Reason::SignatureInvalid),
        (&expired, Reason::TokenExpired),
        (&foreign, Reason::IssuerUnknown),
    ] {
        scene.endpoint.activate(token, &claims(json!({})));
        scene.refuses("whatever the endpoint would say", token, reason);
    }
    assert_eq!(scene.endpoint.count(), 0);
    let token = scene.active("alice", json!({}));
    scene.admits("an opaque one", &token);
}

#[test]
fn i15_always_a_jwt_needs_its_signature_and_the_issuers_word() {
    let scene = Scene::start("when = \"always\"");
    let issuer = &scene.world.issuer;
    let token = issuer.mint(json!({ "scope": "read" }));
    scene.endpoint.activate(&token, &claims(json!({})));
    scene.admits("both", &token);
    assert_eq!(scene.endpoint.count_of(&token), 1);
    let revoked = issuer.mint(json!({ "scope": "read", "jti": "2" }));
    scene.refuses("revoked", &revoked, Reason::TokenInactive);
    let stranger = key(Algorithm::Es256, "ec");
    let forged = sign(&stranger, json!({}), issuer.claims().to_string().as_bytes());
    scene.endpoint.activate(&forged, &claims(json!({})));
    scene.refuses("forged", &forged, Reason::SignatureInvalid);
    assert_eq!(scene.endpoint.count_of(&forged), 0, "a forged token is not shown to the endpoint");
}

#[test]
fn always_what_the_issuer_says_of_its_life_counts_beside_the_tokens_own() {
    let scene = Scene::start("when = \"always\"");
    let token = scene.world.issuer.mint(json!({ "scope": "read" }));
    scene.endpoint.activate(&token, &claims(json!({ "exp": NOW - 100 })));
    scene.refuses("ended, says the issuer", &token, Reason::TokenExpired);
}

#[test]
fn only_nothing_is_verified_here_and_no_keys_are_needed() {
    let (endpoint, upstream) = (Endpoint::start(), Upstream::start());
    let issuer = Issuer::usual();
    let setup = Setup::new().with(&format!(
        "[issuers.corp]\nissuer = \"https://idp.test\"\naudiences = [\"https://api.test\"]\n\
         [issuers.corp.introspection]\nwhen = \"only\"\nurl = \"{}\"\nauth = \"none\"\n\
         client_id = \"{CLIENT}\"",
        endpoint.url(PATH)
    ));
    let proxy = setup.start(&upstream);
    let jwt = issuer.mint(json!({}));
    for token in [opaque("alice"), jwt] {
        assert_eq!(proxy.get("/", Some(&token)).status, 401);
        endpoint.activate(&token, &claims(json!({})));
        proxy.advance(5);
        let answer = proxy.get("/", Some(&token));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(endpoint.count_of(&token), 2);
    }
}

#[test]
fn never_is_as_if_the_table_were_not_there() {
    let scene = Scene::start("when = \"never\"");
    let token = scene.active("alice", json!({}));
    scene.refuses("opaque", &token, Reason::TokenMalformed);
    assert_eq!(scene.endpoint.count(), 0);
}

#[test]
fn i15_an_opaque_token_is_shown_to_the_issuer_of_its_route_only() {
    let (first, second, upstream) = (Endpoint::start(), Endpoint::start(), Upstream::start());
    let key_server = KeyServer::start();
    let issuer = Issuer::usual();
    let other = issuer.named("https://two.test");
    for name in ["one", "two"] {
        key_server.serve(&format!("/{name}/jwks"), Page::json(&issuer.jwks()));
    }
    let asked = |endpoint: &Endpoint| {
        format!(
            "[issuers.NAME.introspection]\nurl = \"{}\"\nauth = \"none\"\nclient_id = \"proxy\"\n\
             issuers = \"any\"",
            endpoint.url(PATH)
        )
    };
    let setup = Setup::new()
        .issuer("one", &issuer, &key_server, "", &asked(&first).replace("NAME", "one"))
        .issuer("two", &other, &key_server, "", &asked(&second).replace("NAME", "two"))
        .routes(
            "[[routes]]\npath = \"/one/**\"\nissuers = [\"one\"]\n\
             [[routes]]\npath = \"/two/**\"\nissuers = [\"two\"]\n",
        );
    let proxy = setup.start(&upstream);
    let token = opaque("alice");
    first.activate(&token, &claims(json!({ "iss": null })));
    assert_eq!(proxy.get("/one/x", Some(&token)).status, 200);
    assert_eq!((first.count(), second.count()), (1, 0));
    assert_eq!(proxy.get("/two/x", Some(&token)).status, 401, "warm, too");
    assert_eq!((first.count(), second.count()), (1, 1));
    assert_eq!(proxy.get("/one/x", Some(&token)).status, 200);
}

#[test]
fn i15_a_jwt_that_is_only_asked_about_passes_by_its_signature_nowhere() {
    let (endpoint, upstream, key_server) =
        (Endpoint::start(), Upstream::start(), KeyServer::start());
    let issuer = Issuer::usual();
    let other = issuer.named("https://two.test");
    for name in ["one", "two"] {
        key_server.serve(&format!("/{name}/jwks"), Page::json(&issuer.jwks()));
    }
    let only = format!(
        "[issuers.two.introspection]\nwhen = \"only\"\nurl = \"{}\"\nauth = \"none\"\n\
         client_id = \"proxy\"",
        endpoint.url(PATH)
    );
    let setup = Setup::new()
        .issuer("one", &issuer, &key_server, "", "")
        .issuer("two", &other, &key_server, "", &only)
        .routes(
            "[[routes]]\npath = \"/one/**\"\nissuers = [\"one\"]\n\
             [[routes]]\npath = \"/two/**\"\nissuers = [\"two\"]\n",
        );
    let proxy = setup.start(&upstream);
    // Good by its signature, and revoked.
    let token = other.mint(json!({}));
    let mut client = proxy.client();
    for path in ["/two/x", "/one/x", "/two/x", "/one/x", "/two/x"] {
        let answer = client.exchange(&Request::get(path).bearer(&token));
        assert_eq!(answer.status, 401, "{path}");
    }
    assert!(endpoint.count_of(&token) >= 1);
    assert!(upstream.requests().is_empty());
}
