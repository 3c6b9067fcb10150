//! What a refused reload leaves behind: nothing.

use std::fs::File;

use serde_json::json;

use crate::support::{key_server::Page, proxy::metric_in, setup::Setup, world::World};

use super::scene::Scene;

/// A folder for evidence that another process has.
struct LockedFolder {
    folder: tempfile::TempDir,
    _lock: File,
}

impl LockedFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lock = File::create(folder.path().join(".lock")).unwrap();
        lock.lock().unwrap();
        Self { folder, _lock: lock }
    }

    /// A configuration that is refused at the very last, for the folder.
    fn refuses(&self, world: &World, setup: Setup) {
        let evidence = format!("[evidence]\nfolder = \"{}\"", self.folder.path().display());
        let settings = setup.with(&evidence).load(&world.upstream).unwrap();
        let refusal = world.proxy.server().reload(settings).unwrap_err();
        assert!(refusal.contains("another process writes to it"), "{refusal}");
    }
}

/// The usual world with a limit of that many callers.
fn limited(setup: Setup, max_keys: usize) -> Setup {
    let limit = "[limits.own]\nkey = { claim = \"client_id\" }\nrate = \"9/h\"\nmax_keys =";
    setup.with(&format!("{limit} {max_keys}")).routes("[[routes]]\npath = \"/**\"\nlimit = \"own\"")
}

#[test]
fn a_refused_reload_bounds_no_limit_in_use() {
    let folder = LockedFolder::new();
    let scene = Scene::start(|setup| limited(setup, 5));
    let status = |client: &str| {
        let token = scene.world.issuer.mint(json!({ "client_id": client }));
        scene.world.proxy.get("/", Some(&token)).status
    };
    assert_eq!([status("a"), status("b")], [200, 200]);
    folder.refuses(&scene.world, limited(scene.usual(), 2));
    assert_eq!(status("c"), 200, "there is room for five of them");
    scene.reload(&limited(scene.usual(), 2));
    assert_eq!(status("d"), 503, "now there is not");
}

#[test]
fn a_refused_reload_shows_no_state_of_what_it_would_have_added() {
    let folder = LockedFolder::new();
    let scene = Scene::start(|setup| setup);
    let World { issuer, key_server, proxy, .. } = &scene.world;
    key_server.serve("/added/jwks", Page::json(&issuer.jwks()));
    key_server.serve("/revoked", Page::json(&json!({ "revoked": [] })));
    let added = issuer.named("https://added.test");
    let setup = scene.usual().issuer("added", &added, key_server, "", "").with(&format!(
        "[revocation]\nurl = \"{}\"\n\
         [shared]\nurl = \"redis://127.0.0.1:9\"\nintegrity = \"none\"",
        key_server.url("/revoked")
    ));
    let before = proxy.metric("countersign_keys_confirmed_timestamp_seconds{issuer=\"corp\"}");
    folder.refuses(&scene.world, setup);
    let metrics = proxy.metrics();
    for series in [
        "countersign_keys{issuer=\"added\"}",
        "countersign_keys_confirmed_timestamp_seconds{issuer=\"added\"}",
        "countersign_revocation_confirmed_timestamp_seconds{source=\"list\"}",
        "countersign_shared_connected",
    ] {
        assert_eq!(metric_in(&metrics, series), None, "{series}: an alert would be about it");
    }
    let after = proxy.metric("countersign_keys_confirmed_timestamp_seconds{issuer=\"corp\"}");
    assert!((before - after).abs() < f64::EPSILON, "{before} {after}");
}
