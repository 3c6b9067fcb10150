//! What the proxy answers itself: preflights, and the metadata of resources.

use serde_json::{Value, json};

use super::{CONTROL, checks, explain};
use crate::support::world::World;

const APP: &str = "https://app.test";
const ROUTES: &str = "[[routes]]\npath = \"/loans/**\"\nmethods = [\"PUT\"]\ncors = true\n";

fn world(cors: &str) -> World {
    let cors = format!("{CONTROL}[cors]\norigins = [\"{APP}\"]\n{cors}");
    World::with_setup(|setup| setup.with(&cors).routes(ROUTES))
}

fn preflight(origin: &str, method: &str) -> Value {
    let headers = json!({ "origin": origin, "access-control-request-method": method });
    json!({ "method": "OPTIONS", "path": "/loans/1", "headers": headers })
}

#[test]
fn a_preflight_takes_the_route_of_what_it_announces() {
    let world = world("");
    let answered = explain(&world, &preflight(APP, "PUT"));
    assert_eq!(answered["verdict"], "admitted", "{answered}");
    assert_eq!(
        (&answered["route"], &answered["own_answer"]),
        (&json!("PUT /loans/**"), &json!("the answer to a preflight"))
    );
    assert!(answered["forwarded"].is_null(), "{answered}");
    let foreign = explain(&world, &preflight("https://evil.test", "PUT"));
    assert_eq!(foreign["reason"], "origin_not_allowed", "{foreign}");
    assert_eq!(checks(&foreign, "failed"), ["origin"]);
    let unrouted = explain(&world, &preflight(APP, "DELETE"));
    assert_eq!(unrouted["reason"], "method_not_allowed", "{unrouted}");
    let preflights = "countersign_requests_total{outcome=\"preflight\",route=\"PUT /loans/**\"}";
    assert!(world.proxy.metric(preflights).abs() < 0.5, "nothing is counted");
}

#[test]
fn a_preflight_that_is_passed_on_is_shown_as_its_service_gets_it() {
    let passed = explain(&world("preflights = \"pass\""), &preflight(APP, "PUT"));
    assert_eq!(passed["forwarded"]["path"], "/loans/1", "{passed}");
    assert!(passed["own_answer"].is_null(), "{passed}");
}

#[test]
fn the_metadata_of_a_resource_is_answered_before_any_route() {
    let resource = "[resources.files]\nid = \"https://api.test/mcp\"\n";
    let routes = "[[routes]]\npath = \"/mcp/**\"\nresource = \"files\"\n";
    let world =
        World::with_setup(|setup| setup.with(&format!("{CONTROL}{resource}")).routes(routes));
    let path = "/.well-known/oauth-protected-resource/mcp";
    let answered = explain(&world, &json!({ "path": path, "host": "api.test" }));
    assert_eq!(answered["own_answer"], "the metadata of a protected resource", "{answered}");
    assert!(answered["route"].is_null(), "{answered}");
    let elsewhere = explain(&world, &json!({ "path": format!("{path}/x"), "host": "api.test" }));
    assert_eq!(elsewhere["reason"], "route_unknown", "{elsewhere}");
}
