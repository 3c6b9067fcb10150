"""The findings for people: tables in text for the terminal, or in Markdown for the documentation."""

from .bars import Bar, bars
from .findings import Findings

MIB = 1024 * 1024
_COLUMNS = ["", "CPU/request µs", "requests/s", "p50 µs", "p99 µs", "p99.9 µs", "resident MiB"]
_METRICS = ["cpu_us", "rps", "p50", "p99", "p99_9", "resident"]
_BAR_COLUMNS = ["work", "figure", "to reach", ""]


def text(found: Findings) -> str:
    """For a terminal."""
    return _render(found, heading=lambda title: f"\n{title}\n", table=_plain_table)


def markdown(found: Findings) -> str:
    """The tables of `docs/performance.md`."""
    return _render(found, heading=lambda title: f"\n### {title}\n", table=_markdown_table)


def _render(found: Findings, heading, table) -> str:
    parts = [_origin(found)]
    for contest in found.contests.values():
        parts += [heading(contest["title"]), table(_COLUMNS, _contest_rows(contest["results"]))]
    if found.figures:
        rows = [[name, f"{value:,.2f}"] for name, value in found.figures.items()]
        parts += [heading("Single figures"), table(["", ""], rows)]
    measured = [bar for bar in bars(found) if bar.figure is not None]
    unmeasured = [bar.work for bar in bars(found) if bar.figure is None]
    parts += [heading("To reach"), table(_BAR_COLUMNS, [_bar_row(bar) for bar in measured])]
    if unmeasured:
        parts += ["\nNot measured in this run:\n", *(f"- {work}" for work in unmeasured)]
    for title, lines in (("Skipped", found.skipped), ("Failed", found.failures)):
        if lines:
            parts += [heading(title), *(f"- {name}: {why}" for name, why in lines.items())]
    return "\n".join(parts) + "\n"


def _origin(found: Findings) -> str:
    machine, pace = found.machine, found.pace
    versions = "; ".join(found.versions.values())
    return (
        f"{machine['cores']} × {machine['cpu']}, {machine['kernel']}. {versions}.\n"
        f"{pace['rounds']} rounds of {pace['seconds']:g} s, in turns; medians. "
        "In parentheses: the ratio to the first line, median of the rounds' ratios."
    )


def _contest_rows(results: list[dict]) -> list[list[str]]:
    reference = results[0]
    return [
        [result["name"]] + [_cell(result, reference, metric) for metric in _METRICS]
        for result in results
    ]


def _cell(result: dict, reference: dict, metric: str) -> str:
    value = result[metric] / MIB if metric == "resident" else result[metric]
    number = f"{value:,.1f}" if metric in ("cpu_us", "resident") else f"{value:,.0f}"
    if result is reference:
        return number
    return f"{number} ({_ratio(result, reference, metric):.2f})"


def _ratio(result: dict, reference: dict, metric: str) -> float:
    pairs = zip(result["samples"], reference["samples"])
    ratios = sorted(a[metric] / b[metric] for a, b in pairs if b[metric])
    middle = len(ratios) // 2
    if not ratios:
        return float("nan")
    return ratios[middle] if len(ratios) % 2 else (ratios[middle - 1] + ratios[middle]) / 2


def _bar_row(bar: Bar) -> list[str]:
    return [bar.work, bar.figure_text, bar.limit_text, bar.verdict]


def _plain_table(columns: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]

    def line(row: list[str]) -> str:
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths)))
        return "  ".join([first, *rest]).rstrip()

    return "\n".join(line(row) for row in [columns, *rows] if any(row))


def _markdown_table(columns: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, rule, *rows])
