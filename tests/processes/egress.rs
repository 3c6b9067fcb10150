//! Keys through a real HTTP proxy (tinyproxy), with a password and a list of ports.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::support::{
    authority::Authority,
    introspection::Endpoint,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    optional,
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

/// tinyproxy on a loopback port; killed when dropped.
struct Tinyproxy {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Tinyproxy {
    /// `None`, with a notice, where none is installed. Tunnels lead to `server_port` only.
    fn start(server_port: u16) -> Option<Self> {
        let found = Command::new("tinyproxy").arg("-v").stdout(Stdio::null()).status();
        if let Err(error) = found {
            optional::skip("tinyproxy", &error.to_string());
            return None;
        }
        // A port that is free now may be taken a moment later: then another one is tried.
        let started = (0..5).find_map(|_| Self::launch(server_port));
        Some(started.expect("tinyproxy does not start"))
    }

    fn launch(server_port: u16) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tinyproxy.conf");
        fs::write(&file, configuration(port, server_port, folder.path())).unwrap();
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let mut tinyproxy = Self { child: command.spawn().unwrap(), port, folder };
        let mut has_ended = false;
        wait_until("tinyproxy", || {
            has_ended = tinyproxy.child.try_wait().unwrap().is_some();
            has_ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        (!has_ended).then_some(tinyproxy)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(port: u16, server_port: u16, folder: &Path) -> String {
    format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\nLogLevel Connect\n\
         LogFile \"{}\"\nBasicAuth countersign hunter2\nConnectPort {server_port}\n",
        folder.join("log").display()
    )
}

/// A proxy with that password, whose issuer's keys are behind tinyproxy.
fn behind(tinyproxy: &Tinyproxy, keys: &Endpoint, authority: &Authority, password: &str) -> World {
    let issuer = Issuer::usual();
    keys.serve(JWKS, Page::json(&issuer.jwks()));
    let file = |name: &str, content: &str| {
        let path = tinyproxy.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let source = format!(
        "jwks_url = \"https://localhost:{}{JWKS}\"\nca_file = \"{}\"\nproxy = \
         \"http://127.0.0.1:{}\"\nproxy_credentials_file = \"{}\"",
        keys.address().port(),
        file("ca.pem", &authority.pem()),
        tinyproxy.port,
        file("credentials", &format!("countersign:{password}\n")),
    );
    let upstream = Upstream::start();
    let setup = Setup::new().issuer_from("corp", &issuer, "", &source);
    let proxy = setup.start_unready(&upstream);
    World { proxy, upstream, key_server: KeyServer::start(), issuer }
}

#[test]
fn keys_come_through_tinyproxy() {
    let authority = Authority::new("tests");
    let keys = Endpoint::named(&authority, "localhost");
    let Some(tinyproxy) = Tinyproxy::start(keys.address().port()) else {
        return;
    };
    let world = behind(&tinyproxy, &keys, &authority, "hunter2");
    world.proxy.wait_until_ready();
    world.admits("through tinyproxy", &world.issuer.mint(json!({})));
    let line = format!("CONNECT localhost:{} HTTP/1.1", keys.address().port());
    assert!(tinyproxy.log().contains(&line), "{}", tinyproxy.log());
}

#[test]
fn k17_what_tinyproxy_refuses_is_told_with_its_status() {
    let authority = Authority::new("tests");
    let keys = Endpoint::named(&authority, "localhost");
    let port = keys.address().port();
    for (server_port, password, statuses) in
        [(port, "hunter3", &["407", "401"][..]), (1, "hunter2", &["403"])]
    {
        let Some(tinyproxy) = Tinyproxy::start(server_port) else {
            return;
        };
        let world = behind(&tinyproxy, &keys, &authority, password);
        let told = |status: &&str| {
            let line = format!(
                "the proxy http://127.0.0.1:{} answered CONNECT with status {status}",
                tinyproxy.port
            );
            world.proxy.logs().contains(&line)
        };
        wait_until(statuses[0], || statuses.iter().any(told));
        assert!(keys.visits(JWKS).is_empty());
    }
}
