//! An admitted request without an answer: 502 and 504 with a reason, as the denial profile says it.

use std::io::{Read, Write};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    bare,
    client::Request,
    h2::{self, Frames, H2},
    listening::Listening,
    oracle::status_of,
    world::World,
};

const QUICK: &str = "response_timeout = \"200ms\"\nconnect_timeout = \"200ms\"";

/// An upstream that sends these bytes to each request and closes; `None`: it never sends any.
fn sending(bytes: Option<&'static [u8]>) -> Listening {
    bare::upstream(move |_, mut reader| match bytes {
        Some(bytes) => reader.get_mut().write_all(bytes).unwrap(),
        None => drop(reader.read_to_end(&mut Vec::new())),
    })
}

/// The failure has that reason in the answer, the log and the metric, over both versions.
#[track_caller]
fn assert_fails(url: &str, reason: Reason) {
    let mut world = bare::in_front_of(url, QUICK);
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let answer = world.proxy.get("/", Some(&token));
    assert_eq!((answer.status, answer.reason()), (status_of(reason), Some(reason.to_string())));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(answer.field("www-authenticate"), None);
    let over_http2 = H2::connect(world.proxy.address()).exchange(h2::get("/", &token)).unwrap();
    assert_eq!(over_http2.status, status_of(reason));
    assert_eq!(over_http2.body, answer.body.bytes);

    let counted = |name: &str, rest: &str, count: f64| {
        let found = world.proxy.metric(&format!("countersign_{name}{rest}"));
        assert!((found - count).abs() < f64::EPSILON, "{name}{rest}: {found}");
    };
    let failures = format!("{{reason=\"{reason}\",upstream=\"other\"}}");
    counted("upstream_failures_total", &failures, 2.0);
    counted("requests_total", "{outcome=\"failed\",route=\"/**\"}", 2.0);
    let denials = format!("{{issuer=\"corp\",reason=\"{reason}\"}}");
    // It is no refusal.
    counted("denials_total", &denials, 0.0);
    let logs = world.proxy.worker_logs();
    let line = logs.lines().find(|line| line.contains("no response from the upstream")).unwrap();
    assert!(line.contains(&format!("reason=\"{reason}\"")), "{line}");
    assert!(line.contains("upstream=\"other\"") && line.contains("route=\"/**\""), "{line}");
}

#[test]
fn d9_each_failure_of_an_upstream_has_its_reason() {
    assert_fails(&bare::closed_port(), Reason::UpstreamUnreachable);
    assert_fails(&bare::closed_port().replace("http", "h2c"), Reason::UpstreamUnreachable);
    assert_fails("unix:/nonexistent/countersign-test.sock", Reason::UpstreamUnreachable);
    for (sent, reason) in [
        (Some(&b""[..]), Reason::UpstreamBroken),
        (None, Reason::UpstreamTimeout),
        (Some(b"SSH-2.0-OpenSSH\r\n\r\n"), Reason::UpstreamResponseInvalid),
        (
            Some(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody"),
            Reason::UpstreamResponseInvalid,
        ),
        (
            Some(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
            Reason::UpstreamResponseInvalid,
        ),
    ] {
        assert_fails(&bare::url(&sending(sent)), reason);
    }
}

#[test]
fn an_upstream_that_answers_has_every_failure_at_zero() {
    let world = World::start();
    assert_eq!(world.proxy.get("/", Some(&world.issuer.mint(json!({})))).status, 200);
    let metrics = world.proxy.metrics();
    let failures = "countersign_upstream_failures_total{";
    let series: Vec<_> = metrics.lines().filter(|line| line.starts_with(failures)).collect();
    assert!(series.len() >= 5 && series.iter().all(|line| line.ends_with("} 0")), "{series:?}");
}

/// The answer of a failing upstream under that profile, without its date.
fn under(profile: &str) -> (World, String) {
    let world = World::with_setup(|setup| {
        setup
            .with(&format!("[upstreams.other]\nurl = \"{}\"", bare::closed_port()))
            .with(
                "[denials]\n[denials.profiles.own.upstream_failed]\nstatus = 503\n\
                 content_type = \"text/html\"\nbody = \"<p>{reason}</p>\"",
            )
            .routes(&format!(
                "[[routes]]\npath = \"/**\"\nupstream = \"other\"\ndenials = \"{profile}\""
            ))
    });
    let answer = world.proxy.get("/", Some(&world.issuer.mint(json!({}))));
    let body = String::from_utf8(answer.body.bytes.clone()).unwrap();
    let text = format!("{} {:?} {body}", answer.status, answer.field("content-type"));
    (world, text)
}

#[test]
fn a_failure_looks_as_the_profile_of_its_route_says() {
    for (profile, expected) in [
        ("rfc6750", "502 None "),
        ("empty", "502 None "),
        ("ubirch", "502 None "),
        (
            "problem",
            "502 Some(\"application/problem+json\") {\"status\":502,\"title\":\"Bad Gateway\"}\n",
        ),
        ("genauth", "502 Some(\"application/json\") {\"code\":502,\"message\":\"Bad Gateway\"}"),
        ("own", "503 Some(\"text/html\") <p>upstream_unreachable</p>"),
    ] {
        assert_eq!(under(profile).1, expected, "{profile}");
    }
}

#[test]
fn the_id_that_a_failure_calls_itself_is_in_its_log_line() {
    let (world, text) = under("ocen");
    let body = text.strip_prefix("502 Some(\"application/json\") ").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"], "502");
    let id = format!("id={}", body["traceId"].as_str().unwrap());
    let logs = world.proxy.worker_logs();
    let mut lines = logs.lines().filter(|line| line.contains("no response from the upstream"));
    assert!(lines.next().unwrap().contains(&id), "{logs}");
}

#[test]
fn a_grpc_client_gets_the_failure_as_its_status() {
    for (url, status) in [
        (bare::closed_port(), "14"),
        (bare::url(&sending(None)), "4"),
        (bare::url(&sending(Some(b"nonsense\r\n\r\n"))), "14"),
    ] {
        let world = bare::in_front_of(&url, QUICK);
        let token = world.issuer.mint(json!({}));
        let call = h2::request("POST", "/s/M")
            .header("content-type", "application/grpc")
            .header("authorization", format!("Bearer {token}"))
            .body(Frames::new(&[b"\0\0\0\0\0"], &[]))
            .unwrap();
        let answer = H2::connect(world.proxy.address()).exchange(call).unwrap();
        assert_eq!((answer.status, answer.field("grpc-status")), (200, Some(status)), "{url}");
        assert!(answer.body.is_empty());
        let plain = Request::new("POST", "/").bearer(&token).body(b"x");
        assert!(world.proxy.exchange(&plain).status >= 502);
    }
}
