//! O-9: the id of a request, and the trace that it belongs to.

use crate::support::{
    client::Request,
    h2::{self, H2},
    logs::field,
    world::World,
};

const THEIRS: &str = "669a22c2-73dd-4bfe-b51e-d71fb473fd54";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRUSTING: &str = "[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\"]";

fn marked(path: &str) -> Request {
    let request = Request::get(path).field("x-request-id", THEIRS);
    request.field("traceparent", TRACE).field("tracestate", "a=1")
}

/// What the upstream receives of a request with an id and a trace.
fn received(world: &World) -> (String, Option<String>) {
    assert_eq!(world.proxy.exchange(&marked("/public/")).status, 200);
    let received = world.upstream.requests().pop().unwrap();
    assert_eq!(
        received.head.field("traceparent").is_some(),
        received.head.field("tracestate").is_some()
    );
    (
        received.head.request_id.0.clone().unwrap(),
        received.head.field("traceparent").map(str::to_owned),
    )
}

#[test]
fn o9_a_request_has_one_id_upstream_in_its_answer_and_in_its_line() {
    let world = World::start();
    let (id, _) = received(&world);
    assert_eq!(id.len(), 36, "{id}");
    let logs = world.proxy.worker_logs();
    let passed = logs.lines().rfind(|line| line.contains("countersign::access: request")).unwrap();
    assert_eq!(field(passed, "id"), Some(&*id));

    let refused = world.proxy.get("/", None);
    let id = refused.head.request_id.0.unwrap();
    let logs = world.proxy.worker_logs();
    let lines: Vec<_> = logs.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("denied reason=\"credential_missing\""), "{lines:?}");
    let again = world.proxy.get("/", None);
    assert_ne!(again.head.request_id.0.unwrap(), id);

    let http2 = H2::connect(world.proxy.address());
    let request = h2::request("GET", "/").header("x-request-id", THEIRS);
    let answer = http2.exchange(request.body(h2::Frames::default()).unwrap()).unwrap();
    let id = answer.request_id.unwrap();
    assert_ne!(id, THEIRS);
    assert!(world.proxy.worker_logs().contains(id.to_str().unwrap()));
}

#[test]
fn o9_a_client_chooses_neither_its_id_nor_what_is_sampled() {
    let (id, trace) = received(&World::start());
    assert_ne!(id, THEIRS);
    assert_eq!(trace, None);
    let (id, trace) = received(&World::with_setup(|setup| setup.with(TRUSTING)));
    assert_eq!(id, THEIRS);
    assert_eq!(trace.as_deref(), Some(TRACE));
    let always = "[request_id]\ntraceparent = \"always\"";
    let (id, trace) = received(&World::with_setup(|setup| setup.with(always)));
    assert_ne!(id, THEIRS);
    assert_eq!(trace.as_deref(), Some(TRACE));
}

#[test]
fn o9_no_variant_of_the_header_passes_and_no_connection_option_takes_it_away() {
    let world = World::with_setup(|setup| setup.with("[forwarding]\ndrop_underscores = false"));
    let request = Request::get("/public/")
        .field("x_request_id", THEIRS)
        .field("x.request.id", THEIRS)
        .field("connection", "x-request-id");
    assert_eq!(world.proxy.exchange(&request).status, 200);
    let received = world.upstream.requests().pop().unwrap();
    assert!(!format!("{:?}", received.head).contains(THEIRS), "{received:?}");
    assert!(received.head.request_id.0.is_some());
}

#[test]
fn the_header_and_who_gets_it_are_up_to_the_operator() {
    let setting = "[request_id]\nheader = \"x-correlation-id\"\nanswers = \"all\"";
    let world = World::with_setup(|setup| setup.with(setting));
    let passed = world.proxy.exchange(&marked("/public/"));
    let received = world.upstream.requests().pop().unwrap();
    assert_eq!(passed.field("x-correlation-id"), received.head.field("x-correlation-id"));
    assert!(passed.field("x-correlation-id").is_some());
    assert_eq!(received.head.request_id.0.as_deref(), Some(THEIRS), "now the service's own");
    let silent = World::with_setup(|setup| setup.with("[request_id]\nanswers = \"none\""));
    assert_eq!(silent.proxy.get("/", None).head.request_id.0, None);
}
