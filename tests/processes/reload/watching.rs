//! Files that are watched, on a real file system.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::scene::{OPEN, PROTECTED, Scene};
use crate::support::{
    client::Request, config_map::ConfigMap, process::BINARY, signalled::Process, wait_until,
};

fn watched(text: &str, interval: &str) -> String {
    format!("{text}\n[reload]\nwatch = true\ninterval = \"{interval}\"\n")
}

const SHORT: &str = "100ms";

/// Writes beside it and renames.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn x10_a_config_map_is_taken_when_its_link_is_swapped() {
    let mut scene = Scene::prepare();
    let (open, protected) =
        (watched(&scene.text(OPEN), SHORT), watched(&scene.text(PROTECTED), SHORT));
    let mut mounted = ConfigMap::mount(scene.path("mounted"), &protected);
    scene.process = Process::run(&mounted.file());
    assert_eq!(scene.status(), 401);
    for round in 0..3 {
        let is_open = round % 2 == 0;
        mounted.swap(if is_open { &open } else { &protected });
        let expected = if is_open { 200 } else { 401 };
        wait_until("the new version", || scene.status() == expected);
        wait_until("its verdict", || scene.reloads("watch", "applied") == round + 1);
    }
    assert_eq!(scene.reloads("watch", "refused"), 0);
}

#[test]
fn x10_half_of_a_file_that_is_valid_and_laxer_is_never_in_force() {
    let interval = Duration::from_secs(1);
    let scene = Scene::start_with(|text| watched(&text, "1s"));
    assert_eq!(scene.status(), 401);
    // Without its second half it is whole, and everything is open.
    let first = watched(&scene.text(OPEN), "1s");
    let second = "[[routes]]\npath = \"/x\"\n[[routes]]\npath = \"/new\"\naccess = \"public\"\n";
    let mut file = File::create(scene.file()).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < interval * 3 {
        // The writer is slow, and not idle.
        file.write_all(b"# and more\n").unwrap();
        assert_eq!(scene.status(), 401);
        assert_eq!(scene.reloads("watch", "applied"), 0);
        thread::sleep(Duration::from_millis(50));
    }
    file.write_all(second.as_bytes()).unwrap();
    drop(file);
    wait_until("the whole file", || scene.reloads("watch", "applied") == 1);
    assert_eq!(scene.status(), 401, "its second half counts");
    assert_eq!(scene.client().exchange(&Request::get("/new")).status, 200);
}

#[test]
fn x10_what_is_refused_is_logged_once_and_what_comes_next_is_taken() {
    let scene = Scene::start_with(|text| watched(&text, SHORT));
    let broken = "this is no TOML";
    replace(&scene.file(), broken);
    wait_until("the refusal", || scene.reloads("watch", "refused") == 1);
    assert!(scene.page("/readyz").contains("note: reload: refused: "));
    // The same content in another file is no other configuration.
    replace(&scene.file(), broken);
    replace(&scene.file(), &watched(&scene.text(OPEN), SHORT));
    wait_until("the next", || scene.status() == 200);
    wait_until("its verdict", || scene.reloads("watch", "applied") == 1);
    assert_eq!(scene.reloads("watch", "refused"), 1);
    let logs = scene.process.logs();
    assert_eq!(logs.matches("the new configuration is not used").count(), 1, "{logs}");
    assert_eq!(scene.page("/readyz"), "ready\n");
}

#[test]
fn x10_a_key_that_only_a_reload_reads_is_watched_as_well() {
    let mut scene = Scene::prepare();
    let key = scene.path("signing-key.json");
    fs::write(&key, keygen(scene.folder.path(), "first")).unwrap();
    let assertion = format!(
        "\n[identity.assertion]\nalgorithm = \"ES256\"\n\
         issuer = \"https://gateway.example\"\nprivate_key_file = '{}'\n",
        key.display()
    );
    let text = watched(&scene.text(PROTECTED), SHORT) + &assertion;
    scene.write(&text);
    scene.process = Process::run(&scene.file());
    assert!(scene.page("/jwks").contains("first"));
    replace(&key, &keygen(scene.folder.path(), "second"));
    wait_until("the new key", || scene.page("/jwks").contains("second"));
    assert_eq!(scene.reloads("watch", "applied"), 1);
}

/// The private key of a new pair.
fn keygen(folder: &Path, kid: &str) -> String {
    let out = folder.join(kid);
    let arguments = ["keygen", "--alg", "ES256", "--kid", kid, "--out"];
    let made = Command::new(BINARY).args(arguments).arg(&out).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::read_to_string(out.join("private.jwk")).unwrap()
}

#[test]
fn x10_a_new_file_of_an_included_folder_counts_when_it_is_complete() {
    let scene = Scene::start_with(|text| {
        let folder = text.split("jwks_file = '").nth(1).unwrap().split("/jwks.json").next();
        fs::create_dir(Path::new(folder.unwrap()).join("routes.d")).unwrap();
        format!("include = [\"routes.d/*.toml\"]\n{}", watched(&text, SHORT))
    });
    assert_eq!(scene.status(), 401);
    let route = "[[routes]]\npath = \"/x\"\naccess = \"public\"\n";
    fs::write(scene.path("routes.d/open.toml"), route).unwrap();
    wait_until("the new file", || scene.status() == 200);
    wait_until("its verdict", || scene.reloads("watch", "applied") == 1);
    fs::write(scene.path("routes.d/open.toml"), route.replace("/x", "/y")).unwrap();
    wait_until("its change", || scene.status() == 401);
    fs::remove_file(scene.path("routes.d/open.toml")).unwrap();
    wait_until("its end", || scene.reloads("watch", "applied") == 3);
    assert_eq!(scene.client().exchange(&Request::get("/y")).status, 401);
}

#[test]
fn x10_watching_begins_and_ends_with_a_reload() {
    let scene = Scene::start();
    scene.write(&watched(&scene.text(PROTECTED), SHORT));
    assert_eq!(scene.reload().0, 200);
    replace(&scene.file(), &watched(&scene.text(OPEN), SHORT));
    wait_until("what is watched now", || scene.status() == 200);
    replace(&scene.file(), &scene.text(PROTECTED));
    wait_until("the last that is watched", || scene.status() == 401);
    wait_until("its verdict", || scene.reloads("watch", "applied") == 2);
    replace(&scene.file(), &scene.text(OPEN));
    assert_eq!(scene.reload().0, 200);
    assert_eq!(scene.reloads("watch", "applied"), 2);
}

#[test]
fn x10_many_files_are_looked_at_by_few_threads() {
    const ISSUERS: usize = 12;
    let mut scene = Scene::prepare();
    let keys = scene.path("jwks.json");
    let issuer = |number| {
        format!(
            "[issuers.further{number}]\nissuer = 'https://{number}.test'\naudiences = ['api']\n\
             keys.jwks_file = '{}'\n",
            keys.display()
        )
    };
    let issuers: String = (0..ISSUERS).map(issuer).collect();
    scene.write(&watched(&(scene.text(OPEN) + "\n" + &issuers), "200ms"));
    scene.process = Process::run(&scene.file());
    wait_until("the threads that have read at the start to end", || {
        scene.process.descriptors_and_threads().1 < ISSUERS
    });
}
