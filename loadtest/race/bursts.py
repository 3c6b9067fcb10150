"""Bursts of requests at the rhythm of an upstream's keep-alive time."""

import asyncio
import random
import ssl
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

from comparison.certificate import NAME
from comparison.peers.peer import LOOPBACK

from .upstreams import Upstream

CLIENTS = 24
MIN_SPREAD = 0.003
ANSWER_SECONDS = 20


@dataclass
class Counts:
    """The outcome of the requests through one proxy."""

    answers: Counter = field(default_factory=Counter)  # by method and status
    posts: list = field(default_factory=list)  # their paths
    gets: list = field(default_factory=list)

    def of(self, method: str) -> int:
        return sum(n for (of, _), n in self.answers.items() if of == method)

    def failed(self, method: str) -> int:
        return sum(
            n for (of, status), n in self.answers.items() if of == method and status not in (200, 204)
        )


class Connection:
    """A client's connection to a proxy, opened again where that closes it."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None):
        self.port, self.tls, self.reader, self.writer = port, tls, None, None

    async def exchange(self, method: str, path: str) -> int:
        """The status of the answer; 0 if there is none."""
        for _ in range(2):
            is_new = self.writer is None
            if is_new:
                opening = asyncio.open_connection(
                    LOOPBACK, self.port, ssl=self.tls, server_hostname=self.tls and NAME
                )
                self.reader, self.writer = await opening
            try:
                return await asyncio.wait_for(self._exchange(method, path), ANSWER_SECONDS)
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                if is_new:
                    return 0
        return 0

    async def _exchange(self, method: str, path: str) -> int:
        body = b"hello" if method == "POST" else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: race.test\r\n"
        if body:
            head += f"Content-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(answer.split(b" ")[1])
        _, _, length = answer.partition(b"content-length:")
        if length:
            await self.reader.readexactly(int(length.split(b"\r\n")[0]))
        elif b"transfer-encoding: chunked" in answer:
            await self.reader.readuntil(b"0\r\n\r\n")
        if b"\r\nconnection: close" in answer:
            self.close()
        return status

    async def closed(self):
        """Waits until the other side closes it."""
        await self.reader.read()

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None


class Witness:
    """Connections of our own to the upstream: how long it keeps them is when a burst has to come."""

    def __init__(self, upstream: Upstream):
        self.port, self.spans, self.watching = upstream.port, [], []
        certificate = upstream.certificate
        self.tls = certificate and ssl.create_default_context(cafile=certificate.certificate)

    async def use(self):
        connection = Connection(self.port, self.tls)
        await connection.exchange("GET", "/witness")
        self.watching.append(asyncio.create_task(self._watch(connection, time.monotonic())))

    async def _watch(self, connection: Connection, since: float):
        await connection.closed()
        self.spans.append(time.monotonic() - since)
        connection.close()

    async def span(self) -> float:
        """The usual time of the latest; the first is waited for."""
        if not self.spans:
            await asyncio.gather(*self.watching)
        return statistics.median(self.spans[-5:])


async def bursts(proxy: int, upstream: Upstream, rounds: int, label: str) -> Counts:
    """That many bursts through the proxy at `proxy`, each at the moment at which the connections
    of the one before are being closed."""
    counts, witness = Counts(), Witness(upstream)
    connections = [Connection(proxy) for _ in range(CLIENTS)]

    async def one(number: int, index: int):
        method = "POST" if index % 2 else "GET"
        path = f"/{label}-{number}-{index}"
        (counts.posts if method == "POST" else counts.gets).append(path)
        status = await connections[index].exchange(method, path)
        counts.answers[method, status] += 1

    await witness.use()
    await witness.span()
    for number in range(rounds):
        began = time.monotonic()
        await asyncio.gather(witness.use(), *(one(number, index) for index in range(CLIENTS)))
        ended = time.monotonic()
        # Earlier and later by a few milliseconds, so that some of them hit it.
        spread = max(MIN_SPREAD, (ended - began) / 2)
        moment = (began + ended) / 2 + await witness.span() + random.uniform(-spread, spread)
        await asyncio.sleep(moment - time.monotonic())
    for task in witness.watching:
        task.cancel()
    for connection in connections:
        connection.close()
    return counts
