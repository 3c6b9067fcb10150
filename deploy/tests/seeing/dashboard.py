"""The dashboard as Grafana reads it, with its variables filled in."""

import json
import re
from dataclasses import dataclass

from .places import DASHBOARD

# As Grafana chooses it for this scrape interval and a wide panel, but a little longer.
RATE_INTERVAL = "5s"
VARIABLES = {"$__rate_interval": RATE_INTERVAL, "$job": ".*", "$instance": ".*", "$route": ".*"}


@dataclass(frozen=True)
class Target:
    query: str
    legend: str

    def name(self, labels: dict[str, str]) -> str:
        """The legend of a series."""
        return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), self.legend).strip()


@dataclass(frozen=True)
class Panel:
    title: str
    kind: str
    unit: str
    stacked: bool
    # Values with their colours; the first step has no value.
    steps: list[tuple[float | None, str]]
    # What values mean, with their colours.
    states: list[tuple[str, str]]
    # Of 24 columns: where it begins, and how many it has.
    column: int
    width: int
    targets: list[Target]


def rows() -> dict[str, list[Panel]]:
    """The panels below each row's title."""
    found: dict[str, list[Panel]] = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] == "row":
            found[panel["title"]] = []
        else:
            found[list(found)[-1]].append(read(panel))
    return found


def read(panel: dict) -> Panel:
    defaults = panel["fieldConfig"]["defaults"]
    steps = defaults["thresholds"]["steps"]
    return Panel(
        panel["title"],
        panel["type"],
        defaults["unit"],
        defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal",
        [(step["value"], step["color"]) for step in steps],
        [
            (state["text"], state["color"])
            for mapping in defaults.get("mappings", [])
            for state in mapping["options"].values()
        ],
        panel["gridPos"]["x"],
        panel["gridPos"]["w"],
        [Target(filled(one["expr"]), one["legendFormat"]) for one in panel["targets"]],
    )


def filled(query: str) -> str:
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return query
