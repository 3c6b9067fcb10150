"""Two workers on two cores: does the work of a request grow when there is another worker, and
does a busy one make the other's requests wait?"""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .contest import Entry, Pace, Result, hold
from .contests import SOME_TOKENS
from .field_of_peers import Field
from .load import Wrk
from .machine import Cores
from .material import Material
from .peers.countersign import Countersign
from .peers.peer import LOOPBACK
from .processes import Failed, Process, read_proc
from .tools import need

ONE_WORKER, TWO_WORKERS = "countersign, workers: 1", "countersign, workers: 2"
_PROBE_CONNECTIONS = 16
_PROBES = 3_000
_ROUNDS = 5
# Far below saturation: what is measured is waiting, not throughput.
_PROBE_INTERVAL = 0.0005
_SORTING_REQUESTS = 20


def one_and_two(field: Field, material: Material, cores: Cores, pace: Pace) -> list[Result]:
    """CPU per request of one worker on one core, and of two on two. Load and upstream need a core
    too, so on a small machine the throughput of two workers says little; the work that a request
    takes says it all: twice the cores carry twice the requests if that stays the same."""
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", SOME_TOKENS))
    one = field.warm(key, ONE_WORKER)
    two = field.warm(key, TWO_WORKERS, workers=2)
    entries = [Entry(one, load), Entry(two, load, proxy_cores=frozenset(cores.two))]
    # The load gets what two workers leave, or shares the second core with one of them.
    return hold(entries, pace, cores, material, (cores.load - cores.two) or cores.load)


@dataclass(frozen=True)
class Waiting:
    """p99 in microseconds of requests to a quiet worker, medians of the rounds."""

    # No other process works.
    alone: float
    # One ES384 signature after the other is verified on the other core by another process.
    beside_stranger: float
    # The same by the other worker of the same process.
    beside_worker: float


def busy_worker(field: Field, material: Material, cores: Cores) -> Waiting:
    """What a busy worker does to the requests of another. The load and the upstream run on the
    same two cores as the workers, so the machine itself makes requests wait as soon as one
    works; how much of it is the machine's doing is told by a process that has nothing to do with
    the one that is measured, and does the same work on the same core."""
    key = material.key("ES384")
    tokens = material.tokens("ES384", 64)
    peer = field.warm(key, "countersign, busy worker", workers=2, cache_entries=0)
    stranger = field.warm(key, "countersign, stranger", cache_entries=0)
    first, second = sorted(cores.two)
    rounds = []
    with peer.start(cores.two) as process, stranger.start({first}) as other:
        with _Probes(peer, process, tokens.read_text().split()[0]) as probes:
            busy, quiet = probes.workers()
            os.sched_setaffinity(busy, {first})
            os.sched_setaffinity(quiet, {second})
            for _ in range(_ROUNDS):
                alone = probes.p99(quiet)
                with _hammer(stranger, tokens, {second}, None, other):
                    beside_stranger = probes.p99(quiet)
                with _hammer(peer, tokens, {second}, busy, process):
                    rounds.append((alone, beside_stranger, probes.p99(quiet)))
    return Waiting(*(median(times) for times in zip(*rounds)))


def _hammer(
    peer: Countersign, tokens: Path, cores: set, busy: int | None, process: Process
) -> Process:
    """One wrk connection that the wanted worker (None: any) serves. Which worker gets a connection is the
    kernel's choice, so it is tried until it is the right one."""
    for attempt in range(20):
        argv = [need("wrk"), "-t1", "-c1", "-d60s", "-s", Path(__file__).with_name("requests.lua")]
        argv += [peer.url, "--", tokens, "GET", 0, "/", "keep"]
        wrk = Process(argv, cores, peer.home / "wrk.log")
        before = _run_times(process)
        time.sleep(0.3)
        wrk.check_alive()
        worked = _busiest(before, _run_times(process))
        if busy is None or worked == busy:
            return wrk
        wrk.stop()
    raise Failed(f"no connection in {attempt + 1} reached the other worker")


class _Probes:
    """Connections that wait for their turn, sorted by the worker that serves them."""

    def __init__(self, peer: Countersign, process: Process, token: str):
        self._process = process
        self._request = (
            f"GET / HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._by_worker: dict[int, list[socket.socket]] = {}
        for _ in range(_PROBE_CONNECTIONS):
            connection = socket.create_connection((LOOPBACK, peer.port), timeout=10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            before = _run_times(process)
            for _ in range(_SORTING_REQUESTS):
                self._ask(connection)
            worker = _busiest(before, _run_times(process))
            self._by_worker.setdefault(worker, []).append(connection)

    def workers(self) -> tuple[int, int]:
        """The thread ids of two workers that serve probes."""
        if len(self._by_worker) != 2:
            raise Failed(f"{len(self._by_worker)} workers got connections, not two")
        first, second = self._by_worker
        return first, second

    def p99(self, worker: int) -> float:
        connections = self._by_worker[worker]
        times = []
        for number in range(_PROBES):
            time.sleep(_PROBE_INTERVAL)
            started = time.perf_counter_ns()
            self._ask(connections[number % len(connections)])
            times.append((time.perf_counter_ns() - started) / 1000)
        return sorted(times)[int(_PROBES * 0.99)]

    def _ask(self, connection: socket.socket):
        connection.sendall(self._request)
        if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
            raise Failed("a probe was refused")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connections in self._by_worker.values():
            for connection in connections:
                connection.close()


def _run_times(process: Process) -> dict[int, int]:
    """Nanoseconds that each thread has run."""
    tasks = f"/proc/{process.pid}/task"
    times = {int(tid): read_proc(f"{tasks}/{tid}/schedstat").split() for tid in os.listdir(tasks)}
    return {tid: int(fields[0]) for tid, fields in times.items() if fields}


def _busiest(before: dict[int, int], after: dict[int, int]) -> int:
    return max(after, key=lambda tid: after[tid] - before.get(tid, 0))
