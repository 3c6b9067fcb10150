//! Sockets that a service manager opens and hands over (systemd.socket(5), `sd_listen_fds(3)`).

use std::{
    fs,
    io::{BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    reload::scene,
    support::{
        client::{Client, Request},
        optional,
        process::{BINARY, Process},
        setup::Setup,
        upstream::Upstream,
    },
};

/// Does what systemd does: opens the sockets, puts them at 3 and 4, and becomes the program.
const MANAGER: &str = r#"
import os, socket, sys
def listening(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.bind(address)
    opened.listen(64)
    return opened
sockets = [listening(("127.0.0.1", 0)), listening(sys.argv[1])]
high = [os.dup2(opened.fileno(), 40 + at) for at, opened in enumerate(sockets)]
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="web:local")
os.execv(sys.argv[2], sys.argv[2:])
"#;

fn start(lines: &str, socket: &str, upstream: &Upstream) -> Option<Process> {
    let version = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    if let Err(error) = version {
        optional::skip("python3", &error.to_string());
        return None;
    }
    let setup = Setup::new()
        .server("listen = \"systemd:web\"\nworkers = 2")
        .routes("[[routes]]\npath = \"/**\"\naccess = \"public\"")
        .with(lines);
    let mut manager = Command::new("python3");
    manager.args(["-c", MANAGER, socket, BINARY]);
    Some(Process::start_by(&mut manager, &setup, upstream))
}

#[test]
fn sockets_of_a_service_manager_are_served_by_every_worker() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("in.sock");
    let socket = socket.to_str().unwrap();
    let listener = "[[listeners]]\nname = \"local\"\nlisten = \"systemd:1\"\n";
    let Some(process) = start(listener, socket, &upstream) else { return };
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut client: Client = process.client();
        assert!(client.exchange(&Request::get("/x")).is_from_upstream());
        held.push(client);
    }
    assert!(answers(socket));
    let text = process.log();
    assert!(text.contains("listening as well") && text.contains(socket), "{text}");
}

#[test]
fn x11_a_socket_of_a_service_manager_outlives_reloads_that_are_refused_or_do_without_it() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let (socket, control) = (folder.path().join("in.sock"), folder.path().join("control.sock"));
    let (socket, control) = (socket.to_str().unwrap(), control.to_str().unwrap());
    let private = format!("[control]\nlisten = \"unix:{control}\"\n");
    let Some(process) = start(&private, socket, &upstream) else { return };
    let without = fs::read_to_string(process.config()).unwrap();
    let reload = |listeners: &[(&str, &str)]| {
        let entry = |(name, listen): &(&str, &str)| {
            format!("[[listeners]]\nname = \"{name}\"\nlisten = \"{listen}\"\n")
        };
        let listeners: String = listeners.iter().map(entry).collect();
        fs::write(process.config(), format!("{without}\n{listeners}")).unwrap();
        scene::reload(Path::new(control))
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|at| (at.to_string(), taken)).unwrap();
    let local = ("local", "systemd:local");

    let refused = |listeners: &[(&str, &str)]| {
        let (status, verdict) = reload(listeners);
        assert_eq!(status, 409, "{listeners:?}: {verdict}");
        verdict["errors"][0].as_str().unwrap().to_owned()
    };
    let error = refused(&[local, ("other", &taken.0)]);
    assert!(error.contains(&format!("cannot listen on {}", taken.0)), "{error}");
    for listeners in [&[local][..], &[], &[local]] {
        let (status, verdict) = reload(listeners);
        assert_eq!(status, 200, "{listeners:?}: {verdict}");
    }
    assert!(answers(socket));

    let error = refused(&[local, ("again", "systemd:1")]);
    let expected = "cannot listen on systemd:1 (listeners): another listener has that socket";
    assert_eq!(error, expected);
}

/// Whether a request over the unix socket is served.
fn answers(socket: &str) -> bool {
    let mut stream = BufReader::new(UnixStream::connect(socket).unwrap());
    let request = Request::get("/y").field("connection", "close");
    stream.get_mut().write_all(&request.bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

#[test]
fn a_socket_that_was_not_handed_over_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    let config = "[server]\nlisten = \"systemd:web\"\n[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n\
                  [admin]\nlisten = \"127.0.0.1:0\"\n[[routes]]\npath = \"/**\"\naccess = \"public\"\n";
    fs::write(&file, config).unwrap();
    let done =
        Command::new(BINARY).env_clear().args(["run", "--config"]).arg(&file).output().unwrap();
    assert!(!done.status.success());
    let error = String::from_utf8_lossy(&done.stderr);
    let expected =
        "cannot listen on systemd:web (server.listen): 0 sockets were passed (LISTEN_FDS)";
    assert!(error.contains(expected), "{error}");
}
