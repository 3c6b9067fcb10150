"""Signed bodies: what verifying one costs above a verified request without a signature, what the
proof of it costs, and what many large ones take at once."""

import asyncio
import http.client
import re
from dataclasses import dataclass
from statistics import median

from .contest import Entry, Pace, Result, hold
from .field_of_peers import Field
from .load import ConstantRate, Wrk
from .machine import Cores
from .material import Material
from .peers.countersign import Countersign
from .peers.nginx import UPLOAD_PATH
from .peers.peer import LOOPBACK
from .processes import Failed, Process

KIB, MIB = 1024, 1024 * 1024
SIGNED = "countersign, signed bodies"
PROVEN = "countersign, signed bodies + evidence"
UNGATHERED = f"{PROVEN}, gather = 0s"
LONG_GATHERED = f"{PROVEN}, gather = 10ms"
SIZES = {"1 KiB": KIB, "1 MiB": MIB}
RATE = 2_000
UPLOADS, UPLOAD_BYTES = 200, 10 * MIB
BUDGET_BYTES = 256 * MIB
_ALGORITHM = "RS256"
_CONNECTIONS = 16
# Bodies of 1 MiB are built in memory, once a token.
_TOKENS = 16
# All uploads are under way before any of them ends.
_SLOW_SECONDS = 3
_PIECES = 30


def bodies(
    field: Field, material: Material, cores: Cores, pace: Pace, size: int
) -> list[Result]:
    """The same uploads without a signature and with one."""
    key = material.key(_ALGORITHM)
    tokens = material.tokens(_ALGORITHM, _TOKENS)
    signature = material.signature(_ALGORITHM, size)
    load = Wrk(tokens, _CONNECTIONS, "POST", size, UPLOAD_PATH)
    signed = Wrk(tokens, _CONNECTIONS, "POST", size, UPLOAD_PATH, signature=signature)
    entries = [
        Entry(field.warm(key), load),
        Entry(field.warm(key, SIGNED, signs=UPLOAD_PATH), signed),
    ]
    return hold(entries, pace, cores, material)


@dataclass(frozen=True)
class Proof:
    """Requests with and without a line in the journal, at the same rate."""

    results: list[Result]
    # p99 of having a group of lines on disk, in microseconds, by the name of the peer.
    fsyncs_us: dict[str, float]


def proven(field: Field, material: Material, cores: Cores, pace: Pace) -> Proof:
    key = material.key(_ALGORITHM)
    tokens = material.tokens(_ALGORITHM, _TOKENS)
    signature = material.signature(_ALGORITHM, KIB)
    load = ConstantRate(RATE, tokens, UPLOAD_PATH, KIB, signature)
    entries = [Entry(field.warm(key, SIGNED, signs=UPLOAD_PATH), load)]
    times = {}
    for name, gathers in ((PROVEN, None), (UNGATHERED, "0s"), (LONG_GATHERED, "10ms")):
        peer = field.warm(key, name, signs=UPLOAD_PATH, proves=True, gathers=gathers)
        times[name] = []
        entries.append(Entry(peer, _Watched(load, peer, times[name])))
    results = hold(entries, pace, cores, material)
    return Proof(results, {name: median(those) for name, those in times.items()})


@dataclass(frozen=True)
class _Watched:
    """A load, and how long the disk took during it."""

    load: ConstantRate
    peer: Countersign
    times: list

    def run(self, url: str, seconds: int, cores: set):
        before = _fsyncs(self.peer)
        answers = self.load.run(url, seconds, cores)
        after = _fsyncs(self.peer)
        self.times.append(_p99([(bound, after[bound] - before[bound]) for bound in after]) * 1e6)
        return answers


def _p99(buckets: list[tuple[float, float]]) -> float:
    """Within the bucket that holds it, as if its values were spread evenly."""
    wanted = 0.99 * buckets[-1][1]
    below, lower = 0.0, 0.0
    for upper, count in buckets:
        if count >= wanted:
            inside = (wanted - below) / (count - below) if count > below else 1.0
            return lower + (min(upper, 2 * lower) - lower) * inside
        below, lower = count, upper
    return lower


def _fsyncs(peer: Countersign) -> dict[float, float]:
    """How many took at most how long, in seconds."""
    connection = http.client.HTTPConnection(LOOPBACK, peer.admin_port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    bucket = r'^countersign_evidence_fsync_seconds_bucket{le="([^"]+)"} (\S+)'
    return {float(bound): float(count) for bound, count in re.findall(bucket, text, re.M)}


@dataclass(frozen=True)
class Uploads:
    """Many large uploads at once."""

    resident: int
    admitted: int
    # For want of room.
    refused: int


def large_uploads(field: Field, material: Material, cores: Cores) -> Uploads:
    key = material.key(_ALGORITHM)
    peer = field.warm(key, "countersign, large uploads", signs=UPLOAD_PATH)
    token = material.token(_ALGORITHM)
    signature = material.signature(_ALGORITHM, UPLOAD_BYTES)
    with peer.start(cores.proxy) as process:
        statuses, resident = asyncio.run(_upload_all(peer, process, token, signature))
    if set(statuses) - {200, 503}:
        raise Failed(f"uploads were answered {sorted(set(statuses))}")
    return Uploads(resident, statuses.count(200), statuses.count(503))


async def _upload_all(
    peer: Countersign, process: Process, token: str, signature: str
) -> tuple[list[int], int]:
    head = (
        f"POST {UPLOAD_PATH} HTTP/1.1\r\nhost: {LOOPBACK}\r\nauthorization: Bearer {token}\r\n"
        f"x-jws-signature: {signature}\r\ntransfer-encoding: chunked\r\n\r\n"
    ).encode()
    piece = b"x" * (UPLOAD_BYTES // _PIECES)
    last = b"x" * (UPLOAD_BYTES - len(piece) * (_PIECES - 1))
    uploads = [asyncio.create_task(_upload(peer.port, head, piece, last)) for _ in range(UPLOADS)]
    most = 0
    while not all(upload.done() for upload in uploads):
        most = max(most, process.resident_bytes())
        await asyncio.sleep(0.02)
    return [upload.result() for upload in uploads], most


async def _upload(port: int, head: bytes, piece: bytes, last: bytes) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    status = asyncio.create_task(reader.readline())
    try:
        writer.write(head)
        for number in range(_PIECES):
            if status.done():
                break
            part = last if number == _PIECES - 1 else piece
            writer.write(b"%x\r\n" % len(part) + part + b"\r\n")
            await writer.drain()
            await asyncio.sleep(_SLOW_SECONDS / _PIECES)
        if not status.done():
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except ConnectionError:
        pass  # refused in the middle of it
    line = await status
    writer.close()
    return int(line.split()[1]) if line else 503

