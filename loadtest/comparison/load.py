"""The load: wrk for HTTP/1.1 and h2load for HTTP/2, both at saturation; the helper
`constant_rate` below it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from .places import directory
from .processes import Failed, run
from .tools import helper, need

_REQUESTS = Path(__file__).with_name("requests.lua")
# A load generator that has not ended by then never will.
_GRACE_SECONDS = 30
# With less, it is another rate.
_RATE_KEPT = 0.9


@dataclass(frozen=True)
class Answers:
    """What came back, with latencies in microseconds."""

    requests: int
    seconds: float
    refused: int
    failed: int
    p50: float
    p99: float
    p99_9: float


@dataclass(frozen=True)
class Wrk:
    """As many requests as the connections can carry, each with the next token."""

    tokens: Path | None = None
    connections: int = 64
    method: str = "GET"
    body_bytes: int = 0
    paths: str = "/api/orders/42"
    # Over the body.
    signature: str | None = None

    def run(self, url: str, seconds: int, cores: set) -> Answers:
        argv = [need("wrk"), "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "10s"]
        argv += ["-s", _REQUESTS, url, "--", self.tokens or "-", self.method, self.body_bytes]
        argv += [self.paths, self.signature or "-"]
        output = run(argv, cores, seconds + _GRACE_SECONDS)
        return Answers(**json.loads(output.splitlines()[-1]))


@dataclass(frozen=True)
class ConstantRate:
    """So many requests a second, evenly spread, whether the answers come or not."""

    rate: float
    tokens: Path | None = None
    path: str = "/api/orders/42"
    # More than none: a POST.
    body_bytes: int = 0
    # Over the body.
    signature: str | None = None

    def run(self, url: str, seconds: int, cores: set) -> Answers:
        argv = [helper("constant_rate"), "--address", url.removeprefix("http://")]
        argv += ["--rate", self.rate, "--seconds", seconds]
        argv += ["--path", self.path, "--body-bytes", self.body_bytes]
        if self.tokens is not None:
            argv += ["--tokens", self.tokens]
        if self.signature is not None:
            argv += ["--signature", self.signature]
        answers = Answers(**json.loads(run(argv, cores, seconds + _GRACE_SECONDS)))
        kept = answers.requests / answers.seconds / self.rate
        if kept < _RATE_KEPT:
            raise Failed(f"only {kept:.0%} of the rate of {self.rate:.0f}/s could be kept")
        return answers


@dataclass(frozen=True)
class H2load:
    """One token on all connections, and as many requests as their streams can carry."""

    token: str | None = None
    connections: int = 32
    streams: int = 4
    path: str = "/api/orders/42"

    def run(self, url: str, seconds: int, cores: set) -> Answers:
        log = directory("peers") / "h2load.log"
        log.unlink(missing_ok=True)
        argv = [need("h2load"), "-t1", f"-c{self.connections}", f"-m{self.streams}"]
        argv += ["-D", f"{seconds}", f"--log-file={log}"]
        if self.token is not None:
            argv += ["-H", f"authorization: Bearer {self.token}"]
        argv.append(url + self.path)
        output = run(argv, cores, seconds + _GRACE_SECONDS)
        return _read(output, log.read_text())


def _read(output: str, log: str) -> Answers:
    total = re.search(r"^finished in ([\d.]+)(m?s)", output, re.MULTILINE)
    statuses = re.search(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output, re.M)
    failures = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", output)
    if not (total and statuses and failures):
        raise Failed(f"h2load said something else than expected:\n{output[-1000:]}")
    ok, _, client_errors, server_errors = map(int, statuses.groups())
    latencies = sorted(int(line.split("\t")[2]) for line in log.splitlines())
    if not latencies:
        raise Failed("h2load got no answer")
    return Answers(
        requests=ok + client_errors + server_errors,
        seconds=float(total[1]) / (1000 if total[2] == "ms" else 1),
        refused=client_errors,
        failed=server_errors + int(failures[2]) + int(failures[3]),
        p50=_percentile(latencies, 0.50),
        p99=_percentile(latencies, 0.99),
        p99_9=_percentile(latencies, 0.999),
    )


def _percentile(ascending: list, part: float) -> float:
    return ascending[min(int(len(ascending) * part), len(ascending) - 1)]
