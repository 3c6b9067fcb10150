//! gRPC: calls end to end, and refusals that a gRPC client understands.

use countersign::jose::Algorithm;
use http::{Request, Version};
use serde_json::json;

use crate::support::{
    bare,
    h2::{self, Frames, H2, H2Answer},
    h2_upstream::H2Upstream,
    issuer::Issuer,
    key_server::KeyServer,
    setup::Setup,
    upstream::Upstream,
    world::World,
};

/// A length-prefixed message.
const MESSAGE: &[u8] = b"\0\0\0\0\x05hello";

fn call(path: &str, content_type: &str, token: Option<&str>) -> Request<Frames> {
    let mut call =
        h2::request("POST", path).header("content-type", content_type).header("te", "trailers");
    if let Some(token) = token {
        call = call.header("authorization", format!("Bearer {token}"));
    }
    call.body(Frames::new(&[MESSAGE, MESSAGE], &[("x-auth-subject", "forged")])).unwrap()
}

#[test]
fn a_grpc_call_goes_through_with_its_trailers() {
    let upstream = H2Upstream::start();
    let mut world = bare::in_front_of(&upstream.url(), "");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let client = H2::connect(world.proxy.address());
    for _ in 0..3 {
        let answer =
            client.exchange(call("/pkg.Service/Method", "application/grpc", Some(&token))).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("content-type"), Some("application/grpc"));
        assert_eq!(answer.body, [MESSAGE, MESSAGE].concat());
        assert_eq!(answer.trailers["grpc-status"], "0");
        assert_eq!(answer.trailers["x-checksum"], "abc");
    }
    let head = &upstream.heads()[0];
    assert_eq!(head.version, Version::HTTP_2);
    assert_eq!(head.headers["te"], "trailers");
    assert_eq!(head.headers["x-auth-subject"], "alice");
    // H-4, over HTTP/2 on both sides.
    assert_eq!(upstream.trailers(), []);
}

#[track_caller]
fn assert_grpc_status(answer: &H2Answer, status: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.field("content-type"), Some("application/grpc"));
    assert_eq!(answer.field("grpc-status"), Some(status), "{answer:?}");
    assert!(answer.body.is_empty() && answer.trailers.is_empty());
}

#[test]
fn a_refused_grpc_call_is_answered_with_a_grpc_status() {
    let world = World::with_setup(|setup| {
        setup.routes(
            "[[routes]]\npath = \"/pkg.Service/**\"\n\
             [[routes]]\npath = \"/pkg.Admin/**\"\nscopes = [\"admin\"]",
        )
    });
    let before = world.mark();
    let client = H2::connect(world.proxy.address());
    let good = world.issuer.mint(json!({}));
    let expired = world.issuer.mint(json!({ "exp": 1 }));
    for (path, content_type, token, status) in [
        ("/pkg.Service/M", "application/grpc", None, "16"),
        ("/pkg.Service/M", "application/grpc+proto", None, "16"),
        ("/pkg.Service/M", "application/GRPC;v=1", None, "16"),
        ("/pkg.Service/M", "application/grpc", Some(&expired), "16"),
        ("/pkg.Admin/M", "application/grpc", Some(&good), "7"),
        ("/nowhere/M", "application/grpc", Some(&good), "7"),
        ("/pkg.Service/../M", "application/grpc", Some(&good), "3"),
    ] {
        let request = call(path, content_type, token.map(String::as_str));
        assert_grpc_status(&client.exchange(request).unwrap(), status);
    }
    let web = call("/pkg.Service/M", "application/grpc-web", None);
    assert_eq!(client.exchange(web).unwrap().status, 401);
    let get = h2::request("GET", "/pkg.Service/M").header("content-type", "application/grpc");
    let get = get.body(Frames::new(&[], &[])).unwrap();
    assert_eq!(client.exchange(get).unwrap().status, 401, "calls are POST");
    before.assert_untouched("grpc");
}

#[test]
fn a_grpc_call_that_cannot_be_decided_or_delivered_is_unavailable() {
    let world = bare::in_front_of(&bare::closed_port().replace("http", "h2c"), "");
    let client = H2::connect(world.proxy.address());
    let token = world.issuer.mint(json!({}));
    let answer = client.exchange(call("/s/M", "application/grpc", Some(&token)));
    assert_grpc_status(&answer.unwrap(), "14");

    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let issuer = Issuer::new("https://idp.test", &[Algorithm::Es256]);
    let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "");
    let proxy = setup.start_unready(&upstream);
    let client = H2::connect(proxy.address());
    let token = issuer.mint(json!({}));
    let answer = client.exchange(call("/s/M", "application/grpc", Some(&token)));
    assert_grpc_status(&answer.unwrap(), "14");
}
