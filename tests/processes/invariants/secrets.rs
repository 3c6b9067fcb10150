//! INV-4: no token is shown anywhere.

use countersign::reason::Reason;
use serde_json::json;

use crate::{
    invariants::timeless,
    support::{
        client::Request,
        h2,
        issuer::{Issuer, parts},
        journal::Journal,
        key_server::{KeyServer, Page},
        process::Process,
        setup::Setup,
        upstream::Upstream,
        wait_until,
        world::{JWKS, World},
    },
};

/// The program with a log of every level, and two of its tokens.
struct Traced {
    process: Process,
    good: String,
    expired: String,
    _key_server: KeyServer,
}

impl Traced {
    fn start(upstream: &Upstream) -> Self {
        let (key_server, issuer) = (KeyServer::start(), Issuer::usual());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", "")
            .with("[log]\nlevel = \"trace\"\nformat = \"json\"\naccess_log = true")
            .with(
                "[credential]\nsources = [{ header = \"authorization\", \
                   scheme = \"Bearer\" }, { query = \"access_token\" }]",
            );
        let process = Process::start(&setup, upstream);
        let good = timeless(&issuer, "alice");
        let expired = issuer.mint(json!({ "iat": 0, "exp": 1 }));
        Self { process, good, expired, _key_server: key_server }
    }
}

#[test]
fn inv4_o2_no_log_of_any_library_shows_a_token_over_http2() {
    let upstream = Upstream::start();
    let Traced { process, good, expired, _key_server } = Traced::start(&upstream);
    let mut connection = h2::RawH2::connect(process.address(), &[]);
    for (stream, token, admitted) in [(1, &good, true), (3, &expired, false), (5, &good, true)] {
        process.journal().note_sent(&Request::get("/").bearer(token).bytes());
        connection.get(stream, "/", token);
        let status = connection.read_status(stream).unwrap();
        assert_eq!(status == 200, admitted, "{status}");
    }
    // A header block that can't be decoded is what libraries like to quote.
    let field = format!("Bearer {good}");
    connection.headers(7, &[("Authorization", field.as_bytes())], true);
    connection.read_to_end();
    wait_until("the refusal's line", || process.log().contains("token_expired"));
    let log = process.log();
    assert!(log.contains("h2::"), "the library is heard at all");
    process.journal().assert_no_secret_in("standard error", &log);
}

#[test]
fn inv4_o2_no_log_of_any_library_shows_a_token_over_http1() {
    let upstream = Upstream::start();
    let Traced { process, good, expired, _key_server } = Traced::start(&upstream);
    let mut client = process.client();
    for (token, status) in [(&good, 200), (&expired, 401), (&good, 200)] {
        assert_eq!(client.exchange(&Request::get("/").bearer(token)).status, status);
    }
    wait_until("the refusal's line", || process.log().contains("token_expired"));
    let log = process.log();
    assert!(log.contains("TRACE"), "at every level");
    process.journal().assert_no_secret_in("standard error", &log);
}

#[test]
fn inv4_t25_no_log_of_any_library_shows_a_token_of_a_query() {
    let upstream = Upstream::start();
    let Traced { process, good, expired, _key_server } = Traced::start(&upstream);
    let target = |token: &str| format!("/hub?access_token={token}");
    let mut client = process.client();
    for (token, status) in [(&good, 200), (&expired, 401)] {
        assert_eq!(client.exchange(&Request::get(&target(token))).status, status);
    }
    // What is no target is what libraries like to quote.
    let mut broken = process.client();
    assert_eq!(broken.exchange(&Request::get(&format!("{}\u{e4}\"", target(&good)))).status, 400);
    let get = |path: &str| {
        let mut connection = h2::RawH2::connect(process.address(), &[]);
        let fields = [
            (":method", b"GET".as_slice()),
            (":scheme", b"http"),
            (":path", path.as_bytes()),
            (":authority", b"api.test"),
        ];
        connection.headers(1, &fields, true);
        connection
    };
    assert_eq!(get(&target(&good)).read_status(1), Some(200));
    assert_ne!(get(&target(&expired)).read_status(1), Some(200));
    let reset = get(&format!("{} x", target(&good))).read_until(h2::RST_STREAM, 1);
    assert!(reset.is_some(), "no path");
    wait_until("the refusal's line", || process.log().matches("token_expired").count() == 2);
    // That of the reset is behind whatever is said about its cause.
    wait_until("the reset's line", || process.log().contains("PROTOCOL_ERROR"));
    let log = process.log();
    assert!(log.contains("h2::") && log.contains("TRACE"), "the libraries are heard");
    for token in [&good, &expired] {
        let [_, claims, signature] = parts(token);
        assert!(!log.contains(claims) && !log.contains(signature), "{log}");
    }
}

#[test]
fn inv4_the_harness_hears_what_is_logged() {
    let world = World::start();
    let token = world.issuer.mint(json!({ "exp": 1 }));
    world.refuses("expired", &token, Reason::TokenExpired);
    let logs = world.proxy.logs();
    assert!(logs.contains("token_expired"), "the refusal is logged: {logs}");
    assert!(logs.contains("TRACE") || logs.contains("DEBUG"), "at every level");
}

#[test]
#[should_panic(expected = "INV-4")]
fn inv4_the_harness_notices_a_token_that_is_shown() {
    let journal = Journal::default();
    let token = Issuer::usual().mint(json!({}));
    journal.note_sent(&Request::get("/").bearer(&token).bytes());
    journal.assert_no_secret_in("a log line", &format!("denied token={token}"));
}
