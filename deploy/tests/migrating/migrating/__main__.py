"""From the command line to the exit code."""

import argparse
import sys

from comparison.processes import Failed, Process, stop_on_signals
from comparison.tools import Missing

from . import countersign
from .documents import Document, documents
from .originals import ORIGINALS
from .places import directory
from .report import Report
from .session import compare

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(argv: list[str]) -> int:
    names = _parse(argv)
    stop_on_signals()
    try:
        for document in documents():
            countersign.check(document.settings)
        print(f"{len(documents())} configurations are sound: countersign check --no-files")
        reports = [_compare(name) for name in names]
    except (Failed, Missing, OSError) as error:
        print(f"migrating: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        Process.stop_all()
    return FAILED if any(report.surprises for report in reports) else 0


def _parse(argv: list[str]) -> list[str]:
    parser = argparse.ArgumentParser(
        prog="run", description="Compares Countersign with what a service migrates from."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ORIGINALS)}")
    names = parser.parse_args(argv).names
    unknown = sorted(set(names) - set(ORIGINALS))
    if unknown:
        parser.error(f"no such original: {', '.join(unknown)}; there are {', '.join(ORIGINALS)}")
    return names or list(ORIGINALS)


def _compare(name: str) -> Report:
    document = Document(name)
    report = Report(name, compare(ORIGINALS[name], document), document.differences())
    (directory(name) / "verdicts.md").write_text(report.all_rows(), encoding="utf-8")
    print(report.text(), flush=True)
    return report


sys.exit(main(sys.argv[1:]))
