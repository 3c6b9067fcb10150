//! An upstream that is switched off: the operator's text in place of its answers.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    h2::{self, Frames, H2},
    oracle::assert_refused,
    world::World,
};

/// `/off/**` has an upstream in maintenance, and the rest one in use.
fn world(maintenance: &str, more: &str) -> World {
    World::with_setup(|setup| {
        setup
            .with(&format!(
                "[upstreams.off]\nurl = \"http://127.0.0.1:1\"\nmaintenance = {maintenance}\n{more}"
            ))
            .routes(
                "[[routes]]\npath = \"/off/**\"\nupstream = \"off\"\n\
                 [[routes]]\npath = \"/off/open\"\nupstream = \"off\"\naccess = \"public\"\n\
                 [[routes]]\npath = \"/off/inner\"\nupstream = \"off\"\n\
                 addresses.deny = [\"127.0.0.0/8\"]\n\
                 [[routes]]\npath = \"/**\"\nupstream = \"app\"",
            )
    })
}

#[test]
fn every_request_for_it_gets_the_text_and_others_pass() {
    let world = world("\"back at 6 pm\"", "");
    let token = world.issuer.mint(json!({}));
    for request in [
        Request::get("/off/open"),
        Request::get("/off/a").bearer(&token),
        Request::get("/off/a"),
        Request::new("POST", "/off/a").body(b"body"),
    ] {
        let answer = world.proxy.exchange(&request);
        assert_eq!((answer.status, &answer.body.bytes[..]), (503, &b"back at 6 pm"[..]));
        assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.field("retry-after"), Some("60"));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    }
    let over_http2 = H2::connect(world.proxy.address()).exchange(h2::get("/off/a", "x")).unwrap();
    assert_eq!((over_http2.status, &over_http2.body[..]), (503, &b"back at 6 pm"[..]));
    let mut client = world.proxy.client();
    client.send(&Request::new("HEAD", "/off/a").field("connection", "close").bytes());
    let mut head = String::new();
    std::io::Read::read_to_string(client.stream(), &mut head).unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.ends_with("\r\n\r\n"), "{head}");

    let call = h2::request("POST", "/off/s")
        .header("content-type", "application/grpc")
        .body(Frames::new(&[b"\0\0\0\0\0"], &[]))
        .unwrap();
    let call = H2::connect(world.proxy.address()).exchange(call).unwrap();
    assert_eq!((call.status, call.field("grpc-status")), (200, Some("14")));
    assert_eq!(call.field("grpc-message"), Some("back at 6 pm"));

    assert_eq!(world.proxy.get("/on", Some(&token)).status, 200);
    let denials = "countersign_denials_total{issuer=\"\",reason=\"upstream_maintenance\"}";
    assert!((world.proxy.metric(denials) - 7.0).abs() < f64::EPSILON);
}

#[test]
fn an_address_that_the_route_does_not_take_is_refused_before() {
    let world = world("\"back at 6 pm\"", "");
    let before = world.mark();
    let answer = world.proxy.get("/off/inner", None);
    assert_refused("address", &answer, Reason::AddressNotAllowed, &before);
}

#[test]
fn the_operator_says_what_is_answered_and_until_when_under_every_profile() {
    for profile in ["rfc6750", "problem", "ocen", "empty"] {
        let maintenance = "{ text = \"<p>sp\u{e4}ter</p>\\n\", content_type = \"text/html\", \
                           retry_after = \"2h\" }";
        let world = world(maintenance, &format!("[denials]\nprofile = \"{profile}\""));
        let answer = world.proxy.get("/off/open", None);
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("7200")));
        assert_eq!(answer.field("content-type"), Some("text/html"));
        assert_eq!(answer.body.bytes, "<p>sp\u{e4}ter</p>\n".as_bytes(), "{profile}");
    }
}

#[test]
fn a_page_reads_the_text_and_its_preflight_is_answered() {
    for (preflights, status) in [("answer", 204), ("pass", 503)] {
        let cors = "[cors]\norigins = [\"https://app.test\"]\nall_routes = true";
        let world = world("\"back at 6 pm\"", &format!("{cors}\npreflights = \"{preflights}\""));
        let from_page =
            |request: Request| world.proxy.exchange(&request.field("origin", "https://app.test"));
        let preflight = Request::new("OPTIONS", "/off/a")
            .field("access-control-request-method", "PUT")
            .field("access-control-request-headers", "authorization");
        assert_eq!(from_page(preflight).status, status, "{preflights}");
        let answer = from_page(Request::get("/off/a"));
        assert_eq!(answer.status, 503);
        assert_eq!(answer.field("access-control-allow-origin"), Some("https://app.test"));
    }
}

/// A redirect has no upstream: not even the first by name, which is the one that is off here.
#[test]
fn a_redirect_is_answered_whatever_is_switched_off() {
    let world = World::with_setup(|setup| {
        setup
            .with("[upstreams.a]\nurl = \"http://127.0.0.1:1\"\nmaintenance = \"back at 6 pm\"")
            .routes(
                "[[routes]]\npath = \"/old/**\"\nredirect.to = \"/new/{rest}\"\n\
                 [[routes]]\npath = \"/off/**\"\nupstream = \"a\"\naccess = \"public\"\n\
                 [[routes]]\npath = \"/**\"\nupstream = \"app\"",
            )
    });
    let answer = world.proxy.get("/old/a", None);
    assert_eq!((answer.status, answer.field("location")), (308, Some("/new/a")));
    assert_eq!(world.proxy.get("/off/a", None).status, 503);
}
