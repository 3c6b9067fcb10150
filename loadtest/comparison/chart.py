"""A bar chart of the CPU time per request, as SVG."""

from html import escape

from .findings import Findings

_WIDTH, _LABELS, _BAR, _GAP, _TOP = 760, 190, 20, 8, 46
_OURS, _OTHERS = "#2f6f4f", "#9aa5b1"


def svg(found: Findings, contest: str = "rs256") -> str | None:
    """The chart of one contest; None if it was not held."""
    held = found.contests.get(contest)
    if not held:
        return None
    results = sorted(held["results"], key=lambda result: result["cpu_us"])
    scale = (_WIDTH - _LABELS - 80) / max(result["cpu_us"] for result in results)
    height = _TOP + len(results) * (_BAR + _GAP) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="10" y="20" font-size="15" font-weight="600">CPU time per request, µs '
        "(less is better)</text>",
        f'<text x="10" y="37" fill="#5c6670">{escape(held["title"])}</text>',
    ]
    for row, result in enumerate(results):
        lines += _bar(result, _TOP + row * (_BAR + _GAP), scale)
    return "\n".join([*lines, "</svg>", ""])


def _bar(result: dict, top: int, scale: float) -> list[str]:
    name, value = result["name"], result["cpu_us"]
    colour = _OURS if name.startswith("countersign") else _OTHERS
    width, base = value * scale, top + 15
    return [
        f'<text x="{_LABELS - 8}" y="{base}" text-anchor="end">{escape(name)}</text>',
        f'<rect x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
        f'<text x="{_LABELS + width + 6:.1f}" y="{base}">{value:.1f}</text>',
    ]
