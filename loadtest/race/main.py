"""Runs the cells of the table, those of one keep-alive time side by side."""

import argparse
import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from comparison import certificate
from comparison.peers.peer import wait_for_port
from comparison.processes import Process

from .bursts import Counts, bursts
from .proxies import Countersign, Nginx
from .upstreams import KINDS, TLS_KINDS, Upstream

SECONDS = [1, 2, 5]
# Rounds of a cell last as long together, whatever the keep-alive time is.
CELL_SECONDS = 40


@dataclass
class Row:
    """One upstream with one keep-alive time behind one proxy."""

    kind: str
    seconds: int
    proxy: str
    counts: Counts
    doubled_gets: int
    doubled_posts: int
    retries: int | None

    def text(self) -> str:
        gets = f"{self.counts.failed('GET')} of {self.counts.of('GET')}"
        posts = f"{self.counts.failed('POST')} of {self.counts.of('POST')}"
        retries = "" if self.retries is None else str(self.retries)
        return (
            f"{self.kind:9} {self.seconds:3} s  {self.proxy:12} {gets:>12} {posts:>12} "
            f"{self.doubled_gets:>9} {self.doubled_posts:>10} {retries:>8}"
        )


def main(arguments: list) -> int:
    options = _options(arguments)
    rows = []
    with tempfile.TemporaryDirectory(prefix="idle-race-") as folder:
        Path(folder).chmod(0o755)
        options.certificate = certificate.upstream(Path(folder)) if options.tls else None
        for seconds in options.seconds:
            try:
                rows += asyncio.run(_cells(options, seconds, Path(folder)))
            finally:
                Process.stop_all()
    _print(rows)
    return _verdict(rows)


def _options(arguments: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest/idle_race")
    parser.add_argument("binary")
    parser.add_argument("--upstream", action="append", choices=KINDS, dest="kinds")
    parser.add_argument("--keep-alive", action="append", type=int, dest="seconds")
    parser.add_argument("--cell-seconds", type=float, default=CELL_SECONDS)
    parser.add_argument("--idle-timeout", default="10m", help="of Countersign; 'default': its own")
    parser.add_argument("--tls", action="store_true", help="to the upstream")
    options = parser.parse_args(arguments)
    options.binary = str(Path(options.binary).resolve())
    options.kinds = options.kinds or (TLS_KINDS if options.tls else KINDS)
    options.seconds = options.seconds or SECONDS
    return options


async def _cells(options, seconds: int, folder: Path) -> list:
    cells = (_cell(options, kind, seconds, folder / f"{kind}-{seconds}") for kind in options.kinds)
    return [row for rows in await asyncio.gather(*cells) for row in rows]


async def _cell(options, kind: str, seconds: int, home: Path) -> list:
    upstream = Upstream(kind, seconds, home / "upstream", options.certificate)
    await asyncio.to_thread(wait_for_port, upstream.port, upstream.process)
    idle = None if options.idle_timeout == "default" else options.idle_timeout
    proxies = [
        Countersign(options.binary, upstream, home / "countersign", idle),
        Nginx(upstream, home / "nginx"),
    ]
    for proxy in proxies:
        await asyncio.to_thread(wait_for_port, proxy.port, proxy.process)
    rounds = max(1, round(options.cell_seconds / seconds))
    counts = await asyncio.gather(
        *(bursts(proxy.port, upstream, rounds, proxy.name) for proxy in proxies)
    )
    received = upstream.received()

    def doubled(paths: list) -> int:
        return sum(received[path] > 1 for path in paths)

    return [
        Row(kind, seconds, proxy.name, of, doubled(of.gets), doubled(of.posts), proxy.retries())
        for proxy, of in zip(proxies, counts)
    ]


def _print(rows: list):
    print("keep-alive     proxy          GETs failed  POSTs failed  2 × GET  2 × POST  retries")
    for row in rows:
        print(row.text())


def _verdict(rows: list) -> int:
    ours = [row for row in rows if row.proxy == "countersign"]
    theirs = [row for row in rows if row.proxy == "nginx"]
    gets = sum(row.counts.failed("GET") for row in ours)
    posts = sum(row.counts.failed("POST") for row in ours)
    bar = sum(row.counts.failed("POST") for row in theirs)
    twice = sum(row.doubled_posts for row in ours)
    print(f"GETs failed: {gets} (bar: 0); POSTs failed: {posts} (nginx: {bar}); sent twice: {twice}")
    return int(gets > 0 or posts > bar or twice > 0)
