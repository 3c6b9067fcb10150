//! H-14: headers by which another proxy would name a user to the service.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    invariants::FORGED,
    oracle::assert_admitted,
    world::{World, identity},
};

/// One of each kind: a token, a name, a family, an older product.
const HEADERS: [(&str, &str, &str); 6] = [
    ("Cf-Access-Jwt-Assertion", "cf-access-jwt-assertion", "cloudflare-access"),
    ("X-Goog-Authenticated-User-Email", "x-goog-authenticated-user-*", "google"),
    ("Tailscale-User-Login", "tailscale-user-*", "tailscale"),
    ("x-pomerium-claim-email", "x-pomerium-claim-*", "pomerium"),
    ("X-Ms-Token-Aad-Id-Token", "x-ms-token-*", "azure"),
    ("SM_USER", "sm-user", "siteminder"),
];

fn series(header: &str, product: &str) -> String {
    format!(
        "countersign_identity_headers_removed_total{{header=\"{header}\",product=\"{product}\"}}"
    )
}

#[test]
fn h14_an_identity_for_another_proxys_service_never_passes_and_is_counted() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for (sent, header, product) in HEADERS {
        assert!((world.proxy.metric(&series(header, product)) - 0.0).abs() < 0.5, "{sent}");
        let request = Request::get("/").bearer(&token).field(sent, FORGED).field(sent, FORGED);
        let received = world.admits_request(sent, &request, &identity(&token));
        assert!(!format!("{received:?}").contains(FORGED), "{sent}: {received:?}");
        let before = world.mark();
        let public = Request::get("/public/page").field(sent, FORGED);
        let received = assert_admitted(sent, &world.proxy.exchange(&public), &before, &[]);
        assert!(!format!("{received:?}").contains(FORGED), "{sent}: {received:?}");
        let count = world.proxy.metric(&series(header, product));
        assert!((count - 3.0).abs() < 0.5, "{sent}: {count} requests");
    }
    // No label is what a client has sent.
    assert!(!world.proxy.metrics().contains("claim-email"));
}

/// The header of Cloudflare Access, where it is the source of the token.
#[test]
fn h14_such_a_header_may_be_the_source_of_the_token_and_goes_no_further() {
    let world = World::with_setup(|setup| {
        setup.with("[credential]\nsources = [{ header = \"cf-access-jwt-assertion\" }]")
    });
    let token = world.issuer.mint(json!({}));
    let request = Request::get("/").field("Cf-Access-Jwt-Assertion", &token);
    let received = world.admits_request("as a source", &request, &identity(&token));
    assert_eq!(received.head.field("cf-access-jwt-assertion"), None);
    let variant = Request::get("/").field("cf_access_jwt_assertion", &token);
    world.refuses_request("another spelling", &variant, Reason::CredentialMissing);
    let before = world.mark();
    let public = Request::get("/public/page").field("cf-access-jwt-assertion", &token);
    let received = assert_admitted("public", &world.proxy.exchange(&public), &before, &[]);
    assert_eq!(received.head.field("cf-access-jwt-assertion"), None);
}

#[test]
fn h14_generic_names_pass_unless_the_operator_has_their_set_removed() {
    let token_of = |world: &World| world.issuer.mint(json!({}));
    let world = World::start();
    let token = token_of(&world);
    let request = Request::get("/").bearer(&token).field("x-user-id", "7");
    let received = world.admits_request("by default", &request, &identity(&token));
    assert_eq!(received.head.field("x-user-id"), Some("7"));
    let strict =
        World::with_setup(|setup| setup.with("[forwarding]\nremove_sets = [\"generic-identity\"]"));
    let token = token_of(&strict);
    for name in ["x-user-id", "X-User", "x_roles", "x-email", "Impersonate-User"] {
        let request = Request::get("/").bearer(&token).field(name, FORGED);
        let received = strict.admits_request(name, &request, &identity(&token));
        assert!(!format!("{received:?}").contains(FORGED), "{name}: {received:?}");
    }
    assert!(strict.proxy.metric(&series("x-user-id", "generic")) > 1.5);
}
