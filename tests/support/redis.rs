//! A real Redis on a loopback port of its own.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::optional;

/// `redis-server` with a password, nothing kept on disk; killed when dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    tls: &'static str,
    folder: tempfile::TempDir,
}

/// What every test knows.
pub(crate) const PASSWORD: &str = "hunter2-of-redis";

/// To load its program, and to bind its port.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// Between two looks at what is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

impl RedisServer {
    /// `None`, with a notice, where none is installed, see [`optional::skip`].
    pub(crate) fn start() -> Option<Self> {
        is_installed().then(|| Self::start_anywhere(tempfile::tempdir().unwrap(), ""))
    }

    /// The same under TLS, with a certificate and its key in PEM.
    pub(crate) fn start_with_tls(certificate: &str, key: &str) -> Option<Self> {
        const FILES: &str = "tls-cert-file tls.crt\ntls-key-file tls.key\ntls-auth-clients no\n";
        if !is_installed() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tls.crt"), certificate).unwrap();
        fs::write(folder.path().join("tls.key"), key).unwrap();
        Some(Self::start_anywhere(folder, FILES))
    }

    /// A port that is free now may be taken a moment later: then another one is tried.
    fn start_anywhere(folder: tempfile::TempDir, tls: &'static str) -> Self {
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            if let Some(child) = launch(port, tls, folder.path()) {
                return Self { child, port, tls, folder };
            }
        }
        panic!("redis-server does not start: {}", said(folder.path()));
    }

    /// Its own process, at once and without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// On the same port, with nothing of what it knew.
    pub(crate) fn start_again(&mut self) {
        self.child = launch(self.port, self.tls, self.folder.path())
            .unwrap_or_else(|| panic!("no start again: {}", said(self.folder.path())));
    }

    /// Connections stay open, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Another client with access to it.
    pub(crate) fn intruder(&self) -> redis::Connection {
        let address = redis::ConnectionAddr::Tcp("127.0.0.1".to_owned(), self.port);
        let info = redis::IntoConnectionInfo::into_connection_info(address).unwrap();
        let info =
            info.set_redis_settings(redis::RedisConnectionInfo::default().set_password(PASSWORD));
        redis::Client::open(info).unwrap().get_connection().unwrap()
    }

    /// How often that command has come.
    pub(crate) fn calls(&self, command: &str) -> u32 {
        let mut intruder = self.intruder();
        let text: String = redis::cmd("INFO").arg("commandstats").query(&mut intruder).unwrap();
        let calls = text.split_once(&format!("cmdstat_{command}:calls="));
        calls.map_or(0, |(_, behind)| behind.split(',').next().unwrap().parse().unwrap())
    }

    /// What is in it.
    pub(crate) fn names(&self) -> Vec<String> {
        redis::cmd("KEYS").arg("*").query(&mut self.intruder()).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // A test may have killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn is_installed() -> bool {
    let found = Command::new("redis-server").arg("--version").output();
    let reason = match found {
        Ok(output) if output.status.success() => return true,
        Ok(output) => output.status.to_string(),
        Err(error) => error.to_string(),
    };
    optional::skip("redis-server", &reason);
    false
}

/// `None` if it ended instead of getting ready.
fn launch(port: u16, tls: &str, folder: &Path) -> Option<Child> {
    let log = fs::File::create(folder.join("log")).unwrap();
    let ports = if tls.is_empty() {
        format!("port {port}\n")
    } else {
        format!("port 0\ntls-port {port}\n{tls}")
    };
    let mut child = Command::new("redis-server")
        .arg("-")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let settings = format!(
        "bind 127.0.0.1\n{ports}requirepass {PASSWORD}\nsave \"\"\nappendonly no\ndaemonize no\n"
    );
    child.stdin.take().unwrap().write_all(settings.as_bytes()).unwrap();
    let until = Instant::now() + START_DEADLINE;
    while !said(folder).contains("Ready to accept connections") {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(LOOK_INTERVAL);
    }
    Some(child)
}

pub(super) fn said(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
