"""One original beside Countersign: the same keys, the same service, the same requests."""

import time
from collections.abc import Callable

from comparison.certificate import upstream as certificate
from comparison.processes import Failed

from . import cases
from .countersign import Countersign
from .documents import Document, described_cases
from .exchange import verdict
from .originals.original import Stage
from .places import directory
from .report import Row
from .servers import KeyServer, Service
from .tokens import Provider

# Longer than the pause between two fetches that Countersign is configured with here.
SETTLE_SECONDS = 3
REFUSED = "401"


def compare(original_type: type, document: Document) -> list[Row]:
    provider = Provider()
    keys, keys_over_tls = KeyServer(provider), KeyServer(provider, certificate(directory("tls")))
    with keys, keys_over_tls, Service() as service:
        stage = Stage(service.port, keys.port, keys_over_tls.port)
        original = original_type(document, stage)
        countersign = Countersign(document.name, document.settings, stage)
        ports = original.port, countersign.port
        with original.start(), countersign.start():
            names = original.identity_headers
            rows = _rows(ports, cases.before_rotation(provider), names)
            provider.rotated = True
            rows += _rows(ports, [cases.after_rotation(provider)], names, _settled_verdict)
            rows += _rows(ports, cases.cases(provider, names), names)
    _check_described(rows)
    _check_good_token_passes(rows)
    return rows


def _rows(
    ports: tuple[int, int],
    requests: list[cases.Case],
    names: list[str],
    find: Callable[[int, cases.Case, list[str]], str] = verdict,
) -> list[Row]:
    theirs, ours = ports
    return [Row(case.name, find(theirs, case, names), find(ours, case, names)) for case in requests]


def _settled_verdict(port: int, case: cases.Case, names: list[str]) -> str:
    """The verdict once the new keys were fetched, or at the end of the time to fetch them."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := verdict(port, case, names)) == REFUSED and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _check_described(rows: list[Row]):
    sent, described = {row.case for row in rows}, described_cases()
    if sent != described:
        odd = ", ".join(sorted(sent ^ described))
        raise Failed(f"docs/migrating/README.md does not list the requests that are sent: {odd}")


def _check_good_token_passes(rows: list[Row]):
    """Where nothing passes, equal verdicts prove nothing."""
    row = next(row for row in rows if row.case == "rs256")
    if not row.theirs.startswith("200") or not row.ours.startswith("200"):
        raise Failed(f"a good token is {row.theirs} by the original, {row.ours} by Countersign")
