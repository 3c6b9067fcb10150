//! INV-1: only the proxy says to the upstream who is asking.

use std::sync::Arc;

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::{Client, Request},
    invariants::FORGED,
    oracle::identity_of,
    upstream::Reply,
    world::{World, identity},
};

/// Names that are our identity headers, or are to one upstream or another.
const FORGED_NAMES: &[&str] = &[
    "x-auth-subject",
    "X-Auth-Subject",
    "X-AUTH-SUBJECT",
    "x_auth_subject",
    "X_Auth_Subject",
    "x-auth_subject",
    "x.auth.subject",
    "x-auth.subject",
    "x-auth-issuer",
    "x-auth-scope",
    "X-Auth_Scope",
];

/// A request that claims, under every name, to be another user.
fn forging(request: Request) -> Request {
    FORGED_NAMES.iter().fold(request, |request, name| request.field(name, FORGED))
}

#[test]
fn inv1_no_client_speaks_in_our_name_to_the_upstream() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let request = forging(Request::get("/").bearer(&token));
    let received = world.admits_request("beside a token", &request, &identity(&token));
    assert!(!format!("{:?}", received.head).contains(FORGED), "{received:?}");

    let request = forging(Request::get("/public/x"));
    let received = world.admits_request("on a public route", &request, &[]);
    assert!(!format!("{:?}", received.head).contains(FORGED), "{received:?}");

    let request = forging(Request::get("/public/x").bearer(&token));
    world.admits_request("on a public route, with a token", &request, &[]);
    world.refuses_request("alone", &forging(Request::get("/")), Reason::CredentialMissing);

    let nominated = Request::get("/").bearer(&token).field("connection", "x-auth-subject");
    world.refuses_request("taken away", &nominated, Reason::HeaderNotAllowed);
}

#[test]
fn inv1_trailers_carry_no_identity() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let head = Request::new("POST", "/")
        .bearer(&token)
        .field("transfer-encoding", "chunked")
        .field("trailer", "x-auth-subject");
    let body =
        format!("3\r\nabc\r\n0\r\nx-auth-subject: {FORGED}\r\nx_auth_scope: {FORGED}\r\n\r\n");
    let before = world.mark();
    let mut client = world.proxy.client();
    client.send(&[head.bytes(), body.into_bytes()].concat());
    assert!(client.read().is_from_upstream());
    let received = before.only_request("trailers");
    assert_eq!(received.body.bytes, b"abc");
    assert_eq!(received.body.trailers, []);
    let raw = world.upstream.connections().concat();
    assert!(!String::from_utf8_lossy(&raw).contains(FORGED), "not in any byte of the connection");
}

#[test]
fn inv1_an_upgrade_carries_only_our_identity() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|_| Reply::with(426, &[], b"no"));
    let request = forging(Request::get("/chat").bearer(&token))
        .field("connection", "upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let before = world.mark();
    let answer = world.proxy.exchange(&request);
    assert_eq!(answer.status, 426);
    let received = before.only_request("upgrade");
    let expected: Vec<_> = identity(&token);
    let expected: Vec<_> = expected.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(identity_of(&received), expected);
}

#[test]
#[should_panic(expected = "INV-1")]
fn inv1_the_harness_notices_a_forged_header() {
    let world = World::start();
    // As if the proxy had let it through: a client that talks to the upstream itself.
    let address = world.upstream.url().trim_start_matches("http://").parse().unwrap();
    let mut direct = Client::connect(address, &Arc::default());
    direct.exchange(&Request::get("/").field("X_Auth_Subject", FORGED));
    drop(world);
}
