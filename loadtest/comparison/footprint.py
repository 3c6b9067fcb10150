"""What a proxy takes when it does nothing, or waits: memory, start, size."""

import shutil
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from .field_of_peers import Field
from .load import Wrk
from .machine import Cores
from .material import Material
from .peers.countersign import Countersign
from .peers.peer import LOOPBACK, Peer
from .places import directory
from .processes import Failed, Process

CACHED_TOKENS = 4_000
IDLE_BESIDE_TOKENS = 1_000
MANY_IDLE = 10_000
# As many as the cache holds by default.
MANY_TOKENS = 10_000
IN_FLIGHT = 1_000
_STARTS = 9
# Longer than the quarter of a second after which Countersign parks an idle connection.
_SETTLE_SECONDS = 2.0
_FILL_SECONDS = 3
_ANSWER_SECONDS = 10


def idle_memory(peer: Peer, cores: Cores) -> int:
    """Resident bytes after the start, which asks whether it is ready; before any other request."""
    with peer.start(cores.proxy) as process:
        time.sleep(_SETTLE_SECONDS)
        return process.resident_bytes()


def memory_in_use(peer: Peer, material: Material, cores: Cores) -> int:
    """Resident bytes with 4,000 tokens seen and 1,000 connections open."""
    tokens = material.tokens("RS256", CACHED_TOKENS)
    with peer.start(cores.proxy) as process:
        answers = Wrk(tokens).run(peer.url, _FILL_SECONDS, cores.load)
        if answers.requests < CACHED_TOKENS:
            raise Failed(f"{peer.name} has not seen every token after {_FILL_SECONDS} s")
        with ExitStack() as connections:
            _open_idle(peer, IDLE_BESIDE_TOKENS, tokens.read_text().split()[0], connections)
            time.sleep(_SETTLE_SECONDS)
            return process.resident_bytes()


def bytes_per_idle_connection(peer: Peer, token: str, cores: Cores, count: int) -> float:
    """What each of many connections takes that has had its request and waits for the next."""
    with peer.start(cores.proxy) as process:
        with ExitStack() as connections:
            # The first ones pay for what all share.
            _open_idle(peer, 100, token, connections)
            time.sleep(_SETTLE_SECONDS)
            before = process.resident_bytes()
            _open_idle(peer, count, token, connections)
            time.sleep(_SETTLE_SECONDS)
            process.check_alive()
            return (process.resident_bytes() - before) / count


def bytes_of_cached_tokens(peer: Peer, tokens: Path, cores: Cores) -> int:
    """What many tokens take in the cache, above the idle process; seen on a single connection."""
    with peer.start(cores.proxy) as process:
        time.sleep(_SETTLE_SECONDS)
        idle = process.resident_bytes()
        with _connect(peer) as connection:
            for token in tokens.read_text().split():
                _ask(peer, connection, token)
        time.sleep(_SETTLE_SECONDS)
        return process.resident_bytes() - idle


class SilentService:
    """Takes every connection and answers nothing."""

    def __enter__(self) -> "SilentService":
        self._listener = socket.create_server((LOOPBACK, 0), backlog=4096)
        self.port = self._listener.getsockname()[1]
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()
        return self

    def __exit__(self, *_):
        # Without it, the thread would stay in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.taken:
            connection.close()

    def _take(self):
        while True:
            try:
                self.taken.append(self._listener.accept()[0])
            except OSError:
                return


def bytes_per_request_in_flight(
    peer: Peer, service: SilentService, token: str, cores: Cores
) -> float:
    """What each of many requests takes, with both connections, while the service is silent."""
    with peer.start(cores.proxy) as process, ExitStack() as connections:
        # The first ones pay for what all share.
        _leave_in_flight(peer, service, token, 100, connections)
        before = process.resident_bytes()
        _leave_in_flight(peer, service, token, IN_FLIGHT, connections)
        process.check_alive()
        return (process.resident_bytes() - before) / IN_FLIGHT


def start_to_ready_ms(peer: Countersign, cores: Cores) -> float:
    """From exec to the first 200 of /readyz, keys from a file: the median of several starts."""
    return median(_one_start(peer, cores) for _ in range(_STARTS))


def stripped_size(binary: Path) -> int:
    """Bytes of the release binary without its symbols."""
    strip = shutil.which("strip")
    if strip is None:
        return binary.stat().st_size
    stripped = directory("material") / "countersign.stripped"
    subprocess.run([strip, "-o", stripped, binary], check=True, timeout=60)
    size = stripped.stat().st_size
    stripped.unlink()
    return size


def envoy_or_none(field: Field, material: Material) -> Peer | None:
    found = field.present([field.envoy_jwt_cache(material.key("RS256"))])
    return found[0] if found else None


def _one_start(peer: Countersign, cores: Cores) -> float:
    with Process(peer.command(), cores.proxy, peer.home / "log") as process:
        peer.wait_until_ready(process)
        return (time.monotonic() - process.started_at) * 1000


def _open_idle(peer: Peer, count: int, token: str, connections: ExitStack):
    for _ in range(count):
        _ask(peer, connections.enter_context(_connect(peer)), token)


def _leave_in_flight(
    peer: Peer, service: SilentService, token: str, count: int, connections: ExitStack
):
    wanted = len(service.taken) + count
    for _ in range(count):
        connections.enter_context(_connect(peer)).sendall(_request(token))
    deadline = time.monotonic() + _ANSWER_SECONDS
    while len(service.taken) < wanted:
        if time.monotonic() > deadline:
            raise Failed(f"{peer.name} has forwarded {len(service.taken)} of {wanted} requests")
        time.sleep(0.05)
    time.sleep(_SETTLE_SECONDS)


def _connect(peer: Peer) -> socket.socket:
    return socket.create_connection((LOOPBACK, peer.port), timeout=_ANSWER_SECONDS)


def _ask(peer: Peer, connection: socket.socket, token: str):
    connection.sendall(_request(token))
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Failed(f"{peer.name} answered {answer[:40]!r} on an idle connection")


def _request(token: str) -> bytes:
    return (
        f"GET /api/orders/42 HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
