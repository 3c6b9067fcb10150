"""The dashboard against Grafana's own types, those of its foundation SDK.

What they do not know gets lost when they read and write a file, and so does a value of another
type. This proves that every member of the file is one of Grafana's schema, in its place; not that
a panel looks well.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard


def main(file: str) -> int:
    register_default_plugins()
    with open(file, encoding="utf-8") as opened:
        written = json.load(opened)
    reread = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
    faults = list(differences("", written, reread)) + list(unknown_units(written))
    print("\n".join(faults) or f"{file}: {len(written['panels'])} panels are of Grafana's schema")
    return 1 if faults else 0


def differences(place: str, written: Any, reread: Any) -> Iterator[str]:
    if isinstance(written, dict) and isinstance(reread, dict):
        for name, value in written.items():
            yield from differences(f"{place}.{name}", value, reread.get(name))
    elif isinstance(written, list) and isinstance(reread, list) and len(written) == len(reread):
        for number, pair in enumerate(zip(written, reread)):
            yield from differences(f"{place}[{number}]", *pair)
    elif written != reread:
        yield f"{place}: {written!r} is {reread!r} to Grafana's types"


def unknown_units(dashboard: dict) -> Iterator[str]:
    known = {value for value in vars(units).values() if isinstance(value, str)}
    for panel in dashboard["panels"]:
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
        if unit not in known:
            yield f"{panel['title']}: Grafana has no unit {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
