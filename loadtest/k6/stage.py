"""What a scenario plays on if it is not given a URL: processes of `countersign` on loopback."""

import http.client
import time
from dataclasses import dataclass
from pathlib import Path

from comparison.peers.peer import LOOPBACK, free_port
from comparison.places import directory
from comparison.processes import Failed, Process

_AUDIENCE = "https://api.demo.example"
_READY_SECONDS = 15


@dataclass
class Stage:
    """A proxy under test, and where its tokens come from."""

    url: str
    token_url: str | None = None
    rotate_url: str | None = None
    # The proxy, to see its memory; None if it is not of this run.
    proxy: Process | None = None
    # What an outage ends.
    key_source: Process | None = None

    def environment(self) -> dict[str, str]:
        named = {"URL": self.url, "TOKEN_URL": self.token_url, "ROTATE_URL": self.rotate_url}
        return {name: value for name, value in named.items() if value}


class Demo:
    """A `countersign demo`: identity provider, proxy and upstream in one process."""

    def __init__(self, binary: Path, cores: set, name: str):
        ports = {role: free_port() for role in ("listen", "admin", "provider", "upstream")}
        self.urls = {role: f"http://{LOOPBACK}:{port}" for role, port in ports.items()}
        argv = [binary, "demo"]
        for role, port in ports.items():
            argv += [f"--{role}", f"{LOOPBACK}:{port}"]
        self.process = Process(argv, cores, directory("k6") / f"{name}.log")
        wait_until_ready(ports["admin"], self.process)

    def stage(self) -> Stage:
        provider = self.urls["provider"]
        return Stage(
            self.urls["listen"], f"{provider}/token/plain", f"{provider}/rotate", self.process
        )


def outage_stage(binary: Path, cores: set) -> Stage:
    """The provider in a process of its own, so that it can die alone. The upstream is that of
    another demo."""
    provider = Demo(binary, cores, "provider")
    service = Demo(binary, cores, "service")
    port, admin = free_port(), free_port()
    argv = [binary, "run", "--listen", f"{LOOPBACK}:{port}", "--admin", f"{LOOPBACK}:{admin}"]
    argv += ["--upstream", service.urls["upstream"], "--issuer", provider.urls["provider"]]
    argv += ["--audience", _AUDIENCE, "--workers", "1"]
    settings = {
        # Every request needs the keys, and the source is asked again every second.
        "COUNTERSIGN_CACHE__ENTRIES": "0",
        "COUNTERSIGN_ISSUERS__DEFAULT__KEYS__REFRESH": "1s",
        "COUNTERSIGN_ISSUERS__DEFAULT__KEYS__COOLDOWN": "1s",
    }
    proxy = Process(argv, cores, directory("k6") / "proxy.log", settings)
    wait_until_ready(admin, proxy)
    return Stage(
        f"http://{LOOPBACK}:{port}",
        f"{provider.urls['provider']}/token/plain",
        proxy=proxy,
        key_source=provider.process,
    )


def wait_until_ready(admin_port: int, process: Process):
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        process.check_alive()
        connection = http.client.HTTPConnection(LOOPBACK, admin_port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.01)
    raise Failed(f"not ready after {_READY_SECONDS} s; see {process.log}")
