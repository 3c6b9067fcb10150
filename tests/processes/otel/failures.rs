//! A receiver that is gone, slow, or does not want anything: requests are served as before.

use std::{fs, net::TcpListener, time::Duration};

use serde_json::json;

use super::{Receiver, Scene};
use crate::support::{client::Request, wait_until};

fn warnings(scene: &Scene) -> usize {
    scene.process.log().lines().filter(|line| line.contains("not exported")).count()
}

fn served(scene: &Scene, requests: usize) {
    let mut client = scene.process.client();
    for _ in 0..requests {
        assert_eq!(client.exchange(&Request::get("/public/")).status, 200);
    }
}

#[test]
fn a_receiver_that_is_busy_gets_the_same_spans_when_it_says_so() {
    let Some(mut receiver) = Receiver::start() else { return };
    for (protocol, busy, well) in [("http/protobuf", 503, 200), ("grpc", 14, 0)] {
        receiver.ask(json!({ "answer": busy, "headers": { "retry-after": "1" } }));
        let scene = Scene::start(&receiver.section(protocol, "sample = 1.0"));
        let (_, id) = scene.send(&Request::get("/public/"));
        let failing = "countersign_otel_export_failing{signal=\"traces\"}";
        wait_until("a failed export", || scene.count(failing) == 1);
        receiver.ask(json!({ "answer": well, "headers": {} }));
        receiver.spans_of(&id);
        wait_until("the count", || scene.spans("exported") >= 3);
        assert_eq!(scene.spans("failed") + scene.spans("queue_full"), 0);
        assert_eq!(scene.count(failing), 0);
        assert_eq!(warnings(&scene), 1);
        wait_until("the end in the log", || scene.process.log().contains("exported again"));
    }
}

#[test]
fn what_a_receiver_refuses_is_not_sent_again() {
    let Some(mut receiver) = Receiver::start() else { return };
    for (protocol, refusal) in [("http/protobuf", 400), ("grpc", 3)] {
        receiver.ask(json!({ "answer": refusal }));
        let scene = Scene::start(&receiver.section(protocol, "sample = 1.0"));
        served(&scene, 1);
        wait_until("a refusal", || scene.spans("rejected") >= 3);
        receiver.take();
        assert_eq!(receiver.exports.len(), 1, "{protocol}");
        receiver.exports.clear();
    }
    receiver.ask(json!({ "answer": 200, "reject": 1 }));
    let scene = Scene::start(&receiver.section("http/protobuf", "sample = 1.0"));
    served(&scene, 1);
    wait_until("a span that it does not want", || scene.spans("rejected") == 1);
}

#[test]
fn o12_a_receiver_that_is_gone_or_never_answers_costs_a_bounded_queue_and_one_line() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for at in [silent.local_addr().unwrap(), gone] {
        for protocol in ["http/protobuf", "grpc"] {
            let scene = Scene::start(&format!(
                "[otel]\nendpoint = \"http://{at}\"\nprotocol = \"{protocol}\"\nsample = 1.0\n\
                 queue = 10\ntimeout = \"200ms\"\n"
            ));
            served(&scene, 100);
            // A batch is on its way, and ten requests wait: there is no room for the others.
            wait_until("dropped spans", || scene.spans("queue_full") >= 3 * 50);
            wait_until("the line", || warnings(&scene) == 1);
            served(&scene, 100);
            assert_eq!(warnings(&scene), 1, "{}", scene.process.log());
        }
    }
}

#[test]
fn the_headers_of_a_file_are_sent_and_shown_nowhere() {
    let Some(mut receiver) = Receiver::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    fs::write(&file, "authorization: Bearer s3cret\n").unwrap();
    for protocol in ["http/protobuf", "grpc"] {
        let more = format!("sample = 1.0\nheaders_file = {:?}", file.display().to_string());
        let scene = Scene::start(&receiver.section(protocol, &more));
        let (_, id) = scene.send(&Request::get("/public/"));
        receiver.spans_of(&id);
        let export = receiver.exports.pop().unwrap();
        assert_eq!(export["authorization"], "Bearer s3cret");
        if protocol == "grpc" {
            let left = export["deadline"].as_f64().unwrap();
            assert!((1.0..=10.0).contains(&left), "{left}");
        }
        for page in ["/config", "/metrics", "/readyz?verbose"] {
            let page = String::from_utf8(scene.process.admin(page).body.bytes).unwrap();
            assert!(!page.contains("s3cret"), "{page}");
        }
        assert!(!scene.process.log().contains("s3cret"));
    }
}

#[test]
fn what_waits_at_the_end_is_exported_and_a_slow_receiver_does_not_keep_the_process() {
    let Some(mut receiver) = Receiver::start() else { return };
    let scene = Scene::start(&receiver.section("http/protobuf", "sample = 1.0"));
    let (_, id) = scene.send(&Request::get("/public/"));
    scene.process.stop();
    receiver.spans_of(&id);
    receiver.ask(json!({ "delay": 60 }));
    let scene = Scene::start(&receiver.section("http/protobuf", "sample = 1.0"));
    scene.send(&Request::get("/public/"));
    let began = std::time::Instant::now();
    scene.process.stop();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
