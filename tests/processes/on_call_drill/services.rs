//! Services that are slow or break, and bodies for which there is no room.

use std::time::Duration;

use serde_json::json;

use super::stage::{Scene, Stage};
use crate::support::{client::Request, upstream::Reply, wait_until};

fn in_front_of(reply: impl Fn() -> Reply + Send + 'static) -> Scene {
    let stage = Stage::new();
    stage.upstream.answer_by(move |_| reply());
    let setup = stage.setup("").routes("[[routes]]\npath = \"/**\"\nresponse_timeout = \"200ms\"");
    stage.start(&setup)
}

pub(super) fn slow() -> Scene {
    let scene = in_front_of(|| Reply::ok().after(Duration::from_secs(10)));
    assert_eq!(scene.get(&scene.token(json!({}))), 504);
    scene
}

pub(super) fn reset() -> Scene {
    let scene = in_front_of(Reply::hang_up);
    assert_eq!(scene.get(&scene.token(json!({}))), 502);
    scene
}

pub(super) fn full_buffer() -> Scene {
    const LARGEST: usize = 4096;
    let stage = Stage::new();
    let setup = stage
        .setup("")
        .server("[server.limits]\nbody_bytes = \"4KiB\"\nbuffer_bytes = \"4KiB\"")
        .routes("[[routes]]\npath = \"/**\"\nbody = \"buffer\"");
    let scene = stage.start(&setup);
    let token = scene.token(json!({}));
    let upload = || Request::new("POST", "/upload").bearer(&token);
    let mut first = scene.process.client();
    first.send(&upload().field("content-length", LARGEST.to_string()).bytes());
    first.send(&[b'x'; LARGEST - 1]);
    let is_held = || scene.process.metric("countersign_held_body_bytes") > 0.0;
    wait_until("the first upload", is_held);
    assert_eq!(scene.ask(&upload().body(&[b'x'; LARGEST])), 503);
    scene.beside(first)
}
