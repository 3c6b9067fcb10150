//! The services: nginx, Node over HTTP/1.1 and HTTP/2, uvicorn.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    independent_signers::library::python,
    support::{foreign::ForeignServer, optional},
};

/// Which program, and which protocol it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServiceKind {
    Nginx,
    Node,
    NodeHttp2,
    Uvicorn,
}

/// A running service. All of them answer `/text`, `/204`, and `/kept/…` with what was put there.
/// uvicorn and Node answer `/304` as well, and Node has more.
pub(super) struct Service {
    pub(super) kind: ServiceKind,
    server: ForeignServer<1>,
    _folder: tempfile::TempDir,
}

/// What `/text` says, where it is not compressed.
pub(super) const TEXT: &str = "compressible compressible compressible compressible compressible \
                               compressible compressible compressible compressible compressible";

/// `checkContinue` and `checkExpectation` are what Node calls for `Expect`.
const NODE: &str = r#"
const [kind, port, text] = process.argv.slice(1);
const kept = new Map();
const routes = {
    text(request, response) {
        const accepted = request.headers['accept-encoding'] ?? '';
        response.setHeader('vary', 'Accept-Encoding');
        response.setHeader('etag', '"a"');
        response.setHeader('x-accepted', accepted);
        if (!accepted.includes('gzip')) return response.end(text);
        response.setHeader('content-encoding', 'gzip');
        response.end(require('zlib').gzipSync(text));
    },
    hints(request, response) {
        response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' });
        response.end('whole');
    },
    trailers(request, response) {
        response.setHeader('trailer', 'x-sum');
        response.write('wh');
        response.addTrailers({ 'x-sum': '7', 'x-unnamed': '8' });
        response.end('ole');
    },
    204(request, response) { response.writeHead(204).end(); },
    304(request, response) { response.writeHead(304, { etag: '"a"' }).end(); },
    417(request, response) { response.writeHead(417, { 'x-why': 'no tea' }).end('not so'); },
    kept(request, response) {
        if (request.method !== 'PUT') return response.end(kept.get(request.url));
        const chunks = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => {
            kept.set(request.url, Buffer.concat(chunks));
            response.setHeader('x-trailers', JSON.stringify(request.trailers));
            response.setHeader('x-expect', request.headers.expect ?? 'none');
            response.writeHead(201).end();
        });
    },
};
const answer = (request, response) => routes[request.url.split('/')[1]](request, response);
const refuse = (request, response) => response.writeHead(417, { 'x-why': 'expectation' }).end();
const server = kind === 'http2'
    ? require('http2').createServer(answer)
    : require('http').createServer(answer);
server.on('checkContinue', refuse).on('checkExpectation', refuse);
server.listen(port, '127.0.0.1');
"#;

/// `THE TEXT` stands for [`TEXT`].
const UVICORN: &str = r#"
import gzip

TEXT = b"THE TEXT"
kept = {}

async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

async def answer(scope, receive):
    path = scope["path"]
    accepted = dict(scope["headers"]).get(b"accept-encoding", b"")
    if path in ("/204", "/304"):
        return int(path[1:]), [(b"etag", b'"a"')], b""
    if path == "/text":
        fields = [(b"vary", b"Accept-Encoding"), (b"x-accepted", accepted)]
        if b"gzip" not in accepted:
            return 200, fields, TEXT
        return 200, fields + [(b"content-encoding", b"gzip")], gzip.compress(TEXT, mtime=0)
    if scope["method"] == "PUT":
        kept[path] = await body_of(receive)
        return 201, [], b""
    return 200, [], kept[path]

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    status, fields, body = await answer(scope, receive)
    if status not in (204, 304):
        fields.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
"#;

impl Service {
    /// `None`, with a notice, where the machine does not have it.
    pub(super) fn start(kind: ServiceKind) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let program = program(kind)?;
        let log = folder.path().join("log");
        let started = ForeignServer::start_listening(&program, &log, |command, [address]| {
            command.args(arguments(kind, folder.path(), *address));
        });
        match started {
            Ok(server) => Some(Self { kind, server, _folder: folder }),
            Err(reason) => {
                optional::skip(&format!("{kind:?}"), &reason);
                None
            }
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.addresses[0]
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.kind == ServiceKind::NodeHttp2 { "h2c" } else { "http" };
        format!("{scheme}://{}", self.address())
    }
}

fn program(kind: ServiceKind) -> Option<PathBuf> {
    let name = match kind {
        ServiceKind::Nginx => "nginx",
        ServiceKind::Node | ServiceKind::NodeHttp2 => "node",
        ServiceKind::Uvicorn => return python().map(Path::to_path_buf),
    };
    match Command::new(name).arg("-v").output() {
        Ok(_) => Some(name.into()),
        Err(error) => {
            optional::skip(name, &error.to_string());
            None
        }
    }
}

fn arguments(kind: ServiceKind, folder: &Path, address: SocketAddr) -> Vec<String> {
    let (at, port) = (folder.display().to_string(), address.port().to_string());
    match kind {
        ServiceKind::Nginx => {
            fs::create_dir_all(folder.join("files/kept")).unwrap();
            fs::write(folder.join("files/text"), TEXT).unwrap();
            fs::write(folder.join("nginx.conf"), nginx(&at, address)).unwrap();
            vec!["-p".to_owned(), at.clone(), "-c".to_owned(), format!("{at}/nginx.conf")]
        }
        ServiceKind::Node => ["-e", NODE, "http1", &port, TEXT].map(str::to_owned).to_vec(),
        ServiceKind::NodeHttp2 => ["-e", NODE, "http2", &port, TEXT].map(str::to_owned).to_vec(),
        ServiceKind::Uvicorn => {
            fs::write(folder.join("asgi_app.py"), UVICORN.replace("THE TEXT", TEXT)).unwrap();
            let text = format!(
                "-m uvicorn asgi_app:app --app-dir {at} --host 127.0.0.1 --port {port} \
                 --log-level warning"
            );
            text.split(' ').map(str::to_owned).collect()
        }
    }
}

/// Takes bodies of 1 MiB, which is its default.
fn nginx(at: &str, address: SocketAddr) -> String {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|of| format!("{of}_temp_path {at}/{of};\n")).concat();
    format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\n\
         events {{}}\nhttp {{\naccess_log off;\n{paths}default_type text/plain;\n\
         gzip on;\ngzip_vary on;\ngzip_types text/plain;\ngzip_min_length 1;\n\
         server {{\nlisten {address};\nroot {at}/files;\n\
         add_header x-accepted $http_accept_encoding;\nlocation /kept/ {{ dav_methods PUT; }}\n\
         location = /204 {{ return 204; }}\n}}\n}}\n"
    )
}
