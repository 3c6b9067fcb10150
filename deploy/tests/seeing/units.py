"""Values as Grafana shows them, and axes that end at a round one."""

SECONDS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
MIB = 2**20


def axis_end(value: float, unit: str) -> float:
    """The next round number of what it is shown in. A share ends at 1 at most."""
    scale = shown_in(value, unit)
    power = 10.0 ** len(f"{value / scale:.0f}")
    while power * scale > value:
        power /= 10
    rounds = (factor * power * scale for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10))
    end = next(end for end in rounds if end >= value)
    return min(end, 1) if unit == "percentunit" and value <= 1 else end


def shown_in(value: float, unit: str) -> float:
    if unit == "s":
        return next((size for size, _ in SECONDS if value >= size), SECONDS[-1][0])
    return MIB if unit == "bytes" else 1


def shown(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        size = shown_in(value, unit)
        return f"{value / size:.3g} {dict(SECONDS)[size]}" if value else "0 s"
    if unit == "bytes":
        return f"{value / MIB:.3g} MiB"
    return f"{value:.3g}" + (" /s" if unit == "reqps" else "")
