//! P-15 in front of services that read paths in ways of their own: nginx, which decodes and merges,
//! Node with WHATWG's parser of URLs, and Python's. Each says of a request whether it takes the
//! path for one below `/admin`; without the scope for that none of them ever does.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
};

use crate::support::{client::Request, optional, wait_until, world::World};

/// A service that answers `admin` or `other`; killed when dropped.
struct Service {
    name: &'static str,
    url: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const NODE: &str = r"
const server = require('http').createServer((request, response) => {
    let path = '/';
    try { path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname) } catch {}
    path = require('path').posix.normalize(path.replaceAll('\\', '/'));
    response.end(/^\/+admin(\/|$)/.test(path) ? 'admin' : 'other');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

const PYTHON: &str = r#"
import http.server, posixpath, re
from urllib.parse import unquote, urlsplit

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        path = re.sub(";[^/]*", "", unquote(unquote(urlsplit(self.requestline.split()[1]).path)))
        path = posixpath.normpath(path.replace("\\", "/"))
        body = b"admin" if re.match("/+admin(/|$)", path) else b"other"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

fn nginx() -> Option<Service> {
    let folder = tempfile::tempdir().unwrap();
    let [file, socket] = ["nginx.conf", "nginx.sock"].map(|name| folder.path().join(name));
    let at = folder.path().display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|of| format!("{of}_temp_path {at}/{of};\n")).concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\n\
         events {{}}\nhttp {{\naccess_log off;\n{paths}server {{\nlisten unix:{};\n\
         location ~ ^/admin(/|\\z) {{ return 200 admin; }}\nlocation / {{ return 200 other; }}\n}}\n}}\n",
        socket.display()
    );
    fs::write(&file, text).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg(&file).stdout(Stdio::null());
    let child = started("nginx", &mut command)?;
    wait_until("nginx", || UnixStream::connect(&socket).is_ok());
    Some(Service {
        name: "nginx",
        url: format!("unix:{}", socket.display()),
        child,
        _folder: folder,
    })
}

/// A script that prints its port.
fn script(name: &'static str, arguments: [&str; 2]) -> Option<Service> {
    let mut child = started(name, Command::new(name).args(arguments).stdout(Stdio::piped()))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = format!("http://127.0.0.1:{}", line.trim());
    Some(Service { name, url, child, _folder: tempfile::tempdir().unwrap() })
}

fn started(name: &str, command: &mut Command) -> Option<Child> {
    let child = command.stderr(Stdio::null()).spawn();
    child.map_err(|error| optional::skip(name, &error.to_string())).ok()
}

/// `/**` is public and keeps all that it can. The routes of `guards` are beside it.
fn in_front_of(service: &Service, guards: &str) -> World {
    let lax = "[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"other\"\n\
               encoded_slash = \"keep\"\nempty_segments = \"keep\"\nescapes = \"keep\"\n";
    let mut world = World::with_setup(|setup| {
        let other = format!("[upstreams.other]\nurl = \"{}\"", service.url);
        setup.with(&other).routes(&format!("{lax}{guards}"))
    });
    world.proxy.expect_unmatched_answers();
    world
}

/// Spellings of `/admin/x`, or of something that some reader could take for it.
fn paths() -> Vec<String> {
    const BEGINNINGS: [&str; 5] = ["", "h", "%2Fh", "x%2F..", "x%5C.."];
    const BEFORE: [&str; 9] = ["", "/", "%2F", "%5c", "%252f", "/;x/", "%3Bx/", ";x%2F", "%09/"];
    const NAMES: [&str; 4] = ["admin", "%61dmin", "ad%0Amin", "%2561dmin"];
    const BEHIND: [&str; 4] = ["/", "//", "%2F", ";x/"];
    let mut paths = Vec::new();
    for beginning in BEGINNINGS {
        for before in BEFORE {
            for name in NAMES {
                for behind in BEHIND {
                    paths.push(format!("/{beginning}{before}{name}{behind}x"));
                }
            }
        }
    }
    paths
}

/// The paths that pass and that the service takes for one below `/admin`, and the number of all
/// that pass.
fn taken_for_admin(world: &World) -> (Vec<String>, usize) {
    let mut client = world.proxy.client();
    let (mut admin, mut passed) = (Vec::new(), 0);
    for path in paths() {
        let answer = client.exchange(&Request::get(&path));
        match (answer.status, &*answer.body.bytes) {
            (200, body) => {
                passed += 1;
                if body == b"admin" {
                    admin.push(path);
                }
            }
            (status, _) => assert!([400, 401, 403].contains(&status), "{path}: {status}"),
        }
    }
    (admin, passed)
}

#[test]
fn p15_no_service_takes_a_path_that_passes_for_one_that_a_token_is_needed_for() {
    let services = [nginx(), script("node", ["-e", NODE]), script("python3", ["-c", PYTHON])];
    for service in services.into_iter().flatten() {
        let guard =
            "[[routes]]\npath = \"/admin/**\"\nscopes = [\"admin\"]\nupstream = \"other\"\n";
        let (admin, passed) = taken_for_admin(&in_front_of(&service, guard));
        assert!(admin.is_empty(), "{}: {admin:?}", service.name);
        assert!(passed > 50, "{}: {passed} passed", service.name);
        // Without that route the same paths lead there.
        let (admin, _) = taken_for_admin(&in_front_of(&service, ""));
        assert!(admin.len() > 10, "{}: {admin:?}", service.name);
    }
}
