//! The spans of the attempts to reach a service.

use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use super::{Receiver, Scene, Spans};
use crate::support::{
    client::Request,
    flaky::{Break, Flaky},
    h2_upstream::H2Upstream,
    raw_h2_upstream::{REFUSED_STREAM, RawH2Upstream, Step},
};

/// An address that refuses connections.
fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn start(receiver: &Receiver, urls: &[String]) -> Scene {
    let otel = receiver.section("http/protobuf", "sample = 1.0");
    let lines = format!("[upstreams.other]\nurls = {urls:?}\nbalance = \"round-robin\"\n{otel}");
    let route = "[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"other\"";
    Scene::start_changed(|setup, _| setup.with(&lines).routes(route))
}

/// The spans of the first request that took two attempts, and those attempts. Which endpoint comes
/// first is up to the balance.
fn of_two_attempts(scene: &Scene, receiver: &mut Receiver) -> (Spans, [Value; 2]) {
    (0..20)
        .find_map(|_| {
            let (answer, id) = scene.send(&Request::get("/a"));
            assert_eq!(answer.status, 200, "{answer:?}");
            let spans = receiver.spans_of(&id);
            let attempts: Vec<_> = spans.attempts().into_iter().cloned().collect();
            Some((spans, attempts.try_into().ok()?))
        })
        .expect("a request with two attempts")
}

#[test]
fn each_attempt_is_a_span_and_the_service_continues_the_one_that_it_answers() {
    let Some(mut receiver) = Receiver::start() else { return };
    let (gone, upstream) = (refusing(), H2Upstream::start());
    let scene = start(&receiver, &[format!("h2c://{gone}"), upstream.url()]);
    let (spans, [failed, answered]) = of_two_attempts(&scene, &mut receiver);
    assert_eq!(failed["attributes"]["server.port"], gone.port());
    assert_eq!(failed["status"], "STATUS_CODE_ERROR");
    assert_eq!(answered["attributes"]["http.request.resend_count"], 1, "{answered}");
    assert_eq!(answered["attributes"]["http.response.status_code"], 200);
    assert_eq!(spans.own["status"], "STATUS_CODE_UNSET", "the request did not fail");
    let received = upstream.heads().pop().unwrap();
    let parent = received.headers["traceparent"].to_str().unwrap().to_owned();
    assert!(parent.contains(answered["id"].as_str().unwrap()), "{parent}");
}

#[test]
fn an_attempt_that_another_one_makes_up_for_has_the_reason_of_its_failure() {
    let Some(mut receiver) = Receiver::start() else { return };
    let gone = refusing();
    let closing = || Flaky::start(Break::Close);
    let refused_once = RawH2Upstream::start(1, |call| match call.number {
        0 => vec![Step::Reset(REFUSED_STREAM)],
        _ => vec![Step::Answer],
    });
    let (http1, h2c, closing, h2) = (closing(), H2Upstream::start(), closing(), refused_once);
    for (urls, reason) in [
        (vec![format!("http://{gone}"), http1.url()], "upstream_unreachable"),
        (vec![format!("h2c://{gone}"), h2c.url()], "upstream_unreachable"),
        (vec![closing.url()], "upstream_broken"),
        (vec![h2.url()], "upstream_broken"),
    ] {
        let scene = start(&receiver, &urls);
        let (_, [failed, answered]) = of_two_attempts(&scene, &mut receiver);
        assert_eq!(failed["attributes"]["error.type"], reason, "{urls:?}: {failed}");
        assert_eq!(answered["attributes"].get("error.type"), None, "{urls:?}: {answered}");
    }
}
