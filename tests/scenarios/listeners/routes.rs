//! Each listener has its own routes, or all of them.

use countersign::reason::Reason;

use super::scene::{request, world};
use crate::support::client::Request;

const LISTENERS: &str = r#"
[[listeners]]
name = "inside"
listen = "127.0.0.1:0"

[[listeners]]
name = "outside"
listen = "127.0.0.1:0"
routes = ["open", "read"]
hosts = ["api.test"]
"#;

/// The most specific route for `/admin/x` is inside only.
const ROUTES: &str = r#"
[[routes]]
name = "open"
path = "/**"
access = "public"

[[routes]]
path = "/admin/**"

[[routes]]
name = "read"
path = "/loans/*"
methods = ["GET"]
access = "public"

[[routes]]
path = "/loans/*"
methods = ["POST"]
access = "public"
"#;

const INSIDE: usize = 1;
const OUTSIDE: usize = 2;

#[test]
fn n3_a_route_of_another_listener_is_unknown_and_nothing_less_specific_takes_its_place() {
    let world = world(LISTENERS, Some(ROUTES), "");
    let client = |listener| world.proxy.client_of(listener);
    assert!(client(OUTSIDE).exchange(&Request::get("/x")).is_from_upstream());
    for listener in [0, INSIDE] {
        let admin = client(listener).exchange(&Request::get("/admin/x"));
        assert_eq!(admin.reason().as_deref(), Some("credential_missing"));
    }
    let before = world.mark();
    for path in ["/admin/x", "/admin", "/admin/", "//admin/x"] {
        let answer = client(OUTSIDE).exchange(&Request::get(path));
        assert_eq!(answer.reason().as_deref(), Some("route_unknown"), "{path}");
    }
    before.assert_untouched("of another listener");
}

#[test]
fn n3_of_the_routes_at_one_place_only_those_of_the_listener_count() {
    let world = world(LISTENERS, Some(ROUTES), "");
    let post = Request::new("POST", "/loans/1");
    assert!(world.proxy.client_of(INSIDE).exchange(&post).is_from_upstream());
    let before = world.mark();
    let refused = world.proxy.client_of(OUTSIDE).exchange(&post);
    assert_eq!(refused.reason().as_deref(), Some(Reason::MethodNotAllowed.code()));
    before.assert_untouched("a method of another listener");
    let get = world.proxy.client_of(OUTSIDE).exchange(&Request::get("/loans/1"));
    assert!(get.is_from_upstream());
}

#[test]
fn n3_a_listener_takes_its_hosts_only() {
    let world = world(LISTENERS, Some(ROUTES), "");
    let before = world.mark();
    for host in ["other.test", "x.api.test", "127.0.0.1"] {
        let answer = world.proxy.client_of(OUTSIDE).exchange(&Request::to(host, "GET", "/x"));
        assert_eq!(answer.reason().as_deref(), Some("route_unknown"), "{host}");
    }
    before.assert_untouched("another host");
    let with_port = Request::to("API.test:8443", "GET", "/x");
    assert!(world.proxy.client_of(OUTSIDE).exchange(&with_port).is_from_upstream());
    let elsewhere = Request::to("other.test", "GET", "/x");
    assert!(world.proxy.client_of(INSIDE).exchange(&elsewhere).is_from_upstream());
}

/// Such as an answer without TLS, and the service with it.
#[test]
fn two_listeners_may_have_different_routes_at_the_same_place() {
    let routes = "[[routes]]\nname = \"plain\"\npath = \"/**\"\nmethods = [\"HEAD\"]\n\
                  access = \"public\"\n[[routes]]\nname = \"all\"\npath = \"/**\"\n";
    let listeners = "[[listeners]]\nname = \"a\"\nlisten = \"127.0.0.1:0\"\nroutes = [\"plain\"]\n\
                     [[listeners]]\nname = \"b\"\nlisten = \"127.0.0.1:0\"\nroutes = [\"all\"]\n";
    let world = world(listeners, Some(routes), "");
    let get = request(&world);
    assert_eq!(world.proxy.client_of(1).exchange(&get).status, 405);
    assert!(world.proxy.client_of(2).exchange(&get).is_from_upstream());
}

#[test]
fn a_named_route_has_its_name_in_metrics() {
    let world = world(LISTENERS, Some(ROUTES), "");
    assert!(world.proxy.client_of(OUTSIDE).exchange(&Request::get("/x")).is_from_upstream());
    let series = r#"countersign_requests_total{outcome="forwarded",route="open"}"#;
    assert!(world.proxy.metric(series) >= 1.0);
}

#[test]
fn x3_a_listener_that_a_reload_removes_is_closed_and_the_others_go_on() {
    let world = world(LISTENERS, Some(ROUTES), "");
    let request = Request::get("/x");
    let mut kept = world.proxy.client_of(OUTSIDE);
    assert!(kept.exchange(&request).is_from_upstream());
    let text = world.proxy.page("/config");
    let (before, after) = text.split_once("[[listeners]]\nname = \"outside\"").unwrap();
    let rest = after.split_once("\n[").map_or("", |(_, rest)| rest);
    let less = format!("{before}[{rest}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, less).unwrap();
    let sources = countersign::settings::Sources { file: Some(file), ..Default::default() };
    world.proxy.server().reload(countersign::settings::load(&sources).unwrap()).unwrap();
    assert!(kept.is_closed(), "between requests");
    let gone = world.proxy.address_of(OUTSIDE);
    crate::support::wait_until("the port to be free", || {
        std::net::TcpStream::connect(gone).is_err()
    });
    assert!(world.proxy.client_of(INSIDE).exchange(&request).is_from_upstream());
}
