"""Sends one request; the verdict is in a form that a document can show."""

import http.client
import json
import re
import socket

from comparison.peers.peer import LOOPBACK

from .cases import Case

_SECONDS = 10
# Where a service may have received tokens. Which ones does not matter, and none belongs into a
# document.
_CREDENTIALS = ["authorization", "cookie", "query", "x-api-token"]
_TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.")


def verdict(port: int, case: Case, identity_headers: list[str]) -> str:
    """The status, and behind 200 the identity that the service received: `200 x-user=alice`."""
    status, received = _send(port, case)
    if received is None:
        return status
    identity = [f"{name}={received[name]}" for name in identity_headers if name in received]
    tokens = {name: len(_TOKEN.findall(received.get(name, ""))) for name in _CREDENTIALS}
    credentials = [f"{name}={_counted(count)}" for name, count in tokens.items() if count]
    return " ".join([status, *identity, *credentials])


def _counted(tokens: int) -> str:
    return "token" if tokens == 1 else f"{tokens}-tokens"


def _send(port: int, case: Case) -> tuple[str, dict | None]:
    """Byte for byte, since HTTP libraries would normalise paths and join headers."""
    lines = [f"GET {case.target} HTTP/1.1", "Host: api.example.com", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in case.headers]
    with socket.create_connection((LOOPBACK, port), timeout=_SECONDS) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
            body = response.read()
        except (http.client.HTTPException, ConnectionError):
            return "closed", None
    return str(response.status), _received(response.status, body)


def _received(status: int, body: bytes) -> dict | None:
    """What the service received. None: it was not reached."""
    try:
        received = json.loads(body) if status == http.HTTPStatus.OK else None
    except ValueError:
        return None
    return received if isinstance(received, dict) else None
