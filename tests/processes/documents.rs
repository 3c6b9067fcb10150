//! The documents, taken at their word: their commands are run beside a running proxy.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
    time::UNIX_EPOCH,
};

use serde_json::json;

mod commands;

use commands::{Script, scripts};

use crate::{
    reload::scene::Scene,
    support::{client::Request, process::BINARY, wait_until},
};

/// The id that the documents show.
const SHOWN_ID: &str = "7d6ea317-197e-4ce0-aab4-aa3258a07241";

/// Commands that end with another code than 0, and the one with which they do.
const OTHER_CODES: [(&str, i32); 1] = [("countersign check --diff ", 1)];

#[test]
fn every_command_of_the_documents_works() {
    let scene = prepare();
    let id = denied(&scene);
    let scripts = scripts();
    assert!(scripts.len() >= 10, "only {} blocks have commands to run", scripts.len());
    for script in &scripts {
        let output = run(&scene, &id, script);
        let shown = [&output.stdout[..], &output.stderr].concat();
        assert!(
            output.status.success(),
            "{}: {:?}: {}\n{}",
            script.page.display(),
            script.commands,
            output.status,
            String::from_utf8_lossy(&shown),
        );
    }
}

/// A running proxy, and beside its configuration the files that the documents name.
fn prepare() -> Scene {
    let scene = Scene::start();
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let token = scene.issuer.mint(json!({ "iat": now, "exp": now + 300 }));
    fs::write(scene.path("token"), token).unwrap();
    let other = fs::read_to_string(scene.file()).unwrap() + "access = \"optional\"\n";
    fs::write(scene.path("new.toml"), other).unwrap();
    fs::write(scene.path("body.json"), "{}").unwrap();
    let certificate = rcgen::generate_simple_self_signed(["app.internal".to_owned()]).unwrap();
    fs::write(scene.path("app.crt"), certificate.cert.pem()).unwrap();
    fs::create_dir(scene.path("bin")).unwrap();
    symlink(BINARY, scene.path("bin/countersign")).unwrap();
    for folder in ["config", "deploy"] {
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), scene.path(folder)).unwrap();
    }
    scene
}

/// The id of a request that was refused, and for the reason that the documents show.
fn denied(scene: &Scene) -> String {
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let token = scene.issuer.mint(json!({ "aud": "other", "iat": now, "exp": now + 300 }));
    let request = Request::get("/loans/17").bearer(&token).field("connection", "close");
    let id = scene.client().exchange(&request).head.request_id.0.unwrap();
    let socket = format!("unix:{}", scene.socket().display());
    wait_until("the denial", || {
        let mut explain = Command::new(BINARY);
        explain.args(["explain", "--control", &socket, "--id", &id]).env_clear();
        explain.output().unwrap().status.success()
    });
    id
}

/// With this scene's folder, socket and addresses in the place of those that a document shows.
fn run(scene: &Scene, id: &str, script: &Script) -> Output {
    let folder = scene.folder.path().display().to_string();
    let in_folder = |text: &str| {
        text.replace("/run/countersign/", &format!("{folder}/"))
            .replace("/etc/countersign/", &format!("{folder}/"))
            .replace("/etc/bash_completion.d/", &format!("{folder}/"))
            .replace("/usr/local/share/man/", &format!("{folder}/"))
            .replace("127.0.0.1:9901", &scene.process.admin().to_string())
            .replace(SHOWN_ID, id)
    };
    let lines = script.commands.iter().map(|command| {
        let other = OTHER_CODES.iter().find(|(beginning, _)| command.starts_with(beginning));
        let code = other.map(|(_, code)| format!(" || test $? = {code}")).unwrap_or_default();
        in_folder(command) + &code
    });
    let path = format!("{folder}/bin:{}", env::var("PATH").unwrap());
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", &lines.collect::<Vec<_>>().join("\n")])
        .env_clear()
        .env("PATH", path)
        .env("COUNTERSIGN_CONFIG", scene.file())
        .env("COUNTERSIGN_ADMIN__LISTEN", scene.process.admin().to_string())
        .current_dir(scene.folder.path())
        .output()
        .unwrap()
}
