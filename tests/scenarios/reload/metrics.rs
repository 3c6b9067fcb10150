//! What a configuration does not have any more is shown by no metric: an alert would fire for it
//! until a restart.

use serde_json::json;

use super::scene::Scene;
use crate::support::{client::Request, setup::Setup};

#[test]
fn x3_no_metric_shows_an_issuer_a_route_or_an_upstream_that_a_reload_has_removed() {
    let mut scene = Scene::start(|setup| {
        let routes = "[[routes]]\npath = \"/removed/**\"\nupstream = \"removed\"\n\
                      [[routes]]\npath = \"/**\"\nupstream = \"app\"";
        setup.with("[upstreams.removed]\nurl = \"http://127.0.0.1:1\"\n").routes(routes)
    });
    scene.world.proxy.expect_unmatched_answers();
    let token = scene.world.issuer.mint(json!({}));
    let status = |scene: &Scene, path: &str| {
        scene.world.proxy.exchange(&Request::get(path).bearer(&token)).status
    };
    assert_eq!((status(&scene, "/a"), status(&scene, "/removed/a")), (200, 502));
    let names = ["issuer=\"corp\"", "route=\"/removed/**\"", "upstream=\"removed\""];
    let shown = |scene: &Scene| {
        let metrics = scene.world.proxy.metrics();
        names.map(|name| metrics.contains(name))
    };
    assert_eq!(shown(&scene), [true; 3]);
    let (issuer, key_server) = (&scene.world.issuer, &scene.world.key_server);
    let setup = Setup::new()
        .issuer("renamed", issuer, key_server, "", "")
        .rewritten(&key_server.url("/renamed/jwks"), &key_server.url("/corp/jwks"));
    scene.reload(&setup);
    assert_eq!(status(&scene, "/removed/a"), 200);
    assert_eq!(shown(&scene), [false; 3], "{}", scene.world.proxy.metrics());
}
