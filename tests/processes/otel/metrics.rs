//! The families of `/metrics`, as the receiver reads them.

use super::{Receiver, Scene};
use crate::support::{client::Request, wait_until};

fn metrics_are_exported_where_that_is_wanted(protocol: &str) {
    let Some(mut receiver) = Receiver::start() else { return };
    let more = "sample = 0.0\nmetrics = true\nmetrics_interval = \"1s\"";
    let scene = Scene::start(&receiver.section(protocol, more));
    for _ in 0..3 {
        scene.send(&Request::get("/public/"));
    }
    let requests = "countersign_request_seconds";
    wait_until("three requests", || {
        receiver.take();
        let points = receiver.metrics.get(requests).map(|it| it["points"].clone());
        let points = points.as_ref().and_then(|it| it.as_array()).cloned().unwrap_or_default();
        points.iter().any(|point| {
            assert_eq!(point["buckets"], point["value"]);
            point["value"] == 3 && point["attributes"]["route"] == "/public/**"
        })
    });
    assert_eq!(receiver.metrics[requests]["kind"], "histogram");
    assert_eq!(receiver.metrics["countersign_connections"]["kind"], "gauge");
    assert_eq!(receiver.metrics["countersign_connections_accepted_total"]["kind"], "sum");
    assert!(receiver.spans.is_empty());
}

#[test]
fn over_http_metrics_are_exported_where_that_is_wanted() {
    metrics_are_exported_where_that_is_wanted("http/protobuf");
}

#[test]
fn over_grpc_metrics_are_exported_where_that_is_wanted() {
    metrics_are_exported_where_that_is_wanted("grpc");
}
