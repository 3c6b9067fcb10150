//! What is known of signers outlives a restart, and a reload.

use std::{fs, path::Path};

use countersign::{jose::Algorithm, reason::Reason};

use crate::{
    registry::scene::{AT_PUBLIC_KEY, Scene, as_text, snapshots_in},
    support::{
        issuer::key,
        key_server::{KeyServer, Page},
        wait_until,
    },
};

fn lines(folder: &Path) -> String {
    format!("{AT_PUBLIC_KEY}\nsnapshot = \"{}\"", folder.display())
}

#[test]
fn k13_a_cold_start_while_the_registry_is_down_knows_whom_it_knew() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(Algorithm::Rs256, "own");
    let registry = KeyServer::start();
    let scene = Scene::with(registry, "/roles/{signer}", &lines(folder.path()), |setup| setup);
    scene.say("3051", &as_text(&own));
    scene.admits("known", &scene.request("3051", &own));
    wait_until("the snapshot", || snapshots_in(folder.path()).len() == 1);
    let Scene { world, registry } = scene;
    drop(world);
    registry.serve("/roles/3051", Page::status(500));
    let restarted = Scene::with(registry, "/roles/{signer}", &lines(folder.path()), |setup| setup);
    restarted.admits("from the snapshot", &restarted.request("3051", &own));
    restarted.refuses("others", &restarted.request("3052", &own), Reason::SignerUnknown);
    // The same file for another registry is of no use.
    let other = Scene::with(KeyServer::start(), "/roles/{signer}", &lines(folder.path()), |s| s);
    other.registry.serve("/roles/3051", Page::status(500));
    other.refuses("another registry", &other.request("3051", &own), Reason::KeysUnavailable);
}

#[test]
fn k13_a_damaged_snapshot_is_none() {
    let own = key(Algorithm::Rs256, "own");
    let folder = tempfile::tempdir().unwrap();
    let start = |registry| Scene::with(registry, "/roles/{signer}", &lines(folder.path()), |s| s);
    let scene = start(KeyServer::start());
    scene.say("3051", &as_text(&own));
    scene.admits("known", &scene.request("3051", &own));
    wait_until("the snapshot", || snapshots_in(folder.path()).len() == 1);
    let Scene { world, mut registry } = scene;
    drop(world);
    registry.serve("/roles/3051", Page::status(500));
    let whole = fs::read_to_string(&snapshots_in(folder.path())[0]).unwrap();
    let other_key = whole.replace("\"n\":\"", "\"n\":\"A");
    for damage in ["", "{}", "\0\0\0", &whole[..whole.len() - 10], &other_key] {
        fs::write(&snapshots_in(folder.path())[0], damage).unwrap();
        let restarted = start(registry);
        restarted.refuses(damage, &restarted.request("3051", &own), Reason::KeysUnavailable);
        registry = restarted.registry;
    }
}
