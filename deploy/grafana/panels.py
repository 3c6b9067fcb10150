"""What a panel is, and the queries that several have. `{@}` in a query stands for the chosen jobs
and instances, `{@route}` for the chosen routes as well."""

from dataclasses import dataclass

# The units of Grafana.
PER_SECOND, SHARE, SECONDS, BYTES, COUNT = "reqps", "percentunit", "s", "bytes", "short"


@dataclass(frozen=True)
class Panel:
    """A time series, a number or a row of states."""

    title: str
    # Query -> legend.
    queries: dict[str, str]
    unit: str = COUNT
    kind: str = "timeseries"
    width: int = 8
    # From which value on it is yellow and red; reversed: below which.
    thresholds: tuple[float, float] | None = None
    # What 0 and 1 mean in a row of states.
    states: tuple[str, str] = ("missing", "usable")
    # A section of the runbook.
    runbook: str | None = None
    description: str = ""
    stacked: bool = False


def number(title: str, query: str, unit: str = COUNT, **more) -> Panel:
    return Panel(title, {query: ""}, unit, kind="stat", width=4, **more)


def quantiles(family: str, matchers: str, by: str = "") -> dict[str, str]:
    """The median and the 99th percentile of a histogram."""
    labels = f"le, {by}" if by else "le"
    rate = f"sum by ({labels}) (rate({family}_bucket{matchers}[$__rate_interval]))"
    legend = f"{{{{{by}}}}} " if by else ""
    return {
        f"histogram_quantile({quantile}, {rate})": f"{legend}{name}"
        for quantile, name in ((0.5, "p50"), (0.99, "p99"))
    }


def rate(family: str, by: str, matchers: str = "{@}") -> str:
    return f"sum by ({by}) (rate({family}{matchers}[$__rate_interval]))"


def share(family: str, part: str, whole: str) -> str:
    """How many of all are of one kind."""
    rates = [f"sum(rate({family}{matchers}[$__rate_interval]))" for matchers in (part, whole)]
    return " / ".join(rates)
