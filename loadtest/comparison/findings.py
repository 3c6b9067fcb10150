"""Everything that a run found out, as plain data: what `--json` writes and all reports read."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Findings:
    machine: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    pace: dict = field(default_factory=dict)
    # Who did not take part, and why.
    skipped: dict = field(default_factory=dict)
    # Contests and parts that failed, and why.
    failures: dict = field(default_factory=dict)
    # By name: title and results.
    contests: dict = field(default_factory=dict)
    # Single figures by name: µs, bytes, ms.
    figures: dict = field(default_factory=dict)

    def result(self, contest: str, name: str) -> dict | None:
        for result in self.contests.get(contest, {}).get("results", []):
            if result["name"] == name:
                return result
        return None

    def ratio(self, contest: str, name: str, other: str, metric: str = "cpu_us") -> float | None:
        """The median of the rounds' ratios: a slow minute slows both sides of one."""
        one, two = self.result(contest, name), self.result(contest, other)
        if one is None or two is None:
            return None
        pairs = zip(one["samples"], two["samples"])
        return median(a[metric] / b[metric] for a, b in pairs if b[metric])

    def difference(
        self, contest: str, name: str, other: str, metric: str = "cpu_us"
    ) -> float | None:
        """The median of the rounds' differences, in microseconds."""
        one, two = self.result(contest, name), self.result(contest, other)
        if one is None or two is None:
            return None
        pairs = zip(one["samples"], two["samples"])
        return median(a[metric] - b[metric] for a, b in pairs)

    def save(self, path: Path):
        path.write_text(json.dumps(vars(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Findings":
        return cls(**json.loads(path.read_text()))
