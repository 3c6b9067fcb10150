//! C-5 and C-6: whose token it is.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::json;

use crate::support::{
    client::Request,
    issuer::{self, Issuer, renamed, sign},
    key_server::{KeyServer, Page},
    listening::Listening,
    setup::Setup,
    upstream::Upstream,
    world::{World, identity},
};

#[test]
fn c05_the_issuer_is_compared_byte_for_byte() {
    let world = World::start();
    for iss in [
        "",
        " ",
        "https://idp.test/",
        "https://idp.test ",
        " https://idp.test",
        "https://idp.tes",
        "https://idp.test.evil.example",
        "ttps://idp.test",
        "HTTPS://idp.test",
        "https://IDP.test",
        "http://idp.test",
        "https://idp.test:443",
        "https://idp%2Etest",
        "https://user@idp.test",
        "https://idp.test@evil.example",
        "https://idp.test#",
        "https://idp.test?",
        "https://idp.test\0",
        "https://idp.test\n",
        "https://\u{456}dp.test",
        "https://idp\u{3002}test",
        "//idp.test",
        "idp.test",
        "corp",
        "*",
    ] {
        let token = world.issuer.mint(json!({ "iss": iss }));
        world.refuses(iss, &token, Reason::IssuerUnknown);
    }
    for text in [
        r#"["https://idp.test"]"#,
        r#"["https://evil.test","https://idp.test"]"#,
        "{}",
        "17",
        "true",
    ] {
        let token = world.issuer.mint_text("iss", text);
        world.refuses(text, &token, Reason::ClaimMalformed);
    }
    world.refuses("none", &world.issuer.mint(json!({ "iss": null })), Reason::ClaimMissing);
    let escaped = world.issuer.mint_text("iss", r#""https:\/\/idp\u002etest""#);
    world.admits("JSON escapes are spelling", &escaped);
}

#[test]
fn c05_an_issuer_may_be_a_bare_name() {
    let issuer = Issuer::usual().named("acme.test");
    let world = World::of(issuer, "", "");
    world.admits("as configured", &world.issuer.mint(json!({})));
    for like in ["https://acme.test", "ACME.test", "acme.test/", "acme.test."] {
        let token = world.issuer.mint(json!({ "iss": like }));
        world.refuses(like, &token, Reason::IssuerUnknown);
    }
}

#[test]
fn c06_an_unverified_issuer_never_becomes_a_url() {
    let (world, canary) = (World::start(), Listening::canary());
    let fetches = world.key_server.count();
    let iss = format!("http://{}", canary.address());
    world.refuses(&iss, &world.issuer.mint(json!({ "iss": iss })), Reason::IssuerUnknown);
    let key_server = world.key_server.url("/evil");
    world.refuses(
        "known host",
        &world.issuer.mint(json!({ "iss": key_server })),
        Reason::IssuerUnknown,
    );
    assert_eq!(canary.accepted(), 0, "the proxy followed an iss");
    assert_eq!(world.key_server.count(), fetches);
    let metrics = world.proxy.metrics();
    assert!(!metrics.contains(&iss), "an unverified iss is a metric label: {metrics}");
}

/// Two issuers that both call their key `ec`.
fn two_issuers() -> (World, Issuer) {
    let corp = Issuer::usual();
    let partner = corp
        .named("https://partner.test")
        .with_keys(vec![issuer::key(Algorithm::Es256, "ec"), issuer::key(Algorithm::Es256, "own")]);
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    key_server.serve("/corp/jwks", Page::json(&corp.jwks()));
    key_server.serve("/partner/jwks", Page::json(&partner.jwks()));
    let proxy = Setup::new()
        .issuer("corp", &corp, &key_server, "", "")
        .issuer("partner", &partner, &key_server, "algorithms = [\"ES256\"]", "")
        .routes(
            r#"
            [[routes]]
            path = "/**"
            [[routes]]
            path = "/corp/**"
            issuers = ["corp"]
            "#,
        )
        .start(&upstream);
    (World { proxy, upstream, key_server, issuer: corp }, partner)
}

#[test]
fn c06_keys_are_looked_up_within_their_issuer() {
    let (world, partner) = two_issuers();
    let corp = world.issuer.clone();
    world.admits("corp's", &corp.mint(json!({})));
    world.admits("partner's", &partner.mint(json!({})));

    let corp_by_partner = partner.mint(json!({ "iss": corp.iss() }));
    world.refuses("the same kid", &corp_by_partner, Reason::SignatureInvalid);
    let partner_by_corp = corp.mint(json!({ "iss": partner.iss() }));
    world.refuses("the other way round", &partner_by_corp, Reason::SignatureInvalid);
    let claims = corp.claims().to_string();
    let other_kid = sign(partner.key("own"), json!({}), claims.as_bytes());
    world.refuses("the other's kid", &other_kid, Reason::KidUnknown);
    let borrowed = sign(&renamed(partner.key("own"), "ec"), json!({}), claims.as_bytes());
    world.refuses("under a borrowed kid", &borrowed, Reason::SignatureInvalid);
}

#[test]
fn c06_rules_are_the_issuers_own() {
    let (world, partner) = two_issuers();
    let claims = json!({ "iss": partner.iss() });
    let mut full = world.issuer.claims();
    full["iss"] = claims["iss"].clone();
    let by_rsa = sign(world.issuer.key("rsa"), json!({}), full.to_string().as_bytes());
    world.refuses("RS256 is corp's", &by_rsa, Reason::AlgorithmNotAllowed);
}

#[test]
fn c06_a_route_takes_the_tokens_of_its_issuers_only() {
    let (world, partner) = two_issuers();
    let (corps, partners) = (world.issuer.mint(json!({})), partner.mint(json!({})));
    let to = |token: &str| Request::get("/corp/x").bearer(token);
    world.admits_request("corp's", &to(&corps), &identity(&corps));
    world.refuses_request("partner's", &to(&partners), Reason::IssuerNotAllowed);
    // Also once it is in the cache from a route that takes it.
    world.admits("elsewhere", &partners);
    world.refuses_request("partner's, cached", &to(&partners), Reason::IssuerNotAllowed);
}

#[test]
fn c10_equal_subjects_of_two_issuers_are_distinguished() {
    let (world, partner) = two_issuers();
    let received = world.admits("corp's alice", &world.issuer.mint(json!({})));
    assert_eq!(received.head.field("x-auth-issuer"), Some("https://idp.test"));
    let received = world.admits("partner's alice", &partner.mint(json!({})));
    assert_eq!(received.head.field("x-auth-issuer"), Some("https://partner.test"));
    assert_eq!(received.head.field("x-auth-subject"), Some("alice"));
}
