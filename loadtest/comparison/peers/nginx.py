"""nginx: the upstream of every scenario, and the plain proxy that sets the bar."""

import os
from dataclasses import dataclass

from ..certificate import NAME, Certificate
from ..tools import need
from .peer import LOOPBACK, MAX_CONNECTIONS, Peer, account, free_port

# What the upstream got, for the check that the peers add the same headers.
ECHO_PATH = "/echo"
# Reads the whole body before it answers: an answer that comes earlier makes some proxies close the
# connection. nginx reads a body only on behalf of another server, hence the detour to itself.
UPLOAD_PATH = "/upload"

_FRAME = """
daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
{user}
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  client_max_body_size 0;
  large_client_header_buffers 4 16k;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
  {content}
}}
"""


@dataclass
class _Nginx(Peer):
    def __post_init__(self):
        super().__post_init__()
        self.program = "nginx"

    def command(self) -> list:
        text = _FRAME.format(
            home=self.home,
            connections=2 * MAX_CONNECTIONS,
            user=f"user {account()};" if os.geteuid() == 0 else "",
            content=self.content(),
        )
        return [need("nginx"), "-p", self.home, "-c", self.write("nginx.conf", text)]

    def content(self) -> str:
        raise NotImplementedError


@dataclass
class Upstream(_Nginx):
    """Answers 200 to everything, as fast as anything does; at another port over TLS."""

    certificate: Certificate | None = None

    def __post_init__(self):
        super().__post_init__()
        self.tls_port = free_port()

    def content(self) -> str:
        tls = "" if self.certificate is None else f"""
    listen {LOOPBACK}:{self.tls_port} ssl backlog=4096;
    ssl_certificate {self.certificate.certificate};
    ssl_certificate_key {self.certificate.key};
    ssl_session_cache shared:tls:1m;"""
        return f"""
  upstream self {{ server {LOOPBACK}:{self.port}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen {LOOPBACK}:{self.port} backlog=4096;{tls}
    location / {{ return 200 "ok\\n"; }}
    location {ECHO_PATH} {{ return 200 "$http_x_auth_subject|$http_x_auth_scope|$http_authorization"; }}
    location {UPLOAD_PATH} {{
      client_body_buffer_size 2m;
      proxy_pass http://self/;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      proxy_http_version 1.1;
    }}
  }}"""


class NginxPlain(_Nginx):
    """`proxy_pass`, with connections to the upstream kept open and bodies passed on as they come.
    HTTP/2 is for clients alone, without TLS."""

    def content(self) -> str:
        protocol = " http2" if self.http2 else ""
        scheme, tls = "http", ""
        if certificate := self.stage.upstream_certificate:
            scheme, tls = "https", f"""
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {certificate.certificate};
      proxy_ssl_name {NAME};
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;"""
        return f"""
  upstream service {{ server {LOOPBACK}:{self.stage.upstream_port}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen {LOOPBACK}:{self.port}{protocol} backlog=4096;
    location / {{
      proxy_pass {scheme}://service;{tls}
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }}
  }}"""
