//! Credentials that are in a file, and the assertion about the caller.

use std::fs;

use countersign::jose::Algorithm;

use crate::{
    support::{client::Request, issuer::key, wait_until},
    upstream_credentials::scene::Scene,
};

#[test]
fn the_content_of_a_file_is_sent_and_follows_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "static-1\n").unwrap();
    let lines = format!("kind = \"static\"\nfile = \"{}\"", file.display());
    let scene = Scene::start(&lines, |setup| setup);
    let token = scene.caller("alice");
    assert_eq!(scene.authorization(&token), "Bearer static-1");
    // Aside and renamed, as Kubernetes does it.
    let aside = folder.path().join("aside");
    for (content, expected) in [("static-2", "Bearer static-2"), ("broken\0", "Bearer static-2")] {
        fs::write(&aside, content).unwrap();
        fs::rename(&aside, &file).unwrap();
        wait_until(content, || scene.authorization(&token) == expected);
    }
    wait_until("the warning", || {
        scene.world.proxy.logs().contains("the credential in use is kept")
    });
    assert_eq!(scene.authorization(&token), "Bearer static-2");
    let shown = [scene.world.proxy.logs(), scene.world.proxy.page("/config")].concat();
    assert!(!shown.contains("static-1") && !shown.contains("static-2"), "shown");
}

#[test]
fn it_may_be_a_whole_value_and_in_another_header() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "Basic dXNlcjpwYXNz").unwrap();
    let lines = format!("kind = \"static\"\nfile = \"{}\"\n", file.display());
    let scene = Scene::start(&format!("{lines}scheme = \"none\""), |setup| setup);
    assert_eq!(scene.authorization(&scene.caller("alice")), "Basic dXNlcjpwYXNz");

    let scene = Scene::start(&format!("{lines}header = \"x-api-key\""), |setup| setup);
    let forged = |target| {
        Request::get(target)
            .bearer(&scene.caller("alice"))
            .field("x-api-key", "forged-by-the-client")
            .field("X_Api_Key", "forged-by-the-client")
    };
    let received = scene.received(&forged("/"));
    assert_eq!(received.head.all("x-api-key").collect::<Vec<_>>(), ["Basic dXNlcjpwYXNz"]);
    assert_eq!(received.head.field("authorization"), None);
    assert_eq!(received.head.field("x_api_key"), None);
    // Where the credential is not sent, no client can send one.
    let public = scene.received(&forged("/public/a"));
    assert_eq!((public.head.field("x-api-key"), public.head.field("x_api_key")), (None, None));
}

#[test]
fn the_assertion_may_be_the_bearer_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.jwk");
    fs::write(&file, key(Algorithm::Es256, "gateway-1").private_jwk().to_text()).unwrap();
    let assertion = format!(
        "[identity.assertion]\nprivate_key_file = \"{}\"\nissuer = \"gateway\"\n\
         algorithm = \"ES256\"",
        file.display()
    );
    let scene = Scene::start("kind = \"assertion\"", |setup| setup.with(&assertion));
    let received = scene.received(&Request::get("/").bearer(&scene.caller("alice")));
    let assertion = received.head.field("x-jwt-assertion").unwrap();
    let expected = format!("Bearer {assertion}");
    assert_eq!(received.head.all("authorization").collect::<Vec<_>>(), [expected]);
    let claims = crate::support::world::claims(assertion);
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("gateway"), Some("alice")));
}
