//! Over HTTP/2, for gRPC calls and in handshakes of tunnels.

use crate::{
    support::{
        client::Request,
        h2::{self, Frames, H2},
        upstream::Reply,
        wire::Head,
    },
    upstream_credentials::scene::{EXCHANGE, Scene, denied},
};

#[test]
fn over_http_2_the_service_receives_it_as_well() {
    let mut scene = Scene::exchange("");
    // The journal has no part in HTTP/2.
    scene.world.proxy.expect_unmatched_answers();
    let token = scene.caller("alice");
    let before = scene.world.mark();
    let answer = H2::connect(scene.world.proxy.address()).exchange(h2::get("/", &token)).unwrap();
    assert_eq!(answer.status, 200);
    let received = before.only_request("HTTP/2");
    let authorization = received.head.field("authorization").unwrap();
    assert!(authorization.contains(".alice."), "{authorization}");
}

#[test]
fn a_grpc_client_is_told_in_its_own_way() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    let call = || {
        h2::request("POST", "/pkg.Service/Method")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {token}"))
            .body(Frames::new(&[b"\0\0\0\0\0"], &[]))
            .unwrap()
    };
    let client = H2::connect(scene.world.proxy.address());
    scene.endpoint.answer_by(|_| denied(400, "invalid_grant"));
    let refused = client.exchange(call()).unwrap();
    assert_eq!(refused.field("grpc-status"), Some("7"), "{refused:?}");
    scene.world.proxy.advance(5);
    scene.endpoint.answer_by(|_| denied(500, ""));
    let unavailable = client.exchange(call()).unwrap();
    assert_eq!(unavailable.field("grpc-status"), Some("14"), "{unavailable:?}");
    assert!(scene.world.upstream.requests().is_empty());
}

#[test]
fn a_websocket_s_handshake_carries_it() {
    let mut scene = Scene::start(EXCHANGE, |setup| setup);
    scene.world.proxy.expect_unmatched_answers();
    let token = scene.caller("alice");
    scene.world.upstream.answer_by(|received| {
        assert!(received.head.field("authorization").unwrap().contains(".alice."));
        Reply::raw(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
        .then_close()
    });
    let request = Request::get("/chat")
        .field("connection", "Upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .bearer(&token);
    let mut client = scene.world.proxy.client();
    client.send(&request.bytes());
    let answer = Head::read(client.stream()).unwrap().unwrap();
    assert!(answer.start.contains(" 101 "), "{answer:?}");
}
