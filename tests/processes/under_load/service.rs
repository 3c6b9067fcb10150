//! Instances of a service: nginx, each a process that can be killed, frozen and started again.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{fleet::Protocol, optional};

/// One instance; killed when dropped.
#[derive(Debug)]
pub(super) struct Service {
    address: SocketAddr,
    protocol: Protocol,
    child: Child,
    folder: tempfile::TempDir,
}

const START_DEADLINE: Duration = Duration::from_secs(10);

impl Service {
    /// At that address, whose port may be 0. `None`, with a notice, where there is no nginx.
    pub(super) fn start(address: SocketAddr, protocol: Protocol) -> Option<Self> {
        if let Err(error) = Command::new("nginx").arg("-v").output() {
            optional::skip("nginx", &error.to_string());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // A port that is free now may be taken a moment later: then another one is tried.
        for _ in 0..5 {
            let free = TcpListener::bind(address).unwrap().local_addr().unwrap();
            if let Some(child) = launch(free, protocol, folder.path()) {
                return Some(Self { address: free, protocol, child, folder });
            }
        }
        panic!("nginx does not start: {:?}", fs::read_to_string(folder.path().join("error.log")));
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.protocol.scheme(), self.address)
    }

    /// How many requests it has answered, however often it was started.
    pub(super) fn count(&self) -> usize {
        let log = fs::read_to_string(self.folder.path().join("access.log"));
        log.unwrap_or_default().lines().count()
    }

    /// At once, whatever it was about to answer.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// At the same address.
    pub(super) fn start_again(&mut self) {
        self.child = launch(self.address, self.protocol, self.folder.path()).unwrap();
    }

    /// Connections stay open and are accepted, and nothing is answered.
    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A test may have killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None` if it does not listen.
fn launch(address: SocketAddr, protocol: Protocol, folder: &Path) -> Option<Child> {
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration(address, protocol, folder)).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    while started.elapsed() < START_DEADLINE && child.try_wait().unwrap().is_none() {
        if TcpStream::connect(address).is_ok() {
            return Some(child);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// One process, which is the one that is killed. It closes a connection after a thousand requests,
/// its default. Over HTTP/2 it goes on: it would decline what is on its way at such an end, and a
/// body that was sent by then is lost (docs/security.md).
fn configuration(address: SocketAddr, protocol: Protocol, folder: &Path) -> String {
    let at = folder.display();
    let (http2, most) = match protocol {
        Protocol::Http1 => ("", 1_000),
        Protocol::H2c => (" http2", 1_000_000),
    };
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|of| format!("{of}_temp_path {at}/{of};\n")).concat();
    format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\n\
         events {{}}\nhttp {{\nlog_format short $request_method;\n\
         access_log {at}/access.log short;\nkeepalive_requests {most};\n{paths}server {{\nlisten {address}{http2};\n\
         location / {{ return 200 ok; }}\n}}\n}}\n"
    )
}
