//! Resources and step-up with tokens that only the issuer can tell about (RFC 9470 §6.2).

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::{
    introspection::scene::Scene,
    support::{NOW, client::Request, issuer::AUDIENCE},
};

const FILES: &str = "https://api.test/mcp";

const ROUTES: &str = r#"
[[routes]]
path = "/mcp"
resource = "files"

[[routes]]
path = "/fresh"
acr = ["urn:test:mfa"]
max_age = "10s"

[[routes]]
path = "/**"
"#;

fn scene() -> Scene {
    let resources = format!("[resources.files]\nid = \"{FILES}\"");
    Scene::with("", |setup| setup.with(&resources).routes(ROUTES))
}

/// The reason; none: the upstream answered. Twice, cold and warm.
fn reason(scene: &Scene, path: &str, token: &str) -> Option<Reason> {
    let request = Request::get(path).bearer(token);
    let [cold, warm] = [(); 2].map(|()| scene.world.proxy.exchange(&request).reason());
    assert_eq!(cold, warm, "{path}");
    Reason::ALL.iter().copied().find(|reason| Some(reason.code()) == warm.as_deref())
}

#[test]
fn c07_an_opaque_token_for_the_resource_is_for_no_other_route() {
    let scene = scene();
    let token = |name: &str, aud: Value| scene.active(name, json!({ "aud": aud }));
    let (files, own) = (token("files", json!(FILES)), token("own", json!(AUDIENCE)));
    let both = token("both", json!([FILES, AUDIENCE]));
    for _ in 0..2 {
        assert_eq!(reason(&scene, "/mcp", &files), None);
        assert_eq!(reason(&scene, "/x", &files), Some(Reason::AudienceMismatch));
        assert_eq!(reason(&scene, "/mcp", &own), Some(Reason::AudienceMismatch));
        assert_eq!(reason(&scene, "/x", &own), None);
        assert_eq!(reason(&scene, "/mcp", &both), None);
        assert_eq!(reason(&scene, "/x", &both), None);
    }
}

/// What the endpoint may leave out by `audiences = "any"` of the introspection, a resource still
/// asks for.
#[test]
fn c07_an_answer_without_audience_is_for_no_resource() {
    let resources = format!("[resources.files]\nid = \"{FILES}\"");
    let scene = Scene::with("audiences = \"any\"", |setup| setup.with(&resources).routes(ROUTES));
    let token = scene.active("without", json!({ "aud": null }));
    assert_eq!(reason(&scene, "/x", &token), None);
    assert_eq!(reason(&scene, "/mcp", &token), Some(Reason::AudienceMismatch));
}

#[test]
fn c19_the_authentication_of_an_opaque_token_is_judged_by_the_answer_and_the_clock() {
    let scene = scene();
    let strong = json!({ "acr": "urn:test:mfa", "auth_time": NOW - 5 });
    let token = scene.active("strong", strong);
    assert_eq!(reason(&scene, "/fresh", &token), None);
    scene.world.proxy.advance(6);
    assert_eq!(reason(&scene, "/fresh", &token), Some(Reason::AuthenticationTooOld));
    assert_eq!(reason(&scene, "/x", &token), None);
    let weak = scene.active("weak", json!({ "auth_time": NOW }));
    assert_eq!(reason(&scene, "/fresh", &weak), Some(Reason::AuthenticationInsufficient));
}
