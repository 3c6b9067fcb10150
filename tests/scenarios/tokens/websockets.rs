//! Tokens in WebSocket handshakes of browsers, which can choose subprotocols and nothing else, and
//! which send cookies wherever the page is from.

use countersign::{jose::base64url, reason::Reason};
use serde_json::json;

use crate::support::{
    client::Request,
    setup::Setup,
    upstream::Reply,
    wire::Head,
    world::{World, identity},
};

const PROTOCOLS: &str = r#"
[credential]
sources = [{ header = "authorization", scheme = "Bearer" }, { websocket_protocol = "bearer" }]
"#;

const COOKIE: &str = "[credential]\nsources = [{ cookie = \"session\" }]";

fn with_protocols(setup: Setup) -> Setup {
    setup.with(PROTOCOLS)
}

fn handshake() -> Request {
    Request::get("/chat")
        .field("connection", "keep-alive, Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn offering(protocols: &str) -> Request {
    handshake().field("sec-websocket-protocol", protocols)
}

fn kubernetes(token: &str) -> String {
    format!("base64url.bearer.authorization.k8s.io.{}", base64url::encode(token.as_bytes()))
}

#[test]
fn t21_w1_a_marked_protocol_is_a_token_and_the_others_are_offered() {
    let world = World::with_setup(with_protocols);
    let token = world.issuer.mint(json!({}));
    for (protocols, offered) in [
        (format!("bearer, {token}, chat"), Some("chat")),
        (format!("v1.chat, bearer, {token}, v2.chat"), Some("v1.chat, v2.chat")),
        (format!("{}, v4.channel.k8s.io", kubernetes(&token)), Some("v4.channel.k8s.io")),
        (format!("bearer,{token}"), None),
    ] {
        let request = offering(&protocols);
        let received = world.admits_request(&protocols, &request, &identity(&token));
        assert_eq!(received.head.field("sec-websocket-protocol"), offered, "{protocols}");
        assert_eq!(received.head.field("upgrade"), Some("websocket"));
    }
    let usual = offering("chat").bearer(&token);
    let received = world.admits_request("usual", &usual, &identity(&token));
    assert_eq!(received.head.field("sec-websocket-protocol"), Some("chat"));
    assert!(!world.proxy.logs().contains(&token));
}

#[test]
fn t21_w1_the_service_chooses_among_the_others() {
    let mut world = World::with_setup(with_protocols);
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|received| {
        assert_eq!(received.head.field("sec-websocket-protocol"), Some("chat"));
        Reply::raw(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-protocol: chat\r\n\r\n",
        )
        .then_close()
    });
    let mut client = world.proxy.client();
    client.send(&offering(&format!("bearer, {token}, chat")).bytes());
    let answer = Head::read(client.stream()).unwrap().unwrap();
    assert!(answer.start.contains(" 101 "), "{answer:?}");
    assert_eq!(answer.field("sec-websocket-protocol"), Some("chat"));
}

#[test]
fn t21_a_protocol_is_a_token_where_it_is_a_source_and_in_a_handshake_only() {
    let (strict, world) = (World::start(), World::with_setup(with_protocols));
    let token = world.issuer.mint(json!({}));
    let marked = format!("bearer, {token}, chat");
    strict.refuses_request("default", &offering(&marked), Reason::CredentialMissing);
    let plain = || Request::get("/chat").field("sec-websocket-protocol", &marked);
    world.refuses_request("no handshake", &plain(), Reason::CredentialMissing);
    let received = world.admits_request("elsewhere", &plain().bearer(&token), &identity(&token));
    assert_eq!(received.head.field("sec-websocket-protocol"), Some("chat"), "it never goes on");
}

#[test]
fn t21_two_marked_tokens_are_ambiguous() {
    let world = World::with_setup(with_protocols);
    let (alice, bob) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "sub": "bob" })));
    for protocols in [
        format!("bearer, {alice}, bearer, {bob}"),
        format!("bearer, bearer, {alice}"),
        format!("bearer, {alice}, {}", kubernetes(&bob)),
    ] {
        world.refuses_request(&protocols, &offering(&protocols), Reason::CredentialAmbiguous);
    }
    let two = offering(&format!("bearer, {alice}")).bearer(&bob);
    world.refuses_request("a header as well", &two, Reason::CredentialAmbiguous);
    for protocols in ["bearer", "chat, bearer", "base64url.bearer.authorization.k8s.io.a==="] {
        world.refuses_request(protocols, &offering(protocols), Reason::CredentialMalformed);
    }
    let forged = format!("bearer, {}AAAA", &alice[..alice.len() - 4]);
    world.refuses_request("forged", &offering(&forged), Reason::SignatureInvalid);
}

#[test]
fn t26_w5_a_page_of_another_site_opens_no_tunnel_by_a_cookie() {
    let world = World::with_setup(|setup| setup.with(COOKIE));
    let token = world.issuer.mint(json!({}));
    let by_cookie = || handshake().field("cookie", format!("session={token}"));
    let refused = Reason::CrossSiteCredential;
    world.refuses_request("no origin", &by_cookie(), refused);
    for origin in ["https://evil.test", "http://api.test.evil.test", "null"] {
        let request = by_cookie().field("origin", origin);
        world.refuses_request(origin, &request, refused);
    }
    let own = by_cookie().field("origin", "https://api.test");
    world.admits_request("its own page", &own, &identity(&token));
}
