"""One panel: a number, lines over time, or a row of states."""

from dataclasses import dataclass
from html import escape

from .dashboard import Panel
from .units import axis_end, shown

LEFT, RIGHT, TOP, BOTTOM = 54, 10, 28, 18
LEGEND_LINE, LEGEND_LINES = 14, 2
COLOURS = ["#3b78c9", "#e0862b", "#4c9f70", "#c5504b", "#8265b4", "#8a6d5b", "#d277b0", "#7b8794"]
COLOURS += ["#a9a533", "#3ba3b5", "#264f86", "#9c5a12"]
# Grafana's names.
NAMED = {"green": "#3f9a5b", "yellow": "#d19a0e", "red": "#cf4640"}
FAINT = 0.3


@dataclass(frozen=True)
class Series:
    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Span:
    """The time of the run, and what happened in it."""

    began: float
    end: float
    incidents: list


def number(panel: Panel, named: list[Series], width: float, height: float, span: Span) -> list[str]:
    """The last value, with its course faintly behind it."""
    points = named[0].points
    value = points[-1][1]
    colour = NAMED[[name for bound, name in panel.steps if bound is None or value >= bound][-1]]
    top = max(value for _, value in points) or 1
    scale = width / (span.end - span.began)
    path = " ".join(
        f"{(at - span.began) * scale:.0f},{height - 2 - 26 * it / top:.0f}" for at, it in points
    )
    place = f'x="{width / 2:.0f}" y="56" text-anchor="middle"'
    return [
        f'<polyline points="{path}" class="line" stroke="{colour}" opacity="{FAINT}"/>',
        f'<text {place} class="big" fill="{colour}">{shown(value, panel.unit)}</text>',
    ]


def states(panel: Panel, named: list[Series], width: float, height: float, span: Span) -> list[str]:
    """A bar for each series: red while it is 0."""
    named = sorted(named, key=lambda series: series.name)
    plot = Plot(width, height - LEGEND_LINE, span, left=min(250, width * 0.3))
    bar = min(22, (plot.height - TOP - BOTTOM) / len(named))
    found = plot.times()
    for row, series in enumerate(named):
        y = TOP + row * bar
        name = series.name.split(" 127.")[0]
        found.append(label(plot.left - 6, y + bar * 0.7, name, "legend", "end"))
        for begin, end, value in runs(series.points):
            colour = NAMED["green" if value else "red"]
            x, length = plot.x(begin), plot.x(end) - plot.x(begin)
            found.append(
                f'<rect x="{x:.1f}" y="{y + 1:.1f}" width="{length:.1f}" height="{bar - 2:.1f}" '
                f'fill="{colour}" opacity="0.85"/>'
            )
    meanings = [(text, NAMED[colour]) for text, colour in panel.states]
    return found + legend(meanings, width, height, lines=1)


def runs(points: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Begin, end and value of each stretch of equal values."""
    found = []
    for at, value in points:
        if found and found[-1][2] == value:
            found[-1] = (found[-1][0], at, value)
        else:
            if found:
                found[-1] = (found[-1][0], at, found[-1][2])
            found.append((at, at, value))
    return found


def lines(panel: Panel, named: list[Series], width: float, height: float, span: Span) -> list[str]:
    named = sorted(named, key=lambda series: -max(value for _, value in series.points))
    plot = Plot(width, height - LEGEND_LINES * LEGEND_LINE, span)
    layers = stacked(named) if panel.stacked else [series.points for series in named]
    largest = max((value for points in layers for _, value in points), default=1)
    top = axis_end(largest or 1, panel.unit)
    found = [*plot.axes(top, panel.unit), *limits(panel, plot, top)]
    order = list(enumerate(layers))
    for index, points in reversed(order) if panel.stacked else order:
        found.append(plot.layer(points, top, COLOURS[index % len(COLOURS)], panel.stacked))
    names = [(one.name, COLOURS[at % len(COLOURS)]) for at, one in enumerate(named)]
    return found + legend(names, width, height)


def stacked(named: list[Series]) -> list[list[tuple[float, float]]]:
    """Each series on top of those before it."""
    sums: dict[float, float] = {}
    times = sorted({at for series in named for at, _ in series.points})
    layers = []
    for series in named:
        values = dict(series.points)
        for at in times:
            sums[at] = sums.get(at, 0) + values.get(at, 0)
        layers.append([(at, sums[at]) for at in times])
    return layers


def limits(panel: Panel, plot: "Plot", top: float) -> list[str]:
    """Thresholds that are within the scale."""
    return [
        plot.horizontal(bound / top, f'class="limit" stroke="{NAMED[colour]}"')
        for bound, colour in panel.steps
        if bound and bound <= top
    ]


@dataclass(frozen=True)
class Plot:
    """The area between the axes."""

    width: float
    height: float
    span: Span
    left: float = LEFT

    def x(self, at: float) -> float:
        share = (at - self.span.began) / (self.span.end - self.span.began)
        return self.left + share * (self.width - self.left - RIGHT)

    def y(self, share: float) -> float:
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def horizontal(self, share: float, attributes: str) -> str:
        y = f"{self.y(share):.1f}"
        right = f"{self.width - RIGHT:.0f}"
        return f'<line x1="{self.left:.0f}" y1="{y}" x2="{right}" y2="{y}" {attributes}/>'

    def axes(self, top: float, unit: str) -> list[str]:
        found = []
        for share in (0, 0.5, 1):
            found.append(self.horizontal(share, 'class="grid"'))
            value = shown(share * top, unit)
            found.append(label(self.left - 5, self.y(share) + 3, value, "tick", "end"))
        return found + self.times()

    def times(self) -> list[str]:
        found = []
        for incident in self.span.incidents:
            x = f"{self.x(self.span.began + incident.at):.1f}"
            found.append(
                f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{self.height - BOTTOM}" class="event"/>'
            )
        for second in (0, 10, 20, 30, 40):
            x = self.x(self.span.began + second)
            found.append(label(x, self.height - 5, f"{second} s", "tick", "middle"))
        return found

    def layer(self, points: list[tuple], top: float, colour: str, filled: bool) -> str:
        path = " ".join(f"{self.x(at):.0f},{self.y(value / top):.1f}" for at, value in points)
        if not filled:
            return f'<polyline points="{path}" class="line" stroke="{colour}"/>'
        ends = [f"{self.x(points[at][0]):.0f},{self.y(0):.1f}" for at in (0, -1)]
        return f'<polygon points="{ends[0]} {path} {ends[1]}" fill="{colour}"/>'


def legend(
    names: list[tuple[str, str]], width: float, height: float, lines: int = LEGEND_LINES
) -> list[str]:
    """As many names with their colours as there is room for, from the first on."""
    found, x, line = [], 10.0, 0
    for index, (name, colour) in enumerate(names):
        room = 26 + 5.6 * len(name)
        if x + room > width - 30:
            x, line = 10.0, line + 1
        if line == lines:
            found.append(label(width - 6, height - 6, f"+ {len(names) - index}", "legend", "end"))
            break
        y = height - (lines - line) * LEGEND_LINE + 6
        found.append(
            f'<rect x="{x:.0f}" y="{y - 5:.0f}" width="9" height="3" fill="{colour}"/>'
        )
        found.append(label(x + 13, y, name, "legend", "start"))
        x += room
    return found


def label(x: float, y: float, content: str, kind: str, anchor: str) -> str:
    """Text of which x is the `start`, the `middle` or the `end`."""
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {place} class="{kind}">{escape(content)}</text>'
