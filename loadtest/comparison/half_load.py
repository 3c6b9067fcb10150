"""Latency where a proxy should live: at half of what it can carry, both at the same rate."""

from .contest import Entry, Pace, Result, hold
from .contests import SOME_TOKENS
from .field_of_peers import Field
from .load import ConstantRate, Wrk
from .machine import Cores
from .material import Material

_SATURATION = Pace(rounds=2, seconds=2, warmup_seconds=2)


def half_load(
    field: Field, material: Material, cores: Cores, pace: Pace
) -> tuple[list[Result], float]:
    """The results of countersign and nginx plain, and the rate: half of what the slower of the
    two can carry."""
    key = material.key("RS256")
    tokens = material.tokens("RS256", SOME_TOKENS)
    peers = field.present([field.warm(key), field.nginx()])
    saturated = hold([Entry(peer, Wrk(tokens)) for peer in peers], _SATURATION, cores, material)
    rate = min(result.median("rps") for result in saturated) / 2
    load = ConstantRate(round(rate), tokens)
    return hold([Entry(peer, load) for peer in peers], pace, cores, material), rate
