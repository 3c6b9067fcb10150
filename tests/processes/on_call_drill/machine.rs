//! What goes wrong on the machine and beside it: configuration, certificates, disk, clock, store.

use std::{fs, path::PathBuf, process::Command};

use countersign::jose::Algorithm;
use rcgen::date_time_ymd;
use serde_json::json;

use super::{
    providers::signed,
    stage::{Scene, Stage},
};
use crate::support::{
    authority::Authority,
    issuer::{key, public},
    optional,
    process::binary,
    redis::{PASSWORD, RedisServer},
    wait_until,
};

pub(super) fn refused_reload() -> Scene {
    let stage = Stage::new();
    let setup = stage.setup("");
    let scene = stage.start(&setup);
    let text = fs::read_to_string(scene.process.config()).unwrap();
    let mistaken = text.replace("audiences =", "audience =");
    assert_ne!(text, mistaken);
    fs::write(scene.process.config(), mistaken).unwrap();
    scene.process.signal("HUP");
    scene
}

pub(super) fn expired_certificate() -> Scene {
    let (stage, authority) = (Stage::new(), Authority::new("of servers"));
    let server = authority.server_with("api.test", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let certificate = stage.file("tls.crt", &server.certificate_pem);
    let private_key = stage.file("tls.key", &server.key_pem());
    let setup = stage.setup("").server(&format!(
        "[server.tls]\ncertificate = \"{certificate}\"\nprivate_key = \"{private_key}\""
    ));
    stage.start(&setup)
}

pub(super) fn lost_store() -> Option<Scene> {
    let (stage, mut redis) = (Stage::new(), RedisServer::start()?);
    let password = stage.file("password", PASSWORD);
    let setup = stage.setup("").with(&format!(
        "[shared]\nurl = \"redis://127.0.0.1:{}\"\npassword_file = \"{password}\"\n\
         integrity = \"none\"\n\
         [limits.partner]\nkey = {{ claim = \"azp\" }}\nrate = \"100/s\"\nshared = true\n",
        redis.port()
    ));
    let setup = setup.routes("[[routes]]\npath = \"/**\"\nlimit = \"partner\"");
    let scene = stage.start(&setup);
    wait_until("the store", || scene.process.metric("countersign_shared_connected") > 0.0);
    redis.kill();
    Some(scene.beside(redis))
}

/// Files may not grow beyond 512 bytes, which is what a full disk is to a writer.
pub(super) fn full_disk() -> Scene {
    let stage = Stage::new();
    let signer = key(Algorithm::Es256, "shop");
    let signers = stage.file("signers.json", &json!({ "keys": [public(&signer)] }).to_string());
    let journal = stage.files.path().join("journal");
    fs::create_dir(&journal).unwrap();
    let setup = stage
        .setup("")
        .with(&format!(
            "[signatures.partner]\nsigner = {{ fixed = \"shop\" }}\ncaller = \"unrelated\"\n\
             keys.jwks_file = \"{signers}\"\n[evidence]\nfolder = \"{}\"\n",
            journal.display()
        ))
        .routes("[[routes]]\npath = \"/**\"\nsignature = \"partner\"");
    let mut shell = Command::new("/bin/sh");
    let script = "trap '' XFSZ; ulimit -f 1 && exec \"$0\" \"$@\"";
    shell.env_clear().args(["-c", script]).arg(binary());
    let scene = stage.start_by(&mut shell, &setup);
    assert_eq!(scene.ask(&signed(&scene, &signer)), 503);
    scene
}

/// Without requests: what they are refused for afterwards are the tokens' times, as if that were
/// the clients' fault.
pub(super) fn clock_jump() -> Option<Scene> {
    let Some(library) = faketime() else {
        optional::skip("libfaketime", "no file of Debian's package faketime");
        return None;
    };
    let stage = Stage::new();
    let offset = stage.file("offset", "+0");
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &offset)
        .env("FAKETIME_NO_CACHE", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
    let setup = stage.setup("");
    let scene = stage.start_by(&mut command, &setup);
    scene.stage.file("offset", "+86400");
    Some(scene)
}

fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    files.find(|file| file.exists())
}
