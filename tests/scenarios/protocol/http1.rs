//! HTTP/1.1 towards clients.

use std::{
    io::{Read, Write},
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    DEADLINE,
    client::Request,
    oracle::{assert_refused, assert_turned_away},
    upstream::Reply,
    wire::Head,
    world::World,
};

#[test]
fn one_connection_serves_many_requests_with_their_own_decisions() {
    let world = World::start();
    let (good, bad) = (world.issuer.mint(json!({})), world.issuer.mint(json!({ "exp": 1 })));
    let mut client = world.proxy.client();
    for _ in 0..20 {
        let answer = client.exchange(&Request::get("/").bearer(&good));
        assert!(answer.is_from_upstream());
        let before = world.mark();
        let answer = client.exchange(&Request::get("/").bearer(&bad));
        assert_refused("bad", &answer, Reason::TokenExpired, &before);
        let answer = client.exchange(&Request::get("/"));
        assert_refused("none", &answer, Reason::CredentialMissing, &before);
    }
}

#[test]
fn reuse_n_sequential_requests_take_one_upstream_connection() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for _ in 0..10 {
        let mut client = world.proxy.client();
        for _ in 0..5 {
            let request = Request::new("POST", "/").bearer(&token).body(b"body");
            assert_eq!(client.exchange(&request).status, 200);
        }
    }
    assert_eq!(world.upstream.requests().len(), 50);
    assert_eq!(world.upstream.connections().len(), 1);
}

#[test]
fn f8_pipelined_requests_are_answered_in_order() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|received| {
        let path = received.target().to_owned();
        Reply::with(200, &[("x-path", &path)], b"ok")
    });
    let mut client = world.proxy.client();
    let mut all = Vec::new();
    for n in 0..20 {
        let request = Request::new("POST", &format!("/{n}")).body(b"body");
        let with_token = n % 2 == 0;
        let request = if with_token { request.bearer(&token) } else { request };
        all.extend(request.bytes());
    }
    client.send(&all);
    for n in 0..20 {
        let answer = client.read();
        if n % 2 == 0 {
            assert_eq!(answer.field("x-path"), Some(&*format!("/{n}")));
        } else {
            assert_eq!(answer.status, 401, "{n}");
        }
    }
}

#[test]
fn f8_an_answer_does_not_wait_for_the_request_behind_it() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    world.upstream.answer_by(move |received| {
        if received.target() == "/slow" {
            let _ = released.lock().unwrap().recv();
        }
        Reply::ok()
    });
    let mut client = world.proxy.client();
    let quick = Request::get("/quick").bearer(&token);
    let slow = Request::get("/slow").bearer(&token);
    client.send(&[quick.bytes(), slow.bytes()].concat());
    assert!(client.read().is_from_upstream());
    release.send(()).unwrap();
    assert!(client.read().is_from_upstream());
}

#[test]
fn head_is_answered_with_the_length_and_no_body() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    world.upstream.answer_by(|received| match received.method() {
        "HEAD" => {
            Reply::raw("HTTP/1.1 200 OK\r\nx-answered-by: upstream\r\ncontent-length: 1234\r\n\r\n")
        }
        _ => Reply::ok(),
    });
    let mut client = world.proxy.client();
    for _ in 0..3 {
        client.send(&Request::new("HEAD", "/").bearer(&token).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        assert!(head.start.contains(" 200 "), "{head:?}");
        assert_eq!(head.field("content-length"), Some("1234"));
        client.send(&Request::new("HEAD", "/").bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        assert!(head.start.contains(" 401 "), "{head:?}");
    }
    let mut world = world;
    world.proxy.expect_unmatched_answers();
}

#[test]
fn s3_100_continue_comes_after_admission_only() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let expecting =
        |request: Request| request.field("expect", "100-continue").field("content-length", "4");
    let before = world.mark();
    let mut client = world.proxy.client();
    client.send(&expecting(Request::new("POST", "/").bearer(&token)).bytes());
    assert_eq!(client.read().status, 100);
    client.send(b"body");
    assert!(client.read().is_from_upstream());
    let received = before.only_request("expect");
    assert_eq!(received.body.bytes, b"body");
    assert_eq!(received.head.field("expect"), None);

    // Refused: the final answer at once, no 100, and what follows is not taken for a request.
    let before = world.mark();
    let mut client = world.proxy.client();
    client.send(&expecting(Request::new("POST", "/")).bytes());
    let answer = client.read();
    assert_refused("expect", &answer, Reason::CredentialMissing, &before);
    client.send(&Request::get("/public/smuggled").bytes());
    assert!(client.is_closed());
    before.assert_untouched("body after refusal");
}

#[test]
fn an_unknown_expectation_is_417() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for value in ["200-ok", "100-continue, x", "", "100-continue;x=1"] {
        let before = world.mark();
        let request = Request::get("/").bearer(&token).field("expect", value);
        let answer = world.proxy.exchange(&request);
        assert_refused(value, &answer, Reason::ExpectationNotSupported, &before);
        assert_eq!(answer.status, 417, "{value}");
    }
}

#[test]
fn f2_only_one_exact_chunked_is_taken() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    for codings in [
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: identity",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked;x=1",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding:",
        "transfer-encoding : chunked",
        "transfer-encoding: chun\r\n ked",
        "transfer_encoding: chunked\r\ntransfer-encoding: x",
    ] {
        let before = world.mark();
        let mut client = world.proxy.client();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: api.test\r\nauthorization: Bearer {token}\r\n{codings}\r\n\r\n"
        );
        client.send(format!("{head}4\r\nbody\r\n0\r\n\r\n").as_bytes());
        let answer = client.try_read().unwrap();
        assert_turned_away(codings, answer.as_ref(), &before);
        assert!(client.is_closed(), "{codings}");
    }
}

#[test]
fn f1_f3_f4_f5_f6_ambiguous_framing_is_refused_or_rewritten() {
    let mut world = World::start();
    // Each client closes its sending side, and may be taken for gone before its answer is there.
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let chunks = "4\r\nbody\r\n0\r\n\r\n";
    for (version, framing, body) in [
        ("1.1", "content-length: 4\r\ntransfer-encoding: chunked", chunks),
        ("1.1", "transfer-encoding: chunked\r\ncontent-length: 4", chunks),
        ("1.1", "content-length: 4\r\ncontent-length: 5", "body!"),
        ("1.1", "content-length: 4\r\ncontent-length: 4", "body"),
        ("1.1", "content-length: 4, 4", "body"),
        ("1.1", "content-length: +4", "body"),
        ("1.1", "content-length: -4", "body"),
        ("1.1", "content-length: 0x4", "body"),
        ("1.1", "content-length: 18446744073709551620", "body"),
        ("1.1", "content-length:", "body"),
        ("1.1", "content-length : 4", "body"),
        ("1.1", "Content-Length: 4\r\ncontent_length: 0", "body"),
        ("1.1", "transfer-encoding: chunked", "4;ext=\"a\"\r\nbody\r\n0\r\n\r\n"),
        ("1.1", "transfer-encoding: chunked", "0x4\r\nbody\r\n0\r\n\r\n"),
        ("1.1", "transfer-encoding: chunked", "4\nbody\n0\n\n"),
        ("1.1", "transfer-encoding: chunked", "10000000000000004\r\nbody\r\n0\r\n\r\n"),
        ("1.1", "transfer-encoding: chunked", "4\r\nbodyX\r\n0\r\n\r\n"),
        ("1.0", "transfer-encoding: chunked", chunks),
        ("1.2", "content-length: 4", "body"),
        ("2.0", "content-length: 4", "body"),
        ("1.1", "content-length: 4\r\nx: a\r\n b", "body"),
        ("1.1", "content-length: 4\r\nx: a\0b", "body"),
        ("1.1", "content-length: 4\r\n: empty", "body"),
        ("1.1", "content-length: 4\r\nbare\nline: x", "body"),
    ] {
        let case = format!("{version} {framing:?} {body:?}");
        let before = world.upstream.requests().len();
        let mut client = world.proxy.client();
        let head =
            format!("POST / HTTP/{version}\r\nhost: api.test\r\nauthorization: Bearer {token}\r\n");
        client.send(format!("{head}{framing}\r\n\r\n{body}").as_bytes());
        client.finish_sending();
        let answers: Vec<_> = std::iter::from_fn(|| client.try_read().unwrap()).collect();
        let forwarded = answers.iter().filter(|a| a.is_from_upstream()).count();
        assert!(answers.len() <= 2, "{case}: {answers:?}");
        let received = world.upstream.record().since(before);
        assert!(forwarded <= received.len(), "{case}: {received:?}");
        assert!(received.len() <= 1, "{case}: {received:?}");
        for received in received {
            let head = &received.head;
            let framings = [head.field("content-length"), head.field("transfer-encoding")];
            assert_eq!(framings.iter().flatten().count(), 1, "{case}: {head:?}");
            assert_eq!(received.body.bytes, b"body", "{case}");
            assert_eq!(head.field("content_length"), None, "{case}");
        }
    }
}

/// A body that a client sends although it has been refused already.
const LARGE: usize = 10 * 1024 * 1024;

#[test]
fn inv2_after_a_refusal_the_body_is_not_taken_for_a_request() {
    let world = World::start();
    let before = world.mark();
    let mut client = world.proxy.client();
    let smuggled = Request::get("/public/smuggled").bytes();
    let head = Request::new("POST", "/").field("content-length", smuggled.len().to_string());
    client.send(&head.bytes());
    assert_eq!(client.read().status, 401);
    client.send(&smuggled);
    // Drained or closed; no second answer.
    let mut rest = Vec::new();
    let _ = client.stream().get_ref().shutdown(Shutdown::Write);
    let _ = client.stream().read_to_end(&mut rest);
    assert_eq!(String::from_utf8_lossy(&rest), "");
    before.assert_untouched("smuggled");
}

#[test]
fn f9_an_upgrade_to_http2_is_not_passed_on() {
    let world = World::start();
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    let request = Request::get("/")
        .bearer(&token)
        .field("connection", "Upgrade, HTTP2-Settings")
        .field("upgrade", "h2c")
        .field("http2-settings", "AAMAAABkAAQAAP__");
    assert_eq!(world.proxy.exchange(&request).status, 200);
    let received = before.only_request("h2c");
    for gone in ["connection", "upgrade", "http2-settings"] {
        assert_eq!(received.head.field(gone), None, "{gone}");
    }
}

#[test]
fn a_client_that_goes_takes_its_upstream_request_along() {
    let gone = crate::support::bare::Meter::default();
    let seen = gone.clone();
    let waiting = crate::support::bare::upstream(move |_, mut reader| {
        // Nothing is answered; the proxy must hang up because its client did.
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        seen.add(1);
    });
    let world = crate::support::bare::in_front_of(&crate::support::bare::url(&waiting), "");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&Request::get("/").bearer(&token).bytes());
    crate::support::wait_until("the request upstream", || waiting.accepted() == 1);
    thread::sleep(Duration::from_millis(20));
    drop(client);
    crate::support::wait_until("the end of the upstream request", || gone.total() == 1);
}

#[test]
fn inv2_a_client_that_sends_before_it_reads_is_not_reset() {
    let world = World::start();
    let before = world.mark();
    let mut client = world.proxy.client();
    let head = Request::new("POST", "/").field("content-length", LARGE.to_string());
    client.send(&head.bytes());
    let sending = client.stream().get_mut();
    let zeros = vec![0; 64 * 1024];
    // Neither a broken pipe nor a reset, which could take the answer back on its way.
    for _ in 0..LARGE / zeros.len() {
        sending.write_all(&zeros).unwrap();
    }
    let answer = client.read();
    assert_refused("large", &answer, Reason::CredentialMissing, &before);
    assert!(client.is_closed());
    before.assert_untouched("large");
}

#[test]
fn inv2_a_client_that_never_stops_sending_is_cut() {
    let limits = "[server.limits]\nheader_timeout = \"300ms\"";
    let world = World::with_setup(|setup| setup.server(limits));
    let mut client = world.proxy.client();
    let head = Request::new("POST", "/").field("content-length", "1000000000000");
    client.send(&head.bytes());
    let sending = client.stream().get_mut();
    let begun = Instant::now();
    while sending.write_all(&[0; 1024]).is_ok() {
        assert!(begun.elapsed() < DEADLINE / 2, "still taken");
    }
}

#[test]
fn f7_bare_line_feeds_hide_nothing_from_policy() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let forged = "x-auth-subject: mallory";
    for (case, text) in [
        (
            "all of it",
            format!("GET / HTTP/1.1\nhost: api.test\nauthorization: Bearer {token}\n{forged}\n\n"),
        ),
        (
            "one line",
            format!(
                "GET / HTTP/1.1\r\nhost: api.test\r\nx: y\n{forged}\r\nauthorization: Bearer {token}\r\n\r\n"
            ),
        ),
        (
            "the end",
            format!(
                "GET / HTTP/1.1\r\nhost: api.test\r\n{forged}\r\nauthorization: Bearer {token}\r\n\n"
            ),
        ),
    ] {
        let seen = world.upstream.connections().concat().len();
        let before = world.mark();
        let mut client = world.proxy.client();
        client.send(text.as_bytes());
        let answer = client.try_read().unwrap();
        if answer.is_some_and(|answer| answer.is_from_upstream()) {
            let received = before.only_request(case);
            assert_eq!(received.head.field("x-auth-subject"), Some("alice"), "{case}");
        } else {
            before.assert_untouched(case);
        }
        let bytes = world.upstream.connections().concat().split_off(seen);
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "");
        assert!(!text.contains('\n'), "{case}: a bare line feed went on");
    }
}
