//! What a reload keeps of signers: what the same registry has told the same client, and nothing of
//! another origin.

use std::{fs, path::Path};

use countersign::{jose::Algorithm, reason::Reason};

use crate::{
    registry::scene::{AT_PUBLIC_KEY, Scene, as_text, snapshots_in},
    support::{
        authority::Authority,
        issuer::key,
        key_server::{KeyServer, Page},
        setup::Setup,
        wait_until,
    },
};

/// A scene with further lines of the registry, and the configuration that it runs under.
fn start(lines: &str) -> (Scene, Setup) {
    let mut used = None;
    let lines = format!("{AT_PUBLIC_KEY}\n{lines}");
    let scene = Scene::with(KeyServer::start(), "/roles/{signer}", &lines, |setup| {
        used = Some(setup.clone());
        setup
    });
    (scene, used.unwrap())
}

fn reload(scene: &Scene, setup: &Setup) {
    let settings = setup.load(&scene.world.upstream).unwrap();
    scene.world.proxy.server().reload(settings).unwrap();
}

/// Replaces the file as a whole, so that it is another one.
fn replace(file: &Path, content: &str) {
    let aside = file.with_extension("new");
    fs::write(&aside, content).unwrap();
    fs::rename(aside, file).unwrap();
}

#[test]
fn x3_signers_are_kept_until_other_authorities_vouch_for_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let (ca_file, kept) = (folder.path().join("ca.pem"), folder.path().join("kept"));
    fs::create_dir(&kept).unwrap();
    replace(&ca_file, &Authority::new("before").pem());
    let lines = format!("ca_file = \"{}\"\nsnapshot = \"{}\"", ca_file.display(), kept.display());
    let (scene, setup) = start(&lines);
    let own = key(Algorithm::Es256, "own");
    scene.say("3051", &as_text(&own));
    scene.admits("fetched", &scene.request("3051", &own));
    wait_until("the snapshot", || snapshots_in(&kept).len() == 1);
    scene.registry.serve("/roles/3051", Page::status(500));
    reload(&scene, &setup);
    scene.admits("the same authorities", &scene.request("3051", &own));

    replace(&ca_file, &Authority::new("after").pem());
    reload(&scene, &setup);
    let request = scene.request("3051", &own);
    scene.refuses("neither in memory nor on disk", &request, Reason::KeysUnavailable);
    scene.say("3051", &as_text(&own));
    scene.world.proxy.advance(3);
    scene.admits("fetched again", &request);
}

#[test]
fn x3_signers_are_kept_over_another_secret_of_the_client_and_not_for_another_client() {
    let folder = tempfile::tempdir().unwrap();
    let (user, secret) = (folder.path().join("user"), folder.path().join("secret"));
    replace(&user, "countersign");
    replace(&secret, "before");
    let (scene, setup) = start(&format!(
        "auth = \"basic\"\nusername = \"file:{}\"\npassword_file = \"{}\"",
        user.display(),
        secret.display()
    ));
    let own = key(Algorithm::Es256, "own");
    scene.say("3051", &as_text(&own));
    scene.admits("fetched", &scene.request("3051", &own));
    scene.registry.serve("/roles/3051", Page::status(500));
    replace(&secret, "after");
    reload(&scene, &setup);
    scene.admits("a rotated secret", &scene.request("3051", &own));
    replace(&user, "another");
    reload(&scene, &setup);
    let request = scene.request("3051", &own);
    scene.refuses("another client", &request, Reason::KeysUnavailable);
}
