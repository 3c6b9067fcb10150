//! What a span says, which trace it belongs to, and which requests have one.

use serde_json::{Value, json};

use super::{Receiver, Scene, TRUSTING};
use crate::support::{
    client::Request,
    introspection::Endpoint,
    issuer::{AUDIENCE, Issuer},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn a_request_is_one_trace(protocol: &str) {
    let Some(mut receiver) = Receiver::start() else { return };
    let scene = Scene::start(&format!("{TRUSTING}{}", receiver.section(protocol, "sample = 0.0")));
    let request = Request::get("/public/a?token=s3cret")
        .field("traceparent", traceparent("01"))
        .field("tracestate", "a=1");
    let (answer, id) = scene.send(&request);
    assert_eq!(answer.status, 200);
    let spans = receiver.spans_of(&id);
    let own = &spans.own;
    assert_eq!((&own["trace"], &own["parent"]), (&json!(TRACE), &json!(PARENT)));
    assert_eq!(own["name"], "GET /public/**");
    assert_eq!(own["kind"], "SPAN_KIND_SERVER");
    assert_eq!(own["status"], "STATUS_CODE_UNSET");
    assert_eq!(own["resource"]["service.name"], "countersign");
    assert!(own["nanoseconds"].as_u64().unwrap() < 60_000_000_000, "{own}");
    assert!((0.0..60.0).contains(&own["since_start"].as_f64().unwrap()), "{own}");
    let expected = json!({
        "http.request.method": "GET",
        "http.route": "/public/**",
        "http.response.status_code": 200,
        "url.path": "/public/a",
        "url.scheme": "http",
        "server.address": "api.test",
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "countersign.request_id": id,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(own["attributes"].get(name), Some(value), "{name}: {own}");
    }
    let [attempt] = spans.attempts()[..] else { panic!("{:?}", spans.children) };
    assert_eq!(attempt["name"], "GET");
    assert_eq!(attempt["attributes"]["countersign.upstream"], "app");
    assert_eq!(attempt["attributes"]["http.response.status_code"], 200);
    assert_eq!(attempt["attributes"]["server.port"], scene.upstream.address().port());
    assert_eq!(spans.named("verify request").len(), 1);
    // The service's own span becomes a child of the attempt.
    let received = scene.upstream.requests().pop().unwrap();
    let passed_on = format!("00-{TRACE}-{}-01", attempt["id"].as_str().unwrap());
    assert_eq!(received.head.field("traceparent"), Some(&*passed_on));
    assert_eq!(received.head.field("tracestate"), Some("a=1"));
    assert!(receiver.spans.iter().all(|span| !span.to_string().contains("s3cret")));
    assert!(scene.spans("exported") >= 3);
}

#[test]
fn over_http_a_request_is_one_trace_with_the_peer_before_and_the_service_behind() {
    a_request_is_one_trace("http/protobuf");
}

#[test]
fn over_grpc_a_request_is_one_trace_with_the_peer_before_and_the_service_behind() {
    a_request_is_one_trace("grpc");
}

#[test]
fn o12_only_a_trusted_peer_decides_whether_a_request_is_sampled() {
    let Some(mut receiver) = Receiver::start() else { return };
    let none = receiver.section("http/protobuf", "sample = 0.0");
    let all = receiver.section("http/protobuf", "sample = 1.0");
    let always = "[request_id]\nanswers = \"all\"\ntraceparent = \"always\"\n";
    let send = |scene: &Scene, flags: &str| {
        scene.send(&Request::get("/public/").field("traceparent", traceparent(flags))).1
    };
    let trusting = Scene::start(&format!("{TRUSTING}{all}"));
    let unsampled = send(&trusting, "00");
    let (_, own) = trusting.send(&Request::get("/public/"));
    // Its spans come last, in the order of requests.
    let root = receiver.spans_of(&own).own;
    assert_eq!(root["parent"], "");
    assert_ne!(root["trace"], TRACE);
    assert!(!receiver.spans.iter().any(|it| it.to_string().contains(&unsampled)));

    let strangers = Scene::start(&none);
    send(&strangers, "01");
    let believing = Scene::start_over(always, &none, &[]);
    send(&believing, "01");
    for scene in [&strangers, &believing] {
        let received = scene.upstream.requests().pop().unwrap();
        let span = received.head.field("traceparent").and_then(|it| it.get(36..52));
        assert!(span.is_none_or(|span| span == PARENT), "no span of ours: {received:?}");
        assert_eq!(scene.spans("exported") + scene.spans("failed"), 0);
    }
}

#[test]
fn a_refusal_has_its_reason_and_no_error_and_the_token_is_nowhere() {
    let Some(mut receiver) = Receiver::start() else { return };
    let scene = Scene::start(&receiver.section("http/protobuf", "sample = 1.0"));
    let claims = json!({ "sub": "alice-in-person", "iat": 1, "exp": 2 });
    let token = scene.issuer.mint(claims);
    let (answer, id) = scene.send(&Request::get("/private").bearer(&token));
    assert_eq!(answer.status, 401);
    let Value::Object(own) = receiver.spans_of(&id).own else { panic!() };
    assert_eq!(own["attributes"]["http.response.status_code"], 401);
    assert!(own["attributes"]["countersign.reason"].is_string(), "{own:?}");
    assert_eq!(own["attributes"].get("error.type"), None);
    assert_eq!(own["status"], "STATUS_CODE_UNSET");
    let all = json!(receiver.spans).to_string();
    assert!(!all.contains("alice-in-person") && !all.contains(&token), "{all}");
}

#[test]
fn an_upstream_that_fails_is_an_error_of_its_attempt_and_of_the_request() {
    let Some(mut receiver) = Receiver::start() else { return };
    let scene = Scene::start(&receiver.section("http/protobuf", "sample = 1.0"));
    scene.upstream.answer_by(|_| crate::support::upstream::Reply::hang_up());
    let (answer, id) = scene.send(&Request::new("POST", "/public/a").body(b"x"));
    assert_eq!(answer.status, 502);
    let spans = receiver.spans_of(&id);
    assert_eq!(spans.own["status"], "STATUS_CODE_ERROR");
    assert_eq!(spans.own["attributes"]["error.type"], "upstream_broken");
    let attempts = spans.attempts();
    assert_eq!(attempts.last().unwrap()["attributes"]["error.type"], "upstream_broken");
}

#[test]
fn the_environment_fills_what_the_section_leaves_out_and_nothing_without_it() {
    let Some(mut receiver) = Receiver::start() else { return };
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}", receiver.ports["http"])),
        ("OTEL_SERVICE_NAME", "payments".to_owned()),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=pre%20prod".to_owned()),
        ("OTEL_TRACES_SAMPLER", "always_on".to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret".to_owned()),
    ];
    let unasked = Scene::start_with("", &environment);
    unasked.send(&Request::get("/public/"));
    let metrics = unasked.process.admin("/metrics").body.bytes;
    assert!(!String::from_utf8(metrics).unwrap().contains("otel_spans_total{"));

    let scene = Scene::start_with("[otel]\nservice_name = \"refunds\"\n", &environment);
    let (_, id) = scene.send(&Request::get("/public/"));
    let resource = receiver.spans_of(&id).own["resource"].clone();
    assert_eq!(resource["service.name"], "refunds", "what is written comes first");
    assert_eq!(resource["deployment.environment.name"], "pre prod");
    assert_eq!(receiver.exports[0]["authorization"], "Bearer s3cret");
    let shown = scene.process.admin("/config").body.bytes;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("# environment variable OTEL_TRACES_SAMPLER"), "{shown}");
    assert!(!shown.contains("s3cret") && !scene.process.log().contains("s3cret"));
}

#[test]
fn what_a_request_waits_for_is_a_child_and_what_is_cached_is_none() {
    let Some(mut receiver) = Receiver::start() else { return };
    let endpoint = Endpoint::start();
    let issuer = Issuer::usual();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "correct-horse").unwrap();
    let section = receiver.section("http/protobuf", "sample = 1.0");
    let scene = Scene::start(&format!(
        "[issuers.opaque]\nissuer = \"https://opaque.test\"\naudiences = [{AUDIENCE:?}]\n\
         [issuers.opaque.introspection]\nurl = {:?}\n\
         client_id = \"proxy\"\nclient_secret_file = {secret:?}\n{section}",
        endpoint.url("/introspect"),
    ));
    let mut claims = issuer.claims();
    claims["iss"] = json!("https://opaque.test");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    claims["iat"] = json!(now);
    claims["nbf"] = json!(now);
    claims["exp"] = json!(now + 300);
    let token = "an-opaque-token-of-enough-length-0123456789";
    endpoint.activate(token, &claims);
    let request = Request::get("/private").bearer(token);
    for expected in [1, 0] {
        let (answer, id) = scene.send(&request);
        assert_eq!(answer.status, 200, "{answer:?}");
        let spans = receiver.spans_of(&id);
        assert_eq!(spans.named("introspect token").len(), expected, "{:?}", spans.children);
        assert_eq!(spans.named("verify request").len(), 1);
    }
    assert!(!json!(receiver.spans).to_string().contains(token));
}
