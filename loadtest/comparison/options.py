"""The command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from .contest import Pace
from .contests import CONTESTS, UPSTREAM_TLS

# What is measured besides the contests.
PARTS = ("half-load", "workers", "opaque", "signed", "footprint")
# A run has an end, whatever is asked for.
_MOST = 600


@dataclass(frozen=True)
class Options:
    pace: Pace
    quick: bool
    # Names of contests and parts; empty: all.
    only: frozenset[str]
    json: Path | None
    chart: Path | None
    markdown: bool
    # Results of an earlier run to report, instead of a run.
    earlier: Path | None

    def wants(self, name: str) -> bool:
        return not self.only or name in self.only


def parse(argv: list[str]) -> Options:
    names = [contest.name for contest in [*CONTESTS, UPSTREAM_TLS]] + list(PARTS)
    parser = argparse.ArgumentParser(
        prog="loadtest/compare",
        description="Measures countersign beside nginx, HAProxy and Envoy, in turns.",
        epilog=f"Scenarios: {', '.join(names)}. COUNTERSIGN_BIN names a binary to measure "
        "instead of building one. All results are also kept in target/loadtest/.",
    )
    parser.add_argument("--quick", action="store_true", help="the main figures within a minute")
    parser.add_argument("--rounds", type=_positive, help="turns of each (default 5, quick 2)")
    parser.add_argument("--seconds", type=_positive, help="of a turn (default 4, quick 1)")
    parser.add_argument(
        "--scenario", action="append", choices=names, default=[], metavar="NAME",
        help="only this one (repeatable)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there as well")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write the SVG there as well")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--from", dest="earlier", type=Path, metavar="FILE",
                        help="report the results of an earlier run, measure nothing")
    given = parser.parse_args(argv)
    return Options(
        pace=Pace(
            rounds=given.rounds or (2 if given.quick else 5),
            seconds=given.seconds or (1 if given.quick else 4),
            warmup_seconds=1 if given.quick else 3,
        ),
        quick=given.quick,
        only=frozenset(given.scenario),
        json=given.json,
        chart=given.chart,
        markdown=given.markdown,
        earlier=given.earlier,
    )


def _positive(text: str) -> int:
    # wrk counts in whole seconds.
    if not text.isdigit() or not 0 < int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {_MOST}")
    return int(text)
