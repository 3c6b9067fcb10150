//! The H rows of the threat catalogue: what a client says in headers, and what the upstream
//! believes.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    client::Request,
    h2::{self, Frames, H2, RawH2},
    invariants::FORGED,
    issuer::Issuer,
    oracle::{assert_admitted, assert_refused},
    upstream::{Received, Reply},
    world::{World, identity},
    wsgi,
};

/// Spellings that one upstream or another takes for `x-auth-subject`, and two that none does.
const SPELLINGS: &[&str] = &[
    "x-auth-subject",
    "X-Auth-Subject",
    "X-AUTH-SUBJECT",
    "x_auth_subject",
    "X_AUTH_SUBJECT",
    "x-auth_subject",
    "x.auth.subject",
    "x--auth--subject",
    "x-_auth_-subject",
    "x~auth~subject",
    "x!auth#subject",
    "x$auth%subject",
    "x&auth'subject",
    "x*auth+subject",
    "x^auth`subject",
    "x|auth|subject",
];

/// Values that a check could trip over.
fn forged_values() -> Vec<Vec<u8>> {
    let plain = FORGED.as_bytes().to_vec();
    vec![
        plain.clone(),
        format!("{FORGED}, {FORGED}").into_bytes(),
        [b"\xff\xfe".as_slice(), &plain, b"\x80"].concat(),
        format!("\t{FORGED}\t").into_bytes(),
    ]
}

/// Nothing of what the client forged has reached the upstream, in whatever header.
#[track_caller]
fn assert_nothing_forged(case: &str, received: &Received) {
    let text = format!("{received:?}");
    assert!(!text.contains(FORGED), "{case}: {text}");
}

#[test]
fn h1_h2_a_forged_identity_never_passes_on_a_protected_route() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for name in SPELLINGS {
        for value in forged_values() {
            let request = Request::get("/").field(name, &value).bearer(&token).field(name, &value);
            let received = world.admits_request(name, &request, &identity(&token));
            assert_nothing_forged(name, &received);
        }
    }
}

#[test]
fn h1_an_empty_forged_header_is_removed_too() {
    let world = World::start();
    let token = world.issuer.mint(json!({ "sub": null }));
    let request = Request::get("/").field("x-auth-subject", "").bearer(&token);
    let received = world.admits_request("empty", &request, &identity(&token));
    assert_eq!(received.head.field("x-auth-subject"), None);
}

#[test]
fn h1_h2_a_forged_identity_never_passes_on_a_public_route() {
    let world = World::start();
    for name in SPELLINGS {
        for value in forged_values() {
            let before = world.mark();
            let request = Request::get("/public/page").field(name, &value);
            let answer = world.proxy.exchange(&request);
            let received = assert_admitted(name, &answer, &before, &[]);
            assert_nothing_forged(name, &received);
        }
    }
}

#[test]
fn h1_a_forged_identity_is_no_credential() {
    let world = World::start();
    let bad = world.issuer.mint(json!({ "exp": 1 }));
    for name in SPELLINGS {
        let request = Request::get("/").field(name, FORGED);
        world.refuses_request(name, &request, Reason::CredentialMissing);
        world.refuses_request(name, &request.bearer(&bad), Reason::TokenExpired);
    }
}

#[test]
fn h1_h2_a_forged_identity_never_passes_over_http2() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let client = H2::connect(world.proxy.address());
    for name in SPELLINGS.iter().filter(|name| **name == name.to_lowercase()) {
        let mut forged = h2::get("/", &token);
        forged.headers_mut().append(*name, FORGED.parse().unwrap());
        assert_eq!(client.exchange(forged).unwrap().status, 200, "{name}");
        let public = h2::request("GET", "/public/x").header(*name, FORGED);
        let public = public.body(Frames::default()).unwrap();
        assert_eq!(client.exchange(public).unwrap().status, 200, "{name}");
    }
    for received in world.upstream.requests() {
        assert_nothing_forged("http2", &received);
        let expected = (received.target() == "/").then_some("alice");
        assert_eq!(received.head.field("x-auth-subject"), expected);
    }
}

#[test]
fn h1_a_forged_identity_never_passes_on_an_upgrade() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|_| Reply::with(400, &[], b""));
    for name in SPELLINGS {
        let before = world.mark();
        let upgrade = websocket("/").field(name, FORGED).bearer(&token);
        let answer = world.proxy.exchange(&upgrade);
        let expected = identity(&token);
        let expected: Vec<_> = expected.iter().map(|(n, v)| (&**n, &**v)).collect();
        let received = assert_admitted(name, &answer, &before, &expected);
        assert_eq!(received.head.field("upgrade"), Some("websocket"), "{name}");
        assert_nothing_forged(name, &received);
    }
}

fn websocket(target: &str) -> Request {
    Request::get(target)
        .field("connection", "Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[test]
fn h2_names_with_underscores_pass_only_where_the_operator_says_so() {
    let strict = World::start();
    let token = strict.issuer.mint(json!({}));
    let request = Request::get("/").field("x_harmless", "1").bearer(&token);
    let received = strict.admits_request("strict", &request, &identity(&token));
    assert_eq!(received.head.field("x_harmless"), None);

    let lenient = World::with_setup(|s| s.with("[forwarding]\ndrop_underscores = false"));
    let token = lenient.issuer.mint(json!({}));
    let request =
        Request::get("/").field("x_harmless", "1").field("X_Auth_Subject", FORGED).bearer(&token);
    let received = lenient.admits_request("lenient", &request, &identity(&token));
    assert_eq!(received.head.field("x_harmless"), Some("1"));
    assert_nothing_forged("lenient", &received);
}

#[test]
fn h2_an_upstream_that_folds_names_sees_only_the_verified_identity() {
    let Some(server) = wsgi::start() else { return };
    let url = server.url();
    let world = World::with_setup(|setup| {
        setup
            .with(&format!("[upstreams.wsgi]\nurl = \"{url}\""))
            .routes("[[routes]]\npath = \"/**\"\nupstream = \"wsgi\"")
    });
    let token = world.issuer.mint(json!({}));
    for name in SPELLINGS {
        let request = Request::get("/").field(name, FORGED).bearer(&token);
        let answer = world.proxy.exchange(&request);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let variables: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
        assert_eq!(variables["HTTP_X_AUTH_SUBJECT"], "alice", "{name}");
        assert!(!variables.to_string().contains(FORGED), "{name}: {variables}");
    }
}

#[test]
fn h3_a_connection_option_cannot_name_a_header_of_ours() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for options in [
        "x-auth-subject",
        "X-Auth-Subject",
        "te, X-Auth-Subject",
        "x_auth_subject",
        "keep-alive,x-auth-issuer ,x",
    ] {
        let request = Request::get("/").field("connection", options).bearer(&token);
        world.refuses_request(options, &request, Reason::HeaderNotAllowed);
        let request = Request::get("/public/x").field("connection", options);
        world.refuses_request(options, &request, Reason::HeaderNotAllowed);
    }
    let twice = Request::get("/")
        .field("connection", "keep-alive")
        .field("connection", "x-auth-subject")
        .bearer(&token);
    world.refuses_request("second Connection", &twice, Reason::HeaderNotAllowed);
}

#[test]
fn h3_connection_options_remove_what_they_name_and_nothing_that_matters() {
    let world = World::with_setup(|s| s.with("[credential]\nforward = true"));
    let token = world.issuer.mint(json!({}));
    let bearer = format!("Bearer {token}");
    let request = Request::new("POST", "/")
        .field("connection", "x-hop, authorization, content-length, host")
        .field("keep-alive", "timeout=5")
        .field("proxy-connection", "keep-alive")
        .field("x-hop", "1")
        .bearer(&token)
        .body(b"body");
    let received = world.admits_request("options", &request, &identity(&token));
    let head = &received.head;
    assert_eq!(head.field("x-hop"), None);
    assert_eq!(head.field("keep-alive"), None);
    assert_eq!(head.field("proxy-connection"), None);
    assert_eq!(head.field("authorization"), Some(&*bearer));
    assert_eq!(head.field("host"), Some("api.test"));
    assert_eq!(received.body.bytes, b"body");
}

#[test]
fn h4_trailers_of_a_chunked_request_are_dropped() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for target in ["/", "/public/x"] {
        let before = world.mark();
        let mut client = world.proxy.client();
        client.send(
            &Request::new("POST", target)
                .bearer(&token)
                .field("transfer-encoding", "chunked")
                .field("trailer", "x-auth-subject")
                .bytes(),
        );
        let trailers = format!("x-auth-subject: {FORGED}\r\nAuthorization: Bearer {FORGED}\r\n");
        client.send(format!("4\r\nbody\r\n0\r\n{trailers}\r\n").as_bytes());
        assert!(client.read().is_from_upstream());
        let received = before.only_request(target);
        assert_eq!(received.body.bytes, b"body");
        assert_eq!(received.body.trailers, []);
        assert_eq!(received.head.field("trailer"), None);
        assert_nothing_forged(target, &received);
    }
}

#[test]
fn h4_trailers_of_an_http2_request_are_dropped() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let client = H2::connect(world.proxy.address());
    let request = h2::request("POST", "/")
        .header("authorization", format!("Bearer {token}"))
        .body(Frames::new(&[b"bo", b"dy"], &[("x-auth-subject", FORGED)]))
        .unwrap();
    let before = world.mark();
    assert_eq!(client.exchange(request).unwrap().status, 200);
    let received = before.only_request("trailers");
    assert_eq!(received.body.bytes, b"body");
    assert_eq!(received.body.trailers, []);
    assert_nothing_forged("trailers", &received);
}

#[test]
fn h5_an_http2_request_names_one_host() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let client = H2::connect(world.proxy.address());
    for (hosts, status) in [
        (&["api.test"][..], 200),
        (&["API.test"], 200),
        (&["other.test"], 400),
        (&["api.test:81"], 400),
        (&["api.test", "api.test"], 400),
        (&["api.test", "other.test"], 400),
        (&[""], 400),
        (&["u@api.test"], 400),
    ] {
        let before = world.mark();
        let mut request = h2::get("/", &token);
        for host in hosts {
            request.headers_mut().append("host", host.parse().unwrap());
        }
        assert_eq!(client.exchange(request).unwrap().status, status, "{hosts:?}");
        if status == 200 {
            let received = before.only_request("host");
            assert_eq!(received.head.field("host"), Some("api.test"), "{hosts:?}");
        } else {
            before.assert_untouched(&format!("{hosts:?}"));
        }
    }
}

#[test]
fn h5_an_http2_request_without_any_host_is_refused() {
    let world = World::start();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let before = world.mark();
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let fields = [
        (":method", b"GET".as_slice()),
        (":scheme", b"http"),
        (":path", b"/"),
        ("authorization", bearer.as_bytes()),
    ];
    client.headers(1, &fields, true);
    assert_eq!(client.read_status(1), Some(400));
    before.assert_untouched("no host");
}

#[test]
fn h5_pseudo_headers_in_trailers_change_nothing() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let bearer = format!("Bearer {}", world.issuer.mint(json!({})));
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let fields = [
        (":method", b"POST".as_slice()),
        (":scheme", b"http"),
        (":path", b"/first"),
        (":authority", b"api.test"),
        ("authorization", bearer.as_bytes()),
    ];
    client.headers(1, &fields, false);
    client.send(h2::DATA, 0, 1, b"body");
    client.headers(1, &[(":path", b"/second"), (":authority", b"evil")], true);
    // Reset, closed or answered: what matters is what the upstream takes it for.
    let _ = client.read_until(h2::HEADERS, 1);
    for received in world.upstream.requests() {
        assert_eq!(received.target(), "/first");
        assert_eq!(received.head.field("host"), Some("api.test"));
    }
}

/// A world in which one claim becomes `x-auth-claim`, in that encoding.
fn world_of_claim(encoding: &str) -> World {
    let claims = format!(
        "[claims]\nx-auth-claim = {{ claim = \"claim\", encoding = \"{encoding}\" }}\n\
         [forwarding]\nmax_header_bytes = 1024"
    );
    World::with_setup(|setup| setup.with(&claims))
}

/// What the upstream sees of a claim.
#[track_caller]
fn claim_header(world: &World, claim: &Value) -> Option<String> {
    let before = world.mark();
    let token = world.issuer.mint(json!({ "claim": claim }));
    let answer = world.proxy.get("/", Some(&token));
    assert!(answer.is_from_upstream(), "{claim}: {answer:?}");
    let received = before.only_request("claim");
    received.head.field("x-auth-claim").map(str::to_owned)
}

#[test]
fn h6_a_claim_that_no_header_can_hold_is_encoded() {
    let world = world_of_claim("csv");
    for (claim, header) in [
        (json!("alice"), "alice"),
        (json!("two words"), "two words"),
        (json!("a\r\nx-admin: yes"), "a%0D%0Ax-admin: yes"),
        (json!("a\u{0}b"), "a%00b"),
        (json!("a\tb\u{7f}"), "a%09b%7F"),
        (json!("müller"), "m%C3%BCller"),
        (json!("\u{202e}admin"), "%E2%80%AEadmin"),
        (json!(" alice "), "%20alice%20"),
        (json!("100%"), "100%25"),
        (json!(["a,b", "c"]), "a%2Cb,c"),
        (json!(9_007_199_254_740_993_i64), "9007199254740993"),
        (json!(true), "true"),
    ] {
        let found = claim_header(&world, &claim);
        assert_eq!(found.as_deref(), Some(header), "{claim}");
    }
}

#[test]
fn h6_a_claim_that_is_too_long_is_refused_not_cut() {
    let world = world_of_claim("csv");
    let fits = "a".repeat(1024);
    assert_eq!(claim_header(&world, &json!(fits)), Some(fits));
    for claim in [json!("a".repeat(1025)), json!("ä".repeat(512)), json!({"a": 1})] {
        let token = world.issuer.mint(json!({ "claim": claim }));
        world.refuses("too long", &token, Reason::ClaimUnrenderable);
    }
}

#[test]
fn h7_a_missing_or_empty_claim_makes_no_header() {
    let world = world_of_claim("csv");
    for claim in [json!(""), json!([]), json!([null, ""])] {
        assert_eq!(claim_header(&world, &claim), None, "{claim}");
    }
    let token = world.issuer.mint(json!({}));
    let request = Request::get("/").field("x-auth-claim", FORGED).bearer(&token);
    let received = world.admits_request("missing", &request, &[]);
    assert_nothing_forged("missing", &received);
}

#[test]
fn h7_arrays_and_objects_are_written_without_ambiguity() {
    let json = world_of_claim("json");
    let claim = json!({ "roles": ["a", "b\"\r\n", "ü"], "level": 1 });
    let header = claim_header(&json, &claim).unwrap();
    assert!(header.is_ascii(), "{header}");
    assert_eq!(serde_json::from_str::<Value>(&header).unwrap(), claim);

    let base64 = world_of_claim("base64-json");
    let header = claim_header(&base64, &claim).unwrap();
    let decoded = countersign::jose::base64url::decode(header.as_bytes()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&decoded).unwrap(), claim);
}

#[test]
fn h8_no_configuration_lets_a_claim_overwrite_the_message() {
    let upstream = crate::support::upstream::Upstream::start();
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "authorization",
        "x-forwarded-for",
    ] {
        let setup = crate::support::setup::Setup::new()
            .issuer_from("corp", &Issuer::usual(), "", "jwks_file = \"/none\"")
            .with(&format!("[claims]\n{name} = \"sub\""));
        let errors = setup.load(&upstream).unwrap_err().to_string();
        assert!(errors.contains(name), "{name}: {errors}");
    }
}

#[test]
fn h9_what_upstreams_believe_of_proxies_is_removed() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for name in [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X_Forwarded_For",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Forwarded-Client-Cert",
        "X-Real-IP",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Envoy-Original-Path",
        "X-Auth-Request-User",
        "X-Remote-User",
        "Remote-User",
        "X-Client-Cert",
        "X-SSL-Client-Verify",
        "X-Accel-Redirect",
        "X-Middleware-Subrequest",
        "X-Consumer-Username",
        "Client-Cert",
        "Proxy",
        "Proxy-Authorization",
    ] {
        for target in ["/", "/public/x"] {
            let before = world.mark();
            let request = Request::get(target).field(name, FORGED).bearer(&token);
            assert!(world.proxy.exchange(&request).is_from_upstream(), "{name}");
            let received = before.only_request(name);
            assert_nothing_forged(name, &received);
            let head = &received.head;
            assert_eq!(head.field("x-forwarded-for"), Some("127.0.0.1"), "{name}");
            assert_eq!(head.field("x-forwarded-proto"), Some("http"), "{name}");
            assert_eq!(head.field("x-forwarded-host"), Some("api.test"), "{name}");
        }
    }
}

#[test]
fn h9_a_trusted_proxy_is_believed() {
    let trusting = "[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let world = World::with_setup(|setup| setup.with(trusting));
    let token = world.issuer.mint(json!({}));
    let request = Request::get("/")
        .field("x-forwarded-for", "192.0.2.1")
        .field("x-forwarded-proto", "https")
        .field("x-forwarded-host", "public.test")
        .field("forwarded", "for=192.0.2.1;proto=https")
        .field("x-forwarded-user", FORGED)
        .bearer(&token);
    let received = world.admits_request("trusted", &request, &identity(&token));
    let head = &received.head;
    assert_eq!(head.field("x-forwarded-for"), Some("192.0.2.1, 127.0.0.1"));
    assert_eq!(head.field("x-forwarded-proto"), Some("https"));
    assert_eq!(head.field("x-forwarded-host"), Some("public.test"));
    assert_eq!(
        head.field("forwarded"),
        Some("for=192.0.2.1;proto=https, for=127.0.0.1;host=\"api.test\";proto=http")
    );
    assert_nothing_forged("only the proxy vouches for an identity", &received);
}

/// nginx on the same host terminates TLS and comes over the socket: it has no address, and who can
/// open the socket is up to its permissions.
#[test]
fn h9_a_proxy_over_a_unix_socket_is_believed_where_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (trusting, expected) in [
        ("", [None, Some("http"), Some("api.test"), None]),
        (
            "[forwarding]\ntrusted_proxies = [\"unix\"]",
            [
                Some("198.51.100.66, 203.0.113.9"),
                Some("https"),
                Some("public.test"),
                Some("for=203.0.113.9"),
            ],
        ),
    ] {
        let socket = folder.path().join(if trusting.is_empty() { "strict" } else { "trusting" });
        let listen = format!("listen = \"unix:{}\"", socket.display());
        let mut world = World::with_setup(|setup| setup.server(&listen).with(trusting));
        world.proxy.expect_unmatched_answers();
        // What a client has made up stands left of what the proxy has added.
        let request = Request::get("/public/page")
            .field("x-forwarded-for", "198.51.100.66")
            .field("x-forwarded-for", "203.0.113.9")
            .field("x-forwarded-proto", "https")
            .field("x-forwarded-host", "public.test")
            .field("forwarded", "for=203.0.113.9")
            .field("x-forwarded-user", FORGED)
            .field("x-real-ip", FORGED)
            .field("connection", "close");
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(&request.bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let received = world.upstream.requests().remove(0);
        let names = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"];
        assert_eq!(names.map(|name| received.head.field(name)), expected, "{trusting}");
        assert_nothing_forged("no identity, whichever proxy is trusted", &received);
    }
}

#[test]
fn h10_the_credential_is_stripped_unless_it_is_to_be_forwarded() {
    let stripping = World::start();
    let token = stripping.issuer.mint(json!({}));
    let request = Request::get("/").bearer(&token).field("cookie", "a=1; b=2");
    let received = stripping.admits_request("strip", &request, &identity(&token));
    assert_eq!(received.head.field("authorization"), None);
    assert_eq!(received.head.field("cookie"), Some("a=1; b=2"));

    let forwarding = World::with_setup(|s| s.with("[credential]\nforward = true"));
    let token = forwarding.issuer.mint(json!({}));
    let value = format!("bEaReR {token}");
    let request = Request::get("/").field("authorization", &value);
    let received = forwarding.admits_request("forward", &request, &identity(&token));
    assert_eq!(received.head.field("authorization"), Some(&*value));
}

#[test]
fn h10_an_unverified_token_is_never_forwarded_as_a_token() {
    let world = World::with_setup(|s| s.with("[credential]\nforward = true"));
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    let request = Request::get("/public/x").bearer(&token);
    assert!(world.proxy.exchange(&request).is_from_upstream());
    let received = before.only_request("public");
    assert_eq!(received.head.field("authorization"), None);
}

#[test]
fn h10_cookies_of_an_http2_client_reach_an_http1_upstream_as_one_header() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let mut request = h2::get("/", &token);
    for crumb in ["a=1", "b=2", "c=3"] {
        request.headers_mut().append("cookie", crumb.parse().unwrap());
    }
    let before = world.mark();
    let client = H2::connect(world.proxy.address());
    assert_eq!(client.exchange(request).unwrap().status, 200);
    // RFC 9113 §8.2.3.
    let received = before.only_request("cookies");
    let cookies: Vec<_> = received.head.all("cookie").collect();
    assert_eq!(cookies, ["a=1; b=2; c=3"]);
}

#[test]
fn h11_the_answer_loses_what_was_for_one_connection_only() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|_| {
        Reply::with(
            200,
            &[
                ("connection", "keep-alive, set-cookie, x-hop"),
                ("keep-alive", "timeout=5"),
                ("proxy-authenticate", "Basic"),
                ("upgrade", "h2c"),
                ("x-hop", "1"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("x-end", "1"),
            ],
            b"body",
        )
    });
    let answer = world.proxy.get("/", Some(&token));
    assert_eq!(answer.status, 200);
    for gone in ["connection", "keep-alive", "proxy-authenticate", "upgrade", "x-hop"] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    let cookies: Vec<_> = answer.head.all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.field("x-end"), Some("1"));
    assert_eq!(answer.body.bytes, b"body");
}

#[test]
fn h11_interim_answers_of_the_upstream_come_to_one_answer() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|_| {
        let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(50);
        let last = "HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\ncontent-length: 2\r\n\r\nok";
        Reply::raw(interim + last)
    });
    let mut client = world.proxy.client();
    for _ in 0..2 {
        let answer = client.exchange(&Request::get("/").bearer(&token));
        assert_eq!((answer.status, &*answer.body.bytes), (200, &b"ok"[..]));
    }
}

#[test]
fn h12_credentials_of_a_connection_are_not_forwarded() {
    let world = World::with_setup(|s| s.with("[credential]\nforward = true"));
    for scheme in ["NTLM", "Negotiate", "negotiate", "nTlM"] {
        let before = world.mark();
        let value = format!("{scheme} {FORGED}");
        let request = Request::get("/public/x").field("authorization", value);
        assert!(world.proxy.exchange(&request).is_from_upstream());
        let received = before.only_request(scheme);
        assert_nothing_forged(scheme, &received);
    }
}

#[test]
fn t21_two_credentials_are_refused_before_any_header_is_touched() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let other = world.issuer.mint(json!({ "sub": "bob" }));
    let before = world.mark();
    let request = Request::get("/").bearer(&token).bearer(&other);
    let answer = world.proxy.exchange(&request);
    assert_refused("two", &answer, Reason::CredentialAmbiguous, &before);
}
