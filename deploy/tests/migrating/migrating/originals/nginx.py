"""nginx with auth_request, and behind it the verifier of `migrating/verifier.py`."""

import os
import sys

from comparison.peers.peer import account, free_port, wait_for_port
from comparison.processes import Process
from comparison.tools import need

from .original import Original

# Where an ordinary user may write, and in the foreground, so that its pid is that of the process.
_GLOBAL = """daemon off;
pid {home}/pid;
error_log {home}/error.log;
{user}
"""
_HTTP = """http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
"""


class NginxAuthRequest(Original):
    def start(self) -> Process:
        self._verifier_port = free_port()
        verifier = [sys.executable, "-m", "migrating.verifier"]
        process = self.run([*verifier, self._verifier_port, self.stage.jwks_url], "verifier")
        wait_for_port(self._verifier_port, process)
        return super().start()

    def command(self) -> list:
        config = self.configured("nginx.conf", {
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "127.0.0.1:3000": f"127.0.0.1:{self.stage.service_port}",
            "127.0.0.1:9000": f"127.0.0.1:{self._verifier_port}",
            "http {\n": _HTTP.format(home=self.home),
        })
        user = f"user {account()};" if os.geteuid() == 0 else ""
        config.write_text(_GLOBAL.format(home=self.home, user=user) + config.read_text())
        return [need("nginx"), "-p", self.home, "-c", config]
