"""Upstreams that close an idle connection after a while, and log every request."""

import os
import re
from collections import Counter
from pathlib import Path

from comparison.certificate import Certificate
from comparison.peers.peer import LOOPBACK, account, free_port
from comparison.processes import Process
from comparison.tools import need

_NODE = """
const server = %s((request, response) => {
  console.log(request.method + ' ' + request.url);
  request.resume().on('end', () => response.end('ok'));
});
server.keepAliveTimeout = %d * 1000;
server.keepAliveTimeoutBuffer = 0;
server.listen(%d, '127.0.0.1');
"""

_NODE_TLS = """(handle => require('https').createServer({
  key: require('fs').readFileSync('%s'), cert: require('fs').readFileSync('%s') }, handle))"""

_WSGI = """
def app(environ, start_response):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""

_ASGI = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
"""

_NGINX = """
daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
  log_format request '$request';
  access_log {home}/access.log request;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  keepalive_timeout {seconds}s;
  server {{ listen {loopback}:{port}{tls}; location / {{ return 200 ok; }} }}
}}
"""

_APACHE = """
ServerRoot {home}
ServerName race.test
PidFile {home}/pid
ErrorLog {home}/error.log
Listen {loopback}:{port}
{modules}
{user}
LogFormat "%r" request
CustomLog {home}/access.log request
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout {seconds}
RewriteEngine On
RewriteRule . - [R=204]
"""

_APACHE_MODULES = Path("/usr/lib/apache2/modules")


class Upstream:
    """One of them, started in a folder of its own."""

    def __init__(self, kind: str, seconds: int, home: Path, certificate: Certificate | None = None):
        self.kind, self.seconds, self.home = kind, seconds, home
        # None: without TLS.
        self.certificate = certificate
        self.port = free_port()
        home.mkdir(parents=True)
        # Those that are started by root work as another user.
        home.chmod(0o777)
        argv = _COMMANDS[kind](self)
        environment = {"PYTHONPATH": str(home), "PYTHONUNBUFFERED": "1"}
        self.process = Process(argv, os.sched_getaffinity(0), home / "log", environment)

    def received(self) -> Counter:
        """How often each request was received, by its path."""
        logs = [self.home / "log", self.home / "access.log"]
        text = "".join(log.read_text(errors="replace") for log in logs if log.exists())
        return Counter(re.findall(r"\b(?:GET|POST) (/[a-z0-9-]+)", text))

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text)
        return path


def _node(upstream: Upstream) -> list:
    create = "require('http').createServer"
    if certificate := upstream.certificate:
        create = _NODE_TLS % (certificate.key, certificate.certificate)
    script = _NODE % (create, upstream.seconds, upstream.port)
    return [need("node"), upstream.write("server.js", script)]


def _gunicorn(upstream: Upstream) -> list:
    upstream.write("race_app.py", _WSGI)
    options = ["--worker-class", "gthread", "--threads", "32", "--access-logfile", "-"]
    bind = ["--bind", f"{LOOPBACK}:{upstream.port}", "--keep-alive", upstream.seconds]
    return [need("gunicorn"), *options, *bind, "race_app:app"]


def _uvicorn(upstream: Upstream) -> list:
    upstream.write("race_app.py", _ASGI)
    options = ["--port", upstream.port, "--timeout-keep-alive", upstream.seconds]
    return [need("uvicorn"), *options, "race_app:app"]


def _nginx(upstream: Upstream) -> list:
    tls = "" if (certificate := upstream.certificate) is None else (
        f" ssl; ssl_certificate {certificate.certificate};"
        f" ssl_certificate_key {certificate.key}"
    )
    text = _NGINX.format(
        home=upstream.home, user=_user("user {};"), loopback=LOOPBACK,
        port=upstream.port, seconds=upstream.seconds, tls=tls,
    )
    return [need("nginx"), "-p", upstream.home, "-c", upstream.write("nginx.conf", text)]


def _apache(upstream: Upstream) -> list:
    names = ["mpm_event", "authz_core", "log_config", "rewrite"]
    built_in = "" if (_APACHE_MODULES / "mod_log_config.so").exists() else "log_config"
    modules = "\n".join(
        f"LoadModule {name}_module {_APACHE_MODULES}/mod_{name}.so"
        for name in names if name != built_in
    )
    text = _APACHE.format(
        home=upstream.home, modules=modules, user=_user("User nobody\nGroup nogroup"),
        loopback=LOOPBACK, port=upstream.port, seconds=upstream.seconds,
    )
    return [need("apache2"), "-DFOREGROUND", "-f", upstream.write("apache.conf", text)]


def _user(directive: str) -> str:
    return directive.format(account()) if os.geteuid() == 0 else ""


_COMMANDS = {
    "nginx": _nginx, "node": _node, "gunicorn": _gunicorn, "uvicorn": _uvicorn, "apache": _apache,
}
KINDS = list(_COMMANDS)
# Those that are set up for TLS here.
TLS_KINDS = ["nginx", "node"]
