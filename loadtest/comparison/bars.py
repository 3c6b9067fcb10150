"""The bars: what Countersign has to reach, line by line, and whether it does."""

from dataclasses import dataclass

from .findings import Findings
from .opaque import CROWD, JWT, OPAQUE
from .signed import BUDGET_BYTES, PROVEN, SIGNED, SIZES, UNGATHERED, UPLOADS
from .two_workers import ONE_WORKER, TWO_WORKERS

MIB, KIB = 1024 * 1024, 1024
WARM, COLD, PUBLIC = "countersign warm", "countersign cold", "countersign public"
TOKENS = "countersign, tokens: "
NGINX, NGINX_HTTP2 = "nginx plain", "nginx plain, HTTP/2"
HAPROXY_JWT = "haproxy jwt_verify"
ENVOY, ENVOY_CACHE = "envoy plain", "envoy jwt_authn + cache"
# Above it, "does not raise" is no longer noise: p99 of the same run, twice, differs by as much.
NOT_RAISED = 1.25
# The 32 MiB of its cache, and what it takes with 64 busy connections anyway.
FULL_CACHE_MIB = 60


@dataclass(frozen=True)
class Bar:
    """One line: the figure must not be above (or, `at_least`, below) the limit."""

    work: str
    figure: float | None
    limit: float
    unit: str
    at_least: bool = False

    @property
    def passed(self) -> bool | None:
        """None if it was not measured."""
        if self.figure is None:
            return None
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    @property
    def verdict(self) -> str:
        return {None: "not measured", True: "pass", False: "FAIL"}[self.passed]

    @property
    def figure_text(self) -> str:
        # The limit beside it says of what it is a multiple.
        unit = "×" if self.unit.startswith("×") else self.unit
        return "–" if self.figure is None else _number(self.figure, unit)

    @property
    def limit_text(self) -> str:
        return ("≥ " if self.at_least else "≤ ") + _number(self.limit, self.unit)


def bars(found: Findings) -> list[Bar]:
    parts = [_throughput, _latency, _workers, _opaque, _signed, _footprint]
    return [bar for part in parts for bar in part(found)]


def _throughput(found: Findings) -> list[Bar]:
    quick = found.pace.get("quick")
    warm = "1,000 RS256 tokens, warm" if quick else "4,000 RS256 tokens, warm"

    def cpu(work: str, contest: str, name: str, other: str, limit: float) -> Bar:
        return Bar(work, found.ratio(contest, name, other), limit, f"× {other}")

    return [
        cpu(warm, "rs256", WARM, NGINX, 1.05),
        cpu(warm, "rs256", WARM, HAPROXY_JWT, 0.33),
        cpu(warm, "rs256", WARM, ENVOY_CACHE, 0.30),
        cpu("public route", "rs256", PUBLIC, NGINX, 1.02),
        cpu("TLS to the upstream, public route", "upstream-tls", PUBLIC, NGINX, 1.10),
        cpu("TLS to the upstream, warm", "upstream-tls", WARM, NGINX, 1.15),
        cpu("4,000 ES256 tokens, warm", "es256", WARM, NGINX, 1.07),
        cpu("60,000 tokens, cache on", "busy-tokens", WARM, HAPROXY_JWT, 0.65),
        cpu("cache off, RS256", "rs256", COLD, HAPROXY_JWT, 0.75),
        cpu("cache off, ES256", "es256", COLD, HAPROXY_JWT, 0.85),
        _above_floor(found, "cache off, RS256", "rs256", "RS256"),
        _above_floor(found, "cache off, ES256", "es256", "ES256"),
        # No worse: what is within the noise of a ratio of two runs of the same work.
        cpu("100,000 tokens, cache on", "many-tokens", WARM, COLD, 1.05),
        Bar("100,000 tokens: memory", _resident(found, "many-tokens", WARM), FULL_CACHE_MIB, "MiB"),
        cpu("100 issuers", "issuers", "countersign, issuers: 100", "countersign, issuers: 1", 1.05),
        cpu("1,000 routes", "routes", "countersign, routes: 1000", "countersign, routes: 1", 1.05),
        cpu("10,000 tokens", "tokens", f"{TOKENS}10000", f"{TOKENS}100", 1.05),
        cpu("HTTP/2 in, 32 connections", "http2-32", WARM, NGINX_HTTP2, 1.10),
        cpu("HTTP/2 in, 32 connections", "http2-32", WARM, ENVOY, 0.5),
    ]


def _above_floor(found: Findings, work: str, contest: str, algorithm: str) -> Bar:
    """What verifying costs above forwarding and the bare check of the signature."""
    verifying = found.difference(contest, COLD, PUBLIC)
    bare = found.figures.get(f"bare {algorithm} us")
    above = None if verifying is None or bare is None else verifying - bare
    return Bar(f"{work}, above forwarding + bare check", above, 15, "µs")


def _latency(found: Findings) -> list[Bar]:
    ratio = found.ratio("half-load", WARM, NGINX, "p99")
    return [Bar("p99 at half of saturation", ratio, 1.3, f"× {NGINX}")]


def _workers(found: Findings) -> list[Bar]:
    growth = found.ratio("workers", TWO_WORKERS, ONE_WORKER)
    quiet = "quiet worker p99 us, "
    raised = _quotient(found, quiet + "beside a busy worker", quiet + "beside another process")
    return [
        Bar("two workers: CPU per request", growth, 1.10, "× one worker"),
        Bar("two workers: implied throughput", growth and 2 / growth, 1.7, "× one worker", True),
        Bar("a busy worker: p99 of the other", raised, NOT_RAISED, "× beside a busy process"),
    ]


def _opaque(found: Findings) -> list[Bar]:
    ratio = found.ratio("opaque", OPAQUE, JWT)
    crowd = found.figures.get(f"questions for {CROWD:,} callers with one new token")
    p99 = "remembered tokens p99 us, "
    raised = _quotient(found, p99 + "beside new ones", p99 + "new ones elsewhere")
    return [
        Bar("a remembered opaque token", ratio, 1.1, "× a remembered JWT"),
        Bar(f"questions for {CROWD:,} callers, one new token", crowd, 1, ""),
        Bar("p99 of remembered tokens beside new ones", raised, 1.1, "× new ones elsewhere"),
    ]


def _signed(found: Findings) -> list[Bar]:
    found_bars = []
    for name in SIZES:
        above = found.difference(f"signed {name}", SIGNED, WARM)
        bare = found.figures.get(f"bare RS256 of {name} us")
        ratio = above / bare if above is not None and bare else None
        work = f"a signed body of {name}, above an unsigned one"
        found_bars.append(Bar(work, ratio, 1.15, "× bare check with its hash"))
    fsync = "× one fsync's p99 more"
    resident = found.figures.get("large uploads: resident bytes")
    return found_bars + [
        Bar("evidence: CPU", found.ratio("evidence", PROVEN, SIGNED), 1.10, "× without"),
        Bar("evidence: p99", _fsyncs_more(found, PROVEN), 1, fsync),
        Bar("evidence, gather = 0s: p99", _fsyncs_more(found, UNGATHERED), 1, fsync),
        Bar(
            f"{UPLOADS} signed uploads of 10 MiB: memory",
            None if resident is None else resident / MIB,
            BUDGET_BYTES / MIB + 64,
            "MiB",
        ),
    ]


def _fsyncs_more(found: Findings, name: str) -> float | None:
    """What the journal adds to p99, in times that the disk takes."""
    more = found.difference("evidence", name, SIGNED, "p99")
    fsync = found.figures.get(f"{name}: fsync p99 us")
    return more / fsync if more is not None and fsync else None


def _footprint(found: Findings) -> list[Bar]:
    def figure(name: str, per: float = 1) -> float | None:
        value = found.figures.get(name)
        return None if value is None else value / per

    used, used_envoy = "memory in use bytes", "memory in use bytes, envoy"
    idle, idle_envoy = "idle memory bytes", "idle memory bytes, envoy"
    in_use = "4,000 cached tokens, 1,000 idle connections"
    return [
        Bar("idle memory", figure(idle, MIB), 11, "MiB"),
        Bar("idle memory", _quotient(found, idle, idle_envoy), 1, f"× {ENVOY_CACHE}"),
        Bar(in_use, figure(used, MIB), 60, "MiB"),
        Bar(in_use, _quotient(found, used, used_envoy), 1, f"× {ENVOY_CACHE}"),
        Bar("10,000 idle connections, each", figure("idle connection bytes", KIB), 11, "KiB"),
        Bar("a request in flight", figure("request in flight bytes", KIB), 30, "KiB"),
        Bar("10,000 cached tokens", figure("cached tokens bytes", MIB), 18, "MiB above idle"),
        Bar("start to ready", figure("start to ready ms"), 100, "ms"),
        Bar("release binary, stripped", figure("binary bytes", MIB), 20, "MiB"),
    ]


def _resident(found: Findings, contest: str, name: str) -> float | None:
    result = found.result(contest, name)
    return None if result is None else max(s["resident"] for s in result["samples"]) / MIB


def _quotient(found: Findings, name: str, other: str) -> float | None:
    one, two = found.figures.get(name), found.figures.get(other)
    return one / two if one and two else None


def _number(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if unit.startswith("×") else f"{value:.1f} {unit}"
