"""The HTTP API of Prometheus."""

import json
import math
import time
import urllib.parse
import urllib.request

from comparison.processes import Failed

WAIT_SECONDS = 15


class Prometheus:
    def __init__(self, url: str):
        self._url = url

    def ask(self, path: str, **parameters) -> dict:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def series(self, query: str, start: float, end: float, step: float) -> list[dict]:
        """What a panel gets: each series with its labels and its points."""
        found = self.ask("query_range", query=query, start=start, end=end, step=step)["result"]
        return [
            {"labels": one["metric"], "points": points}
            for one in found
            if (points := [(at, float(value)) for at, value in one["values"] if finite(value)])
        ]

    def value(self, query: str, at: float) -> list[dict]:
        return self.ask("query", query=query, time=at)["result"]

    def wait_for(self, query: str):
        """Until it has a result: Prometheus takes seconds before it begins to scrape."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.value(query, time.time()):
            if time.monotonic() > deadline:
                raise Failed(f"Prometheus has nothing for {query} after {WAIT_SECONDS} s")
            time.sleep(0.1)

    def rules(self) -> list[dict]:
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


def finite(value: str) -> bool:
    return math.isfinite(float(value))
