//! What a reload does to the exporter.

use std::fs;

use serde_json::json;

use super::{Receiver, Scene};
use crate::support::{client::Request, wait_until};

/// Has the file changed and read, and waits until that is in force.
fn reload(scene: &Scene, change: impl Fn(String) -> String) {
    let applied = "countersign_reload_attempts_total{outcome=\"applied\",trigger=\"signal\"}";
    let (file, before) = (scene.process.config(), scene.count(applied));
    fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
    scene.process.signal("HUP");
    wait_until("the reload", || scene.count(applied) == before + 1);
}

#[test]
fn spans_go_on_over_a_reload_and_to_another_receiver_by_one() {
    let (Some(mut first), Some(mut second)) = (Receiver::start(), Receiver::start()) else {
        return;
    };
    let scene = Scene::start(&first.section("http/protobuf", "sample = 1.0"));
    let (_, id) = scene.send(&Request::get("/public/a"));
    first.spans_of(&id);
    reload(&scene, |text| text.replace("sample = 1.0", "sample = 1.0\nservice_name = \"renamed\""));
    let (_, id) = scene.send(&Request::get("/public/b"));
    assert_eq!(first.spans_of(&id).own["resource"]["service.name"], "renamed");

    let (of_first, of_second) = (first.ports["http"].clone(), second.ports["http"].clone());
    // What waits for the earlier receiver still goes there.
    let (_, last) = scene.send(&Request::get("/public/c"));
    reload(&scene, |text| text.replace(&format!(":{of_first}"), &format!(":{of_second}")));
    let (_, id) = scene.send(&Request::get("/public/d"));
    second.spans_of(&id);
    first.spans_of(&last);
    assert_eq!(scene.spans("failed") + scene.spans("queue_full"), 0);

    reload(&scene, |text| {
        let section = text.find("[otel]").unwrap();
        let end = text[section..].find("\n\n").map_or(text.len(), |at| section + at);
        format!("{}{}", &text[..section], &text[end..])
    });
    let exported = scene.spans("exported");
    scene.send(&Request::get("/public/e"));
    second.take();
    assert!(!second.spans.iter().any(|span| span["attributes"]["url.path"] == "/public/e"));
    assert_eq!(scene.spans("exported"), exported);
}

#[test]
fn a_receiver_that_fails_is_a_note_and_the_process_stays_ready() {
    let Some(mut receiver) = Receiver::start() else { return };
    receiver.ask(json!({ "answer": 503, "headers": {} }));
    let scene = Scene::start(&receiver.section("http/protobuf", "sample = 1.0"));
    let readiness =
        || String::from_utf8(scene.process.admin("/readyz?verbose").body.bytes).unwrap();
    assert!(readiness().contains("receiver of traces http://"), "{}", readiness());
    let (_, id) = scene.send(&Request::get("/public/"));
    wait_until("the note", || {
        let text = readiness();
        let line = text.lines().find(|line| line.starts_with("receiver of traces ")).unwrap();
        line.contains("missing, not required since ")
    });
    assert!(readiness().starts_with("ready since "), "{}", readiness());
    let up = format!(
        "countersign_dependency_up{{kind=\"trace_receiver\",name=\"http://127.0.0.1:{}\"}}",
        receiver.ports["http"]
    );
    wait_until("the metric", || {
        let metrics = String::from_utf8(scene.process.admin("/metrics").body.bytes).unwrap();
        metrics.lines().any(|line| line.starts_with(&up[..up.len() - 2]) && line.ends_with(" 0"))
    });
    receiver.ask(json!({ "answer": 200, "headers": {} }));
    receiver.spans_of(&id);
    wait_until("the end", || !readiness().contains("missing"));
}
