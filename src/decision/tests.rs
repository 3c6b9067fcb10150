//! The decision as a front end sees it, without a connection.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, request::Parts};
use http_body_util::{Empty, Full};
use tracing_subscriber::fmt::format::FmtSpan;

use super::*;
use crate::{
    clock::{Clock, ManualClock, UnixTime},
    gate::Gate,
    policy::ids::ListenerId,
    providers::Providers,
    settings::{Sources, load},
    telemetry::MetricRegistry,
};

const CONFIG: &str = r#"
[upstreams.app]
url = "http://127.0.0.1:1"

[signatures.partner]
signer = { fixed = "partner" }
body = "path"
[signatures.partner.keys]
hex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

[[routes]]
path = "/open"
access = "public"

[[routes]]
path = "/signed"
access = "public"
signature = "partner"
"#;

fn engine() -> (WorkerEngine, MetricRegistry) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let settings = load(&Sources { file: Some(file), ..Sources::default() });
    let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixTime(1_544_096_397)));
    let metrics = MetricRegistry::default();
    let (providers, _) = Providers::new(&settings.provider_parts(), &clock, &metrics).unwrap();
    let gate = Gate::new(&settings.gate_parts(), &providers, Arc::clone(&clock), &metrics);
    let engine = Engine::new(&settings.engine_parts(), gate, None, None, clock, &metrics);
    (WorkerEngine::new(Arc::new(engine)), metrics)
}

fn head(method: &str, path: &str) -> Parts {
    let request = Request::builder().method(method).uri(path).header("host", "app.test");
    request.header("content-type", "application/grpc").body(()).unwrap().into_parts().0
}

fn peer() -> Peer {
    Peer { address: None, scheme: "https", certificate: None }
}

fn begin(engine: &WorkerEngine, form: RefusalForm) -> Exchange<'_> {
    let (peer, headers) = (peer(), HeaderMap::new());
    let arrival =
        RequestArrival { listener: Some(ListenerId::FIRST), peer: &peer, headers: &headers };
    engine.exchange(form, &arrival)
}

/// Nothing here waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn what_may_pass_comes_back_with_its_body_unread() {
    let (engine, _) = engine();
    let exchange = begin(&engine, RefusalForm::Http);
    let mut head = head("POST", "/open");
    let body = Full::new(Bytes::from_static(b"body"));
    let client = peer();
    let forward = now(exchange.decide(&mut head, Some(body), &client)).unwrap();
    assert_eq!(forward.request.path(), "/open");
    assert!(matches!(forward.body, VerifiedBody::Unread(Some(_))));
    forward.origin.unwrap().set(&mut head.headers);
    assert_eq!(head.headers["x-forwarded-proto"], "https");
}

#[test]
fn s2_without_its_body_no_request_passes_that_has_to_be_signed() {
    let (engine, metrics) = engine();
    for method in ["GET", "POST"] {
        let exchange = begin(&engine, RefusalForm::Http);
        let body = None::<Empty<Bytes>>;
        let client = peer();
        let refusal = now(exchange.decide(&mut head(method, "/signed"), body, &client));
        let response = refusal.unwrap_err().into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{method}");
    }
    let denied = r#"countersign_requests_total{outcome="denied",route="/signed"} 2"#;
    assert!(metrics.render().contains(denied));
}

#[test]
fn a_refusal_looks_as_its_receiver_wants_it_whatever_the_request_is() {
    let (engine, _) = engine();
    for (form, status) in
        [(RefusalForm::Http, StatusCode::FORBIDDEN), (RefusalForm::Grpc, StatusCode::OK)]
    {
        let exchange = begin(&engine, form);
        let body = None::<Empty<Bytes>>;
        let client = peer();
        let refusal = now(exchange.decide(&mut head("POST", "/nowhere"), body, &client));
        assert_eq!(refusal.unwrap_err().into_response().status(), status, "{form:?}");
    }
}

#[test]
fn a_refusal_by_the_front_end_counts_for_the_route_that_was_found() {
    let (engine, metrics) = engine();
    let exchange = begin(&engine, RefusalForm::Http);
    let body = None::<Empty<Bytes>>;
    let client = peer();
    let _admitted = now(exchange.decide(&mut head("GET", "/open"), body, &client)).unwrap();
    exchange.refuse(crate::reason::Reason::RequestNotCanonical);
    let denied = r#"countersign_requests_total{outcome="denied",route="/open"} 1"#;
    assert!(metrics.render().contains(denied));
}

/// The lines of spans that have ended while `run` ran.
fn spans_of(run: impl FnOnce()) -> String {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || Sink(Arc::clone(&sink)))
        .finish();
    tracing::subscriber::with_default(subscriber, run);
    let lines = lines.lock().unwrap().clone();
    String::from_utf8(lines).unwrap()
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_span_of_a_request_has_its_route_and_outcome_whether_it_passes_or_not() {
    let (engine, _) = engine();
    let spans = spans_of(|| {
        for path in ["/open", "/signed", "/nowhere"] {
            let exchange = begin(&engine, RefusalForm::Http);
            let body = None::<Empty<Bytes>>;
            let client = peer();
            if now(exchange.decide(&mut head("GET", path), body, &client)).is_ok() {
                exchange.end(Outcome::Forwarded);
            }
        }
    });
    for (route, outcome) in [("/open", "forwarded"), ("/signed", "denied"), ("(none)", "denied")] {
        let fields = format!("request{{route=\"{route}\" issuer=\"\" outcome=\"{outcome}\"}}");
        assert!(spans.contains(&fields), "{fields} is not in {spans}");
    }
}
