"""The panels as one SVG, in the order and the widths of the dashboard. It is no screenshot."""

from dataclasses import dataclass
from html import escape

from . import chart
from .dashboard import Panel

WIDTH, COLUMNS, GAP = 1440, 24, 12
HEADER, ROW_TITLE = 92, 34
HEIGHTS = {"stat": 90, "timeseries": 190, "state-timeline": 190}
NOTE = "drawn by deploy/tests/seeing from the queries, not a Grafana screenshot"


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float


def svg(rows: dict, data: dict, began: float, end: float, incidents: list) -> str:
    lines, y = header(incidents), HEADER
    for title, panels in rows.items():
        lines.append(text(GAP, y + 22, title, 'class="row"'))
        y += ROW_TITLE
        for shelf in shelves(panels):
            height = max(HEIGHTS[panel.kind] for panel in shelf)
            for panel in shelf:
                box = boxed(panel, y, height)
                lines += drawn(panel, box, data, chart.Span(began, end, incidents))
            y += height + GAP
    return "\n".join([opening(y), STYLE, *lines, "</svg>", ""])


def shelves(panels: list[Panel]) -> list[list[Panel]]:
    """Those that stand side by side: the next one at the left begins the next shelf."""
    found: list[list[Panel]] = []
    for panel in panels:
        if panel.column == 0:
            found.append([])
        found[-1].append(panel)
    return found


def boxed(panel: Panel, y: float, height: float) -> Box:
    column = (WIDTH - GAP) / COLUMNS
    return Box(GAP + panel.column * column, y, panel.width * column - GAP, height)


def drawn(panel: Panel, box: Box, data: dict, span: chart.Span) -> list[str]:
    named = [
        chart.Series(target.name(one["labels"]) or panel.title, one["points"])
        for target in panel.targets
        for one in data[target.query]
    ]
    draw = {"stat": chart.number, "timeseries": chart.lines, "state-timeline": chart.states}
    frame = f'<rect width="{box.width:.0f}" height="{box.height}" class="panel"/>'
    title = text(10, 19, panel.title, 'class="title"')
    inner = draw[panel.kind](panel, named, box.width, box.height, span)
    return [f'<g transform="translate({box.x:.0f} {box.y:.0f})">', frame, title, *inner, "</g>"]


def header(incidents: list) -> list[str]:
    played = " · ".join(f"{one.at:.0f} s {one.name}" for one in incidents)
    return [
        text(GAP, 30, "Countersign", 'class="head"'),
        text(GAP + 165, 30, NOTE, 'class="note"'),
        text(GAP, 54, "One run of 40 s, scraped every 0.5 s. The dashed lines:", 'class="note"'),
        text(GAP, 72, played, 'class="note"'),
    ]


def text(x: float, y: float, content: str, attributes: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {attributes}>{escape(content)}</text>'


def opening(height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        'font-family="system-ui, sans-serif" font-size="11">\n'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#f4f5f7"/>'
    )


STYLE = """<style>
.panel { fill: #fff; stroke: #d8dbe0 } .title { font-size: 12.5px; font-weight: 600; fill: #24292f }
.row { font-size: 16px; font-weight: 600; fill: #24292f }
.head { font-size: 20px; font-weight: 700 }
.note { font-size: 12px; fill: #57606a } .tick { font-size: 10px; fill: #6e7781 }
.legend { font-size: 10.5px; fill: #424a53 } .big { font-size: 30px; font-weight: 600 }
.grid { stroke: #eceef1 } .event { stroke: #c9ced6; stroke-dasharray: 2 3 }
.line { fill: none; stroke-width: 1.4 } .limit { stroke-dasharray: 5 4 }
</style>"""
