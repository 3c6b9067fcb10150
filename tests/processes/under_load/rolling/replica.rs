//! One of several processes that serve the same.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::fd::AsFd,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{issuer::Issuer, process::binary, signalled::Process};

/// What all replicas serve.
pub(super) struct Site {
    url: String,
    token: String,
    folder: tempfile::TempDir,
}

/// Where a replica listens, whenever it runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) requests: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// A replica; killed when dropped.
pub(super) struct Replica {
    process: Process,
    config: PathBuf,
}

/// Several times the interval of `HAProxy`'s checks.
const GRACE: &str = "500ms";

/// Does what a service manager does: passes the socket, which is its input, on as the third.
const PASS: &str = "exec 3<&0 </dev/null; \
                    LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";

impl Site {
    pub(super) fn in_front_of(url: &str) -> Self {
        let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::usual());
        fs::write(folder.path().join("jwks.json"), issuer.jwks().to_string()).unwrap();
        let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
        Self { url: url.to_owned(), token, folder }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    fn config(&self, name: &str, listen: &str, admin: &str) -> PathBuf {
        let (url, at) = (&self.url, self.folder.path());
        let issuer = Issuer::usual();
        let text = format!(
            "[server]\nlisten = \"{listen}\"\nworkers = 2\nshutdown_grace = \"{GRACE}\"\n\
             drain_timeout = \"5s\"\n[admin]\nlisten = \"{admin}\"\n[upstreams.app]\nurl = \"{url}\"\n\
             [issuers.corp]\nissuer = {iss:?}\naudiences = \"any\"\n\
             keys = {{ jwks_file = \"{}\" }}\n[[routes]]\npath = \"/**\"\n",
            at.join("jwks.json").display(),
            iss = issuer.iss()
        );
        let file = at.join(format!("{name}.toml"));
        fs::write(&file, text).unwrap();
        file
    }
}

impl Ports {
    /// Free ones, which nothing else takes within the test, most likely.
    pub(super) fn free() -> Self {
        let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [requests, admin] = listeners.map(|listener| listener.local_addr().unwrap());
        Self { requests, admin }
    }
}

impl Replica {
    pub(super) fn start(site: &Site, ports: Ports) -> Self {
        let Ports { requests, admin } = ports;
        let name = requests.port().to_string();
        let config = site.config(&name, &requests.to_string(), &admin.to_string());
        Self { process: Process::run(&config), config }
    }

    /// At a socket that is open before it and after it.
    pub(super) fn start_with_socket(site: &Site, socket: &TcpListener) -> Self {
        let config = site.config("passed", "systemd:web", "127.0.0.1:0");
        let input = Stdio::from(socket.as_fd().try_clone_to_owned().unwrap());
        let mut command = Command::new("/bin/sh");
        command.env_clear().args(["-c", PASS]).arg(binary()).stdin(input);
        Self { process: Process::run_by(&mut command, &config), config }
    }

    /// Ends it as Kubernetes and systemd do.
    pub(super) fn stop(&mut self) {
        self.process.signal("TERM");
        assert_eq!(self.process.exit_code(), Some(0), "{}", self.process.logs());
    }

    /// Ends it, and starts it again at the same ports.
    pub(super) fn restart(&mut self) {
        self.stop();
        self.process = Process::run(&self.config);
    }
}
