"""Opaque tokens: what a remembered one costs, what a crowd behind a new one costs the provider,
and whether a slow provider makes those wait who don't need it."""

import asyncio
import http.client
import secrets
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .contest import Entry, Pace, Result, hold
from .contests import SOME_TOKENS
from .field_of_peers import Field
from .load import ConstantRate, Wrk
from .machine import Cores
from .material import AUDIENCE, Material
from .peers.countersign import Countersign
from .peers.peer import LOOPBACK, free_port, wait_for_port
from .places import directory
from .processes import Failed, Process

JWT, OPAQUE = "countersign warm", "countersign, opaque tokens"
CROWD = 1_000
SLOW_MS = 100
_SLOW_CROWD_MS = 500
_ROUNDS = 5
# New tokens a second, each a question of 100 ms.
_COLD_RATE = 50
_WARM_RATE = 2_000
_WARM_SECONDS = 3


class Endpoint:
    """The provider, with a delay of its own."""

    def __init__(self, delay_ms: int = 0):
        self.port = free_port()
        self._delay_ms = delay_ms

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/introspect"

    def start(self, cores: set) -> Process:
        program = Path(__file__).parents[1] / "tools" / "introspection_endpoint.py"
        argv = [sys.executable, program, self.port, AUDIENCE, self._delay_ms]
        process = Process(argv, cores, directory("peers") / "introspection.log")
        wait_for_port(self.port, process)
        return process

    def calls(self) -> int:
        """Since this was asked last."""
        return int(_get(self.port, "/calls", None)[1])


def cached(
    field: Field, material: Material, cores: Cores, pace: Pace
) -> list[Result]:
    """JWTs and opaque tokens, all of them remembered."""
    key, endpoint = material.key("RS256"), Endpoint()
    entries = [
        Entry(field.warm(key), Wrk(material.tokens("RS256", SOME_TOKENS))),
        Entry(_asking(field, endpoint), Wrk(_tokens(SOME_TOKENS))),
    ]
    with endpoint.start(cores.load):
        return hold(entries, pace, cores, material)


def calls_for_a_crowd(field: Field, cores: Cores) -> int:
    """How often the provider is asked when a thousand callers come with the same new token."""
    endpoint = Endpoint(_SLOW_CROWD_MS)
    peer = _asking(field, endpoint)
    with endpoint.start(cores.load), peer.start(cores.proxy):
        token = _new_token()
        statuses = asyncio.run(_crowd(peer.port, token))
        if any(status != 200 for status in statuses):
            raise Failed(f"of {CROWD} callers, {statuses.count(200)} were admitted")
        return endpoint.calls()


@dataclass(frozen=True)
class Beside:
    """p99 in microseconds of requests with remembered tokens, medians of the rounds, while new
    tokens are asked about."""

    # By another process with the same configuration, on the same core.
    stranger: float
    # By the one that is measured.
    itself: float


def beside_new_tokens(field: Field, cores: Cores) -> Beside:
    """New tokens are work for the whole machine; what they do to others' requests beyond
    that is told by sending them to a process that has nothing to do with the measured one."""
    endpoint = Endpoint(SLOW_MS)
    peer = _asking(field, endpoint)
    stranger = _asking(field, endpoint, "countersign, stranger")
    load = ConstantRate(_WARM_RATE, _tokens(100))
    rounds = []
    with endpoint.start(cores.load), peer.start(cores.proxy), stranger.start(cores.proxy):
        load.run(peer.url, 2, cores.load)
        for _ in range(_ROUNDS):
            with _Newcomers(stranger.port):
                beside_stranger = load.run(peer.url, _WARM_SECONDS, cores.load).p99
            with _Newcomers(peer.port):
                rounds.append((beside_stranger, load.run(peer.url, _WARM_SECONDS, cores.load).p99))
    return Beside(*(median(times) for times in zip(*rounds)))


def _asking(field: Field, endpoint: Endpoint, name: str = OPAQUE) -> Countersign:
    return field.asking(endpoint.url, name)


def _tokens(count: int) -> Path:
    path = directory("material") / f"opaque-{count}"
    path.write_text("\n".join(_new_token() for _ in range(count)) + "\n")
    return path


def _new_token() -> str:
    return f"opaque-user{secrets.randbelow(1000)}-{secrets.token_urlsafe(24)}"


class _Newcomers:
    """Callers with tokens that no proxy has seen, at a steady rate, until it is left."""

    def __init__(self, port: int):
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._come()), daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    async def _come(self):
        callers = set()
        while not self._over.is_set():
            caller = asyncio.create_task(_call(self._port, _new_token()))
            callers.add(caller)
            caller.add_done_callback(callers.discard)
            await asyncio.sleep(1 / _COLD_RATE)
        statuses = await asyncio.gather(*callers)
        if any(status != 200 for status in statuses):
            print(f"newcomers were answered {set(statuses)}", file=sys.stderr)


async def _crowd(port: int, token: str) -> list[int]:
    return await asyncio.gather(*(_call(port, token) for _ in range(CROWD)))


async def _call(port: int, token: str) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    head = f"GET / HTTP/1.1\r\nhost: api\r\nauthorization: Bearer {token}\r\n\r\n"
    writer.write(head.encode())
    status = (await reader.readline()).split()[1]
    writer.close()
    return int(status)


def _get(port: int, path: str, token: str | None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
