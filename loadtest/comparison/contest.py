"""A contest: several peers under the same load, in turns, round by round, so that the machine's
noise falls on all alike."""

from dataclasses import asdict, dataclass, field
from statistics import median

from . import guard
from .load import Answers, ConstantRate, H2load, Wrk
from .machine import Cores
from .material import Material
from .peers.peer import Peer
from .processes import Failed, Process

METRICS = ("cpu_us", "rps", "p50", "p99", "p99_9", "resident")


@dataclass(frozen=True)
class Entry:
    """A peer and what it is loaded with."""

    peer: Peer
    load: Wrk | H2load | ConstantRate
    # Other cores for the proxy than the one of its own.
    proxy_cores: frozenset | None = None


@dataclass
class Sample:
    """One turn of one peer. Latencies and CPU time per request in microseconds."""

    cpu_us: float
    rps: float
    p50: float
    p99: float
    p99_9: float
    resident: int


@dataclass
class Result:
    """The turns of one peer."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    def median(self, metric: str) -> float:
        return median(getattr(sample, metric) for sample in self.samples)

    def as_json(self) -> dict:
        medians = {metric: self.median(metric) for metric in METRICS}
        return {"name": self.name, **medians, "samples": [asdict(s) for s in self.samples]}


@dataclass(frozen=True)
class Pace:
    """How long and how often."""

    rounds: int
    seconds: int
    warmup_seconds: int


def hold(
    entries: list[Entry],
    pace: Pace,
    cores: Cores,
    material: Material,
    load_cores: set | None = None,
) -> list[Result]:
    """Starts every peer, checks and warms it, and measures in turns."""
    load_cores = load_cores or cores.load
    running: list[tuple[Entry, Process, Result]] = []
    try:
        for entry in entries:
            process = entry.peer.start(entry.proxy_cores or cores.proxy)
            running.append((entry, process, Result(entry.peer.name)))
            guard.check(entry.peer, material)
        for entry, process, _ in running:
            # Without settled caches and open connections, the first round would be another test.
            entry.load.run(entry.peer.url, pace.warmup_seconds, load_cores)
            process.check_alive()
        for turn in range(pace.rounds):
            first = turn % len(running)
            for entry, process, result in running[first:] + running[:first]:
                result.samples.append(measure(entry, process, pace.seconds, load_cores))
    finally:
        for _, process, _ in running:
            process.stop()
    return [result for _, _, result in running]


def measure(entry: Entry, process: Process, seconds: int, load_cores: set) -> Sample:
    """One turn."""
    before = process.cpu_seconds()
    answers = entry.load.run(entry.peer.url, seconds, load_cores)
    cpu = process.cpu_seconds() - before
    process.check_alive()
    _check(entry, answers)
    return Sample(
        cpu_us=cpu / answers.requests * 1e6,
        rps=answers.requests / answers.seconds,
        p50=answers.p50,
        p99=answers.p99,
        p99_9=answers.p99_9,
        resident=process.resident_bytes(),
    )


def _check(entry: Entry, answers: Answers):
    """A refusal costs less than an answer: with other answers than expected, the figures would be
    those of another test."""
    name = entry.peer.name
    if answers.requests == 0:
        raise Failed(f"{name} answered nothing")
    if answers.failed > answers.requests // 1000:
        raise Failed(f"{name}: {answers.failed} of {answers.requests} requests failed")
    if 100 * answers.refused > answers.requests:
        raise Failed(f"{name} refused {answers.refused} of {answers.requests} requests")
