"""The two proxies, each with a pool of connections to the upstream."""

import os
import re
import urllib.request
from pathlib import Path

from comparison.certificate import NAME
from comparison.peers.peer import LOOPBACK, account, free_port
from comparison.processes import Process
from comparison.tools import need

from .upstreams import Upstream

_COUNTERSIGN = """
[server]
listen = "{loopback}:{port}"
workers = 1
shutdown_grace = "0s"
drain_timeout = "0s"
[admin]
listen = "{loopback}:{admin}"
[upstreams.app]
url = "{scheme}://{loopback}:{upstream}"
{idle}
{tls}
[[routes]]
path = "/**"
access = "public"
[issuers.idp]
issuer = "https://idp.test"
audiences = ["api"]
keys.jwks_file = "{home}/jwks.json"
"""

# Of no use: all routes are public.
_JWKS = (
    '{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k",'
    '"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
)

_NGINX = """
daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  upstream app {{ server {loopback}:{upstream}; keepalive 100; keepalive_timeout 10m; }}
  server {{
    listen {loopback}:{port};
    location / {{
      proxy_pass {scheme}://app; {tls} proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
}}
"""


_TLS = """[upstreams.app.tls]
ca_file = "{file}"
server_name = "{name}"
"""

_NGINX_TLS = (
    "proxy_ssl_verify on; proxy_ssl_trusted_certificate {file}; proxy_ssl_name {name};"
    " proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2 TLSv1.3;"
)


def _scheme(upstream: Upstream) -> str:
    return "http" if upstream.certificate is None else "https"


class Countersign:
    """With connections that outlive those of the upstream, unless `idle` says otherwise."""

    name = "countersign"

    def __init__(self, binary: str, upstream: Upstream, home: Path, idle: str | None):
        self.port, self.admin = free_port(), free_port()
        home.mkdir(parents=True)
        (home / "jwks.json").write_text(_JWKS)
        certificate = upstream.certificate
        text = _COUNTERSIGN.format(
            loopback=LOOPBACK, port=self.port, admin=self.admin, upstream=upstream.port, home=home,
            idle=f'idle_timeout = "{idle}"' if idle else "",
            scheme=_scheme(upstream), tls="" if certificate is None else _TLS.format(
                file=certificate.certificate, name=NAME
            ),
        )
        (home / "countersign.toml").write_text(text)
        argv = [binary, "run", "--config", home / "countersign.toml"]
        self.process = Process(argv, os.sched_getaffinity(0), home / "log")

    def retries(self) -> int:
        """How many requests it says it has sent twice."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.admin}/metrics", timeout=5) as page:
            text = page.read().decode()
        found = re.search(r"^countersign_upstream_retries_total\{.*\} (\d+)", text, re.MULTILINE)
        return int(found.group(1)) if found else 0


class Nginx:
    """nginx as a proxy: what is lost behind it sets the bar."""

    name = "nginx"

    def __init__(self, upstream: Upstream, home: Path):
        self.port = free_port()
        home.mkdir(parents=True)
        home.chmod(0o777)
        user = f"user {account()};" if os.geteuid() == 0 else ""
        certificate = upstream.certificate
        text = _NGINX.format(
            loopback=LOOPBACK, port=self.port, upstream=upstream.port, home=home, user=user,
            scheme=_scheme(upstream), tls="" if certificate is None else _NGINX_TLS.format(
                file=certificate.certificate, name=NAME
            ),
        )
        (home / "nginx.conf").write_text(text)
        argv = [need("nginx"), "-p", home, "-c", home / "nginx.conf"]
        self.process = Process(argv, os.sched_getaffinity(0), home / "log")

    def retries(self) -> int | None:
        """It does not say."""
        return None
