//! nginx, which compresses no answer to a request with `Via`: what finds loops must not turn that
//! off unless an operator chooses it.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support::{bare, client::Request, optional, wait_until, world::World};

/// nginx on a unix socket, with compression and otherwise its defaults; killed when dropped.
struct Nginx {
    child: Child,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// `None`, with a notice, where none is installed.
    fn start() -> Option<Self> {
        if let Err(error) = Command::new("nginx").arg("-v").stderr(Stdio::null()).status() {
            optional::skip("nginx", &error.to_string());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let [file, socket] = ["nginx.conf", "nginx.sock"].map(|name| folder.path().join(name));
        fs::write(&file, configuration(folder.path(), &socket)).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { child, socket, _folder: folder };
        wait_until("nginx", || UnixStream::connect(&nginx.socket).is_ok());
        Some(nginx)
    }

    fn url(&self) -> String {
        format!("unix:{}", self.socket.display())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, socket: &Path) -> String {
    let (folder, socket) = (folder.display(), socket.display());
    let text = "compressible ".repeat(100);
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|of| format!("{of}_temp_path {folder}/{of};\n")).concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n\
         events {{}}\nhttp {{\naccess_log off;\n{paths}gzip on;\ngzip_types text/plain;\n\
         server {{\nlisten unix:{socket};\nlocation / {{\ndefault_type text/plain;\n\
         return 200 \"{text}\";\n}}\n}}\n}}\n"
    )
}

fn coding(world: &mut World) -> Option<String> {
    // nginx does not mark its answers.
    world.proxy.expect_unmatched_answers();
    let request = Request::get("/public/a").field("accept-encoding", "gzip");
    let answer = world.proxy.exchange(&request);
    assert_eq!(answer.status, 200);
    answer.field("content-encoding").map(str::to_owned)
}

#[test]
fn nginx_compresses_as_without_a_proxy_unless_via_is_chosen() {
    let Some(nginx) = Nginx::start() else { return };
    assert_eq!(coding(&mut bare::in_front_of(&nginx.url(), "")).as_deref(), Some("gzip"));
    let via = "[forwarding]\nloop_header = \"via\"";
    assert_eq!(coding(&mut bare::in_front_of(&nginx.url(), via)), None);
}
