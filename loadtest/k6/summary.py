"""The summary that k6 exports, as a short table."""

import json
from pathlib import Path

_MIB = 1024 * 1024
_PROXY = "{name:proxy}"


def table(scenario: str, summary: Path, before: int | None, after: int | None) -> str:
    metrics = json.loads(summary.read_text())["metrics"]
    latency = metrics.get(f"http_req_duration{_PROXY}", metrics["http_req_duration"])
    requests = metrics["http_reqs"]
    lines = [
        ("scenario", scenario),
        ("requests", f"{requests['count']:,} ({requests['rate']:,.0f}/s)"),
        *((name, f"{latency[name]:.2f} ms") for name in ("med", "p(95)", "p(99)", "max")),
    ]
    if before and after:
        lines.append(("resident", f"{before / _MIB:.1f} → {after / _MIB:.1f} MiB"))
    lines += [(threshold, verdict) for threshold, verdict in _verdicts(metrics)]
    lines.append(("kept in", str(summary)))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in lines)


def _verdicts(metrics: dict) -> list[tuple[str, str]]:
    """Each threshold; the export says `true` of those that were crossed."""
    return [
        (f"{metric} {threshold}", "FAIL" if crossed else "pass")
        for metric, values in metrics.items()
        for threshold, crossed in values.get("thresholds", {}).items()
    ]
