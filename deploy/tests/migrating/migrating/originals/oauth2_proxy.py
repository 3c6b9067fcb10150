"""oauth2-proxy with skip_jwt_bearer_tokens."""

import os
import secrets
import subprocess
from pathlib import Path

from comparison.processes import Failed
from comparison.tools import need

from ..places import directory
from .original import Original

_MODULE = "github.com/oauth2-proxy/oauth2-proxy/v7"
_VERSION = "v7.15.6"


class OAuth2Proxy(Original):
    identity_headers = ["x-forwarded-user", "x-forwarded-email"]

    def command(self) -> list:
        config = self.configured("oauth2-proxy.cfg", {
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "127.0.0.1:3000": f"127.0.0.1:{self.stage.service_port}",
            "https://idp.example.com/jwks": self.stage.jwks_url,
            "/etc/oauth2-proxy/client-secret": str(self._secret("client-secret")),
            "/etc/oauth2-proxy/cookie-secret": str(self._secret("cookie-secret")),
        })
        return [_installed(), "--config", config]

    def _secret(self, name: str) -> Path:
        path = self.home / name
        path.write_text(secrets.token_hex(16))
        path.chmod(0o600)
        return path


def _installed() -> Path:
    folder = directory("bin")
    program = folder / f"oauth2-proxy-{_VERSION}"
    if not program.exists():
        environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
        install = [need("go"), "install", f"{_MODULE}@{_VERSION}"]
        if subprocess.run(install, env=environment, check=False).returncode != 0:
            raise Failed(f"{_MODULE}@{_VERSION} could not be installed")
        (folder / "oauth2-proxy").rename(program)
    return program
