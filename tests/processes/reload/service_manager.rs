//! What systemd hears (`sd_notify(3)`), at a socket such as it gives.

use std::{os::unix::net::UnixDatagram, path::Path};

use super::scene::{OPEN, PROTECTED, Scene};
use crate::support::{DEADLINE, signalled::Process, wait_until};

/// The next notification that is of this kind.
fn next(socket: &UnixDatagram, kind: &str) -> String {
    let mut bytes = [0; 4096];
    loop {
        let length = socket.recv(&mut bytes).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
        if text.contains(kind) {
            return text;
        }
    }
}

fn start(scene: &mut Scene, notify: &Path, watchdog: &str) {
    scene.write(&scene.text(PROTECTED));
    let variables = [("NOTIFY_SOCKET", notify.to_str().unwrap()), ("WATCHDOG_USEC", watchdog)];
    scene.process = Process::run_in(&scene.file(), &variables);
}

#[test]
fn systemd_hears_when_requests_are_served_what_became_of_a_reload_and_the_stop() {
    let mut scene = Scene::prepare();
    let path = scene.path("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    start(&mut scene, &path, "200000");
    let ready = next(&socket, "READY=1");
    let hash = scene.shown_hash();
    assert!(ready.contains(&format!("STATUS=serving, configuration {hash}\n")), "{ready}");
    for _ in 0..3 {
        next(&socket, "WATCHDOG=1");
    }
    scene.write("this is no TOML");
    assert_eq!(scene.reload().0, 409);
    let refused = next(&socket, "the last reload was refused");
    assert!(refused.starts_with(&format!("STATUS=serving, configuration {hash};")), "{refused}");
    scene.write(&scene.text(OPEN));
    assert_eq!(scene.reload().0, 200);
    let applied = next(&socket, "STATUS=");
    let hash = scene.shown_hash();
    assert_eq!(applied, format!("STATUS=serving, configuration {hash}\n"));
    scene.process.signal("TERM");
    next(&socket, "STOPPING=1");
    assert_eq!(scene.process.exit_code(), Some(0));
}

#[test]
fn without_a_service_manager_that_hears_it_serves_all_the_same() {
    let mut scene = Scene::prepare();
    let path = scene.path("nothing-there.sock");
    start(&mut scene, &path, "200000");
    assert_eq!(scene.status(), 401);
    wait_until("the warning", || scene.process.logs().contains("systemd can't be notified"));
}
