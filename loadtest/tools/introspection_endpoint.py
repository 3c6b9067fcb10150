"""An introspection endpoint (RFC 7662) for load tests: tokens that begin with `opaque-` are active.

    python3 introspection_endpoint.py PORT AUDIENCE [DELAY_MS]

`GET /calls` says how many questions there were since it was asked last.
"""

import asyncio
import json
import sys
import time
from urllib.parse import parse_qs

_ONE_DAY = 86_400


class Endpoint(asyncio.Protocol):
    calls = 0
    audience = ""
    delay = 0.0

    def connection_made(self, transport):
        self._transport = transport
        self._unread = b""

    def data_received(self, data):
        self._unread += data
        while request := self._next():
            head, body = request
            if head.startswith(b"GET /calls"):
                self._answer(str(Endpoint.calls).encode())
                Endpoint.calls = 0
            else:
                Endpoint.calls += 1
                answer = _statement(body.decode())
                asyncio.get_running_loop().call_later(Endpoint.delay, self._answer, answer)

    def _next(self):
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        if not found:
            return None
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if len(rest) < length:
            return None
        self._unread = rest[length:]
        return head, rest[:length]

    def _answer(self, body):
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        self._transport.write(head.encode() + b"\r\n\r\n" + body)


def _statement(form):
    token = parse_qs(form).get("token", [""])[0]
    if not token.startswith("opaque-"):
        return b'{"active":false}'
    members = {
        "active": True,
        "sub": token.removeprefix("opaque-").split("-")[0],
        "scope": "orders:read",
        "client_id": "load",
        "token_type": "Bearer",
        "aud": Endpoint.audience,
        "exp": int(time.time()) + _ONE_DAY,
    }
    return json.dumps(members).encode()


async def _serve(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Endpoint, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    Endpoint.audience = sys.argv[2]
    Endpoint.delay = float(sys.argv[3]) / 1000 if len(sys.argv) > 3 else 0.0
    asyncio.run(_serve(int(sys.argv[1])))
