//! The services.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rcgen::date_time_ymd;

use crate::{
    independent_signers::library::python,
    support::{
        authority::{Authority, Identity},
        foreign::ForeignServer,
        optional,
    },
};

/// Which program, and how it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerKind {
    Nginx,
    /// Without HTTP/2.
    NginxHttp1,
    HaProxy,
    NodeHttps,
    NodeHttp2,
    Uvicorn,
    Gunicorn,
    Grpc,
}

/// A running service. It shows a certificate for `localhost` of one of two authorities.
pub(super) struct Peer {
    server: ForeignServer<1>,
    identities: [Identity; 2],
    folder: tempfile::TempDir,
}

const NODE: &str = r"
const [kind, port, folder] = process.argv.slice(1);
const files = Object.fromEntries(
    ['key', 'cert'].map((name) => [name, require('fs').readFileSync(`${folder}/${name}.pem`)]));
const answer = (request, response) => response.end(request.httpVersion);
const server = kind === 'http2'
    ? require('http2').createSecureServer(files, answer)
    : require('https').createServer(files, answer);
server.listen(port, '127.0.0.1');
";

const UVICORN: &str = r#"
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = scope["http_version"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"#;

const GUNICORN: &str = r#"
def app(environ, start_response):
    body = environ["SERVER_PROTOCOL"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"#;

const GRPC_SERVER: &str = r#"
import sys
from concurrent import futures
import grpc

port, folder = sys.argv[1:]

def unary(request, context):
    context.set_trailing_metadata((("x-checksum", str(len(request))),))
    return request

def both(requests, context):
    yield from requests

handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Both": grpc.stream_stream_rpc_method_handler(both),
}
server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.Test", handlers),))
pair = tuple(open(f"{folder}/{name}.pem", "rb").read() for name in ("key", "cert"))
server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair]))
server.start()
server.wait_for_termination()
"#;

/// Two seconds of 200 calls each, then a stream in both directions.
const GRPC_CLIENT: &str = r#"
import sys, time
import grpc

CALLS, RATE = 400, 200
channel = grpc.insecure_channel(sys.argv[1])
unary = channel.unary_unary("/grpc.Test/Unary")
began = time.monotonic()
calls = []
for number in range(CALLS):
    time.sleep(max(0, began + number / RATE - time.monotonic()))
    calls.append((number, unary.future(b"x" * number, timeout=20)))
for number, call in calls:
    assert call.result() == b"x" * number
    assert dict(call.trailing_metadata())["x-checksum"] == str(number)
both = channel.stream_stream("/grpc.Test/Both")
messages = [b"y" * (size * 97) for size in range(100)]
assert list(both(iter(messages), timeout=20)) == messages
try:
    channel.unary_unary("/grpc.Test/Missing")(b"", timeout=20)
    raise SystemExit("no such method")
except grpc.RpcError as error:
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED, error
"#;

const CLIENT_DEADLINE: Duration = Duration::from_mins(1);

impl Peer {
    /// `None`, with a notice, where the machine does not have it.
    pub(super) fn start(kind: PeerKind) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let authorities = ["one", "another"].map(Authority::new);
        let pem: String = authorities.iter().map(Authority::pem).collect();
        fs::write(folder.path().join("ca.pem"), pem).unwrap();
        let identities = [2090, 2091].map(|year| {
            let of = &authorities[usize::try_from(year - 2090).unwrap()];
            of.server_with("localhost", |params| params.not_after = date_time_ymd(year, 1, 1))
        });
        install(folder.path(), &identities[0]);
        let program = program(kind)?;
        let log = folder.path().join("log");
        let started = ForeignServer::start_listening(&program, &log, |command, [address]| {
            command.args(arguments(kind, folder.path(), *address));
        });
        match started {
            Ok(server) => Some(Self { server, identities, folder }),
            Err(reason) => {
                optional::skip(&format!("{kind:?}"), &reason);
                None
            }
        }
    }

    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.server.addresses[0].port())
    }

    /// Both authorities.
    pub(super) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Has nginx show the certificate of the other authority, or the first one again.
    pub(super) fn renew(&self, is_other: bool) {
        install(self.folder.path(), &self.identities[usize::from(is_other)]);
        let reload = Command::new("kill").args(["-HUP", &self.server.pid().to_string()]).status();
        assert!(reload.unwrap().success());
    }

    /// Calls it through the proxy; what fails, fails the test.
    pub(super) fn call_grpc(&self, proxy: SocketAddr) {
        let Some(python) = python() else { return };
        let mut client = Command::new(python);
        client.args(["-c", GRPC_CLIENT, &proxy.to_string()]);
        let log = self.folder.path().join("client.log");
        optional::run(&mut client, &log, CLIENT_DEADLINE).unwrap();
    }
}

fn install(folder: &Path, identity: &Identity) {
    let (certificate, key) = (&identity.certificate_pem, identity.key_pem());
    for (name, pem) in
        [("cert.pem", certificate), ("key.pem", &key), ("both.pem", &format!("{certificate}{key}"))]
    {
        // As a whole, since the service may read it at any moment.
        let file = folder.join(name);
        fs::write(file.with_extension("new"), pem).unwrap();
        fs::rename(file.with_extension("new"), file).unwrap();
    }
}

fn program(kind: PeerKind) -> Option<PathBuf> {
    let name = match kind {
        PeerKind::Nginx | PeerKind::NginxHttp1 => "nginx",
        PeerKind::HaProxy => "haproxy",
        PeerKind::NodeHttps | PeerKind::NodeHttp2 => "node",
        PeerKind::Uvicorn | PeerKind::Gunicorn | PeerKind::Grpc => {
            return python().map(Path::to_path_buf);
        }
    };
    match Command::new(name).arg("-v").output() {
        Ok(_) => Some(name.into()),
        Err(error) => {
            optional::skip(name, &error.to_string());
            None
        }
    }
}

fn arguments(kind: PeerKind, folder: &Path, address: SocketAddr) -> Vec<String> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (at, port) = (folder.display().to_string(), address.port().to_string());
    let (key, certificate) = (format!("{at}/key.pem"), format!("{at}/cert.pem"));
    match kind {
        PeerKind::Nginx | PeerKind::NginxHttp1 => {
            let text = nginx(&at, address, kind == PeerKind::Nginx);
            vec!["-p".to_owned(), at, "-c".to_owned(), write("nginx.conf", &text)]
        }
        PeerKind::HaProxy => vec!["-f".to_owned(), write("haproxy.cfg", &haproxy(&at, address))],
        PeerKind::NodeHttps => ["-e", NODE, "https", &port, &at].map(str::to_owned).to_vec(),
        PeerKind::NodeHttp2 => ["-e", NODE, "http2", &port, &at].map(str::to_owned).to_vec(),
        PeerKind::Uvicorn => {
            write("asgi_app.py", UVICORN);
            let text = format!(
                "-m uvicorn asgi_app:app --app-dir {at} --host 127.0.0.1 --port {port} \
                 --ssl-keyfile {key} --ssl-certfile {certificate} --log-level warning"
            );
            text.split(' ').map(str::to_owned).collect()
        }
        PeerKind::Gunicorn => {
            write("wsgi_app.py", GUNICORN);
            let text = format!(
                "-m gunicorn wsgi_app:app --chdir {at} --bind {address} --keyfile {key} \
                 --certfile {certificate} --worker-class gthread --threads 8 --no-control-socket"
            );
            text.split(' ').map(str::to_owned).collect()
        }
        PeerKind::Grpc => ["-c", GRPC_SERVER, &port, &at].map(str::to_owned).to_vec(),
    }
}

/// A thousand requests to a connection, which is its default, so that some are closed under load.
fn nginx(at: &str, address: SocketAddr, http2: bool) -> String {
    let http2 = if http2 { " http2" } else { "" };
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|of| format!("{of}_temp_path {at}/{of};\n")).concat();
    format!(
        "daemon off;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/error.log;\n\
         events {{}}\nhttp {{\naccess_log off;\n{paths}server {{\nlisten {address} ssl{http2};\n\
         ssl_certificate {at}/cert.pem;\nssl_certificate_key {at}/key.pem;\n\
         location / {{ return 200 $server_protocol; }}\n}}\n}}\n"
    )
}

fn haproxy(at: &str, address: SocketAddr) -> String {
    format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
         frontend in\n  bind {address} ssl crt {at}/both.pem alpn h2,http/1.1\n  \
         http-request return status 200 content-type text/plain lf-string HTTP/%[req.ver]\n"
    )
}
