"""What all peers have in common."""

import os
import pwd
import random
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..certificate import Certificate
from ..material import Key
from ..places import directory
from ..processes import Failed, Process

LOOPBACK = "127.0.0.1"
# Above what any scenario opens, so that no peer's bound is measured, and low enough for the number
# of files that an ordinary account may open.
MAX_CONNECTIONS = 4_000
READY_SECONDS = 20
# From another place in each run: two may be going on.
_PORTS = iter(range(random.randrange(15_000, 30_000), 32_000))


@dataclass(frozen=True)
class Stage:
    """What a peer is put between: the upstream, and the key of the tokens."""

    upstream_port: int
    key: Key | None = None
    # The certificate of the upstream. None: it speaks without TLS.
    upstream_certificate: Certificate | None = None


@dataclass
class Peer:
    """A proxy in one configuration. Subclasses say how it is configured and started."""

    name: str
    stage: Stage
    # The program that has to be installed.
    program: str = field(default="", kw_only=True)
    # Whether it checks tokens: signature, issuer, audience and expiry.
    verifies: bool = field(default=False, kw_only=True)
    # What the load speaks, if it is not HTTP/1.1 as well.
    http2: bool = field(default=False, kw_only=True)
    port: int = field(init=False)
    home: Path = field(init=False)

    def __post_init__(self):
        self.port = free_port()
        self.home = directory("peers", self.name.replace(" ", "-"))

    def start(self, cores: set) -> Process:
        return listening(Process(self.command(), cores, self.home / "log"), self.port)

    def command(self) -> list:
        """Writes the configuration and says how to start the program with it."""
        raise NotImplementedError

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text)
        return path

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


def free_port() -> int:
    """A port below those that the kernel gives to outgoing connections. With one of those, another
    program could get it in the meantime, and with SO_REUSEPORT the two would share the requests."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise Failed("no free port")


def listening(process: Process, port: int) -> Process:
    """The process, once it listens there. One that does not is stopped."""
    try:
        wait_for_port(port, process)
    except BaseException:
        process.stop()
        raise
    return process


def wait_for_port(port: int, process: Process):
    """Until a program listens there."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        process.check_alive()
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1):
                return
        except OSError:
            time.sleep(0.005)
    raise Failed(f"nothing listens on port {port} after {READY_SECONDS} s; see {process.log}")


def account() -> str:
    """Who runs this, for programs that would otherwise change to an account that can't read the
    configuration."""
    return pwd.getpwuid(os.geteuid()).pw_name
