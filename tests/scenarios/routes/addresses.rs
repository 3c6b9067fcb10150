//! Routes that only some addresses may use.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    h2::{self, Frames, H2},
    logs::subject_in,
    oracle::assert_refused,
    world::{World, identity},
};

const TRUSTING: &str = "[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";

/// A world whose `/inner/**` takes these addresses only, and `/public/**` any.
fn world(addresses: &str, forwarding: &str) -> World {
    World::with_setup(|setup| {
        setup.with(forwarding).routes(&format!(
            "[[routes]]\npath = \"/inner/**\"\naddresses = {{ {addresses} }}\n\
             [[routes]]\npath = \"/inner/open\"\naccess = \"public\"\n\
             addresses = {{ {addresses} }}\n\
             [[routes]]\npath = \"/public/**\"\naccess = \"public\""
        ))
    })
}

/// A request that says these things of where it comes from.
fn forwarded(target: &str, lines: &[&str]) -> Request {
    let request = Request::get(target);
    lines.iter().fold(request, |request, line| request.field("x-forwarded-for", line))
}

/// Refused over both versions, whatever the token.
#[track_caller]
fn assert_closed(world: &World, case: &str, lines: &[&str]) {
    let token = world.issuer.mint(json!({}));
    let client = H2::connect(world.proxy.address());
    for target in ["/inner/a", "/inner/open"] {
        let request = forwarded(target, lines);
        world.refuses_request(case, &request, Reason::AddressNotAllowed);
        world.refuses_request(case, &request.bearer(&token), Reason::AddressNotAllowed);
        let mut request = h2::get(target, &token);
        for line in lines {
            request.headers_mut().append("x-forwarded-for", line.parse().unwrap());
        }
        let before = world.mark();
        assert_eq!(client.exchange(request).unwrap().status, 403, "{case}");
        before.assert_untouched(case);
    }
    let elsewhere = world.proxy.exchange(&forwarded("/public/a", lines));
    assert!(elsewhere.is_from_upstream(), "{case}: {elsewhere:?}");
}

#[track_caller]
fn assert_open(world: &World, case: &str, lines: &[&str]) {
    let token = world.issuer.mint(json!({}));
    let request = forwarded("/inner/a", lines).bearer(&token);
    world.admits_request(case, &request, &identity(&token));
    let open = world.proxy.exchange(&forwarded("/inner/open", lines));
    assert!(open.is_from_upstream(), "{case}: {open:?}");
    let without = forwarded("/inner/a", lines);
    world.refuses_request(case, &without, Reason::CredentialMissing);
}

#[test]
fn a_route_takes_the_addresses_that_it_allows() {
    assert_open(&world("allow = [\"127.0.0.1\"]", ""), "allowed", &[]);
    assert_open(&world("deny = [\"127.0.0.2\", \"10.0.0.0/8\"]", ""), "not denied", &[]);
    assert_closed(&world("allow = [\"10.0.0.0/8\", \"::1\"]", ""), "not allowed", &[]);
    assert_closed(&world("deny = [\"127.0.0.1\"]", ""), "denied", &[]);
    let both = "allow = [\"127.0.0.0/8\"], deny = [\"127.0.0.1\"]";
    assert_closed(&world(both, ""), "allowed and denied", &[]);
}

#[test]
fn h9_what_a_client_says_of_itself_opens_no_route() {
    let world = world("allow = [\"10.0.0.0/8\"]", "");
    for said in ["10.1.1.1", "10.1.1.1, 127.0.0.1", "127.0.0.1, 10.1.1.1"] {
        assert_closed(&world, said, &[said]);
    }
    let token = world.issuer.mint(json!({}));
    for name in ["x-real-ip", "forwarded", "x_forwarded_for", "true-client-ip", "x-client-ip"] {
        let value = if name == "forwarded" { "for=10.1.1.1" } else { "10.1.1.1" };
        let request = Request::get("/inner/a").bearer(&token).field(name, value);
        world.refuses_request(name, &request, Reason::AddressNotAllowed);
    }
}

#[test]
fn h9_behind_a_trusted_proxy_the_client_is_whom_the_proxy_has_seen() {
    let world = world("allow = [\"192.0.2.0/24\"]", TRUSTING);
    assert_open(&world, "the client", &["192.0.2.7"]);
    assert_open(&world, "through two proxies", &["192.0.2.7, 10.0.0.2"]);
    assert_open(&world, "in two lines", &["198.51.100.1", "192.0.2.7"]);
    assert_open(&world, "with a port", &["192.0.2.7:50000"]);
    for (case, lines) in [
        ("made up by the client", &["192.0.2.7, 198.51.100.1"][..]),
        ("made up, and through two", &["192.0.2.7, 198.51.100.1, 10.0.0.2"]),
        ("made up in another line", &["192.0.2.7", "198.51.100.1"]),
        ("no address", &["192.0.2.7, unknown"]),
        ("nothing: the proxy itself", &[]),
        ("nothing but commas", &[", ,"]),
        ("proxies only", &["10.0.0.9"]),
    ] {
        assert_closed(&world, case, lines);
    }
}

#[test]
fn h9_an_address_that_is_not_known_opens_no_route() {
    let denying = world("deny = [\"192.0.2.0/24\"]", TRUSTING);
    assert_open(&denying, "known", &["198.51.100.1"]);
    assert_closed(&denying, "denied", &["192.0.2.7"]);
    assert_closed(&denying, "unknown", &["unknown"]);
    let logs = denying.proxy.worker_logs();
    let line = |expected: &str| logs.lines().filter_map(subject_in).any(|it| it == expected);
    assert!(line("the client's address is not known; setting: addresses"), "{logs}");
    let denied = "the client's address is not allowed; found: 192.0.2.7; setting: addresses";
    assert!(line(denied), "{logs}");
}

/// Over a unix socket the peer has no address.
#[test]
fn h9_over_a_unix_socket_only_a_trusted_proxy_has_an_address_to_tell() {
    for (forwarding, said, status) in [
        ("", None, "403"),
        ("", Some("192.0.2.7"), "403"),
        ("[forwarding]\ntrusted_proxies = [\"unix\"]", None, "403"),
        ("[forwarding]\ntrusted_proxies = [\"unix\"]", Some("198.51.100.1"), "403"),
        ("[forwarding]\ntrusted_proxies = [\"unix\"]", Some("192.0.2.7, 198.51.100.1"), "403"),
        ("[forwarding]\ntrusted_proxies = [\"unix\"]", Some("192.0.2.7"), "200"),
    ] {
        // One of its own: the proxy of the row before may not have let go of its socket yet.
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("in.sock");
        let mut world = World::with_setup(|setup| {
            setup
                .server(&format!("listen = \"unix:{}\"", socket.display()))
                .with(forwarding)
                .routes(
                    "[[routes]]\npath = \"/**\"\naccess = \"public\"\n\
                     addresses.allow = [\"192.0.2.0/24\"]",
                )
        });
        world.proxy.expect_unmatched_answers();
        let request = forwarded("/", said.as_slice()).field("connection", "close");
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(&request.bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{said:?}: {answer}");
        assert_eq!(world.upstream.requests().len(), usize::from(status == "200"), "{said:?}");
    }
}

#[test]
fn a_preflight_comes_from_an_address_as_well() {
    for preflights in ["answer", "pass"] {
        let world = World::with_setup(|setup| {
            setup
                .with(&format!(
                    "[cors]\norigins = [\"https://app.test\"]\npreflights = \"{preflights}\"\n\
                     {TRUSTING}"
                ))
                .routes(
                    "[[routes]]\npath = \"/**\"\ncors = true\n\
                     addresses.deny = [\"192.0.2.0/24\"]",
                )
        });
        let preflight = |from: &str| {
            Request::new("OPTIONS", "/a")
                .field("origin", "https://app.test")
                .field("access-control-request-method", "PUT")
                .field("x-forwarded-for", from)
        };
        let before = world.mark();
        let refused = world.proxy.exchange(&preflight("192.0.2.7"));
        assert_refused(preflights, &refused, Reason::AddressNotAllowed, &before);
        assert!(world.proxy.exchange(&preflight("198.51.100.1")).status < 300, "{preflights}");
    }
}

#[test]
fn a_refused_upload_is_not_read_and_a_grpc_client_is_refused_by_its_status() {
    let world = world("deny = [\"127.0.0.0/8\"]", "");
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    let upload = Request::new("POST", "/inner/a").bearer(&token).body(b"body");
    let answer = world.proxy.exchange(&upload);
    assert_refused("upload", &answer, Reason::AddressNotAllowed, &before);
    let call = h2::request("POST", "/inner/a")
        .header("content-type", "application/grpc")
        .body(Frames::new(&[b"\0\0\0\0\0"], &[]))
        .unwrap();
    let answer = H2::connect(world.proxy.address()).exchange(call).unwrap();
    assert_eq!((answer.status, answer.field("grpc-status")), (200, Some("7")));
    before.assert_untouched("grpc");
}
