"""A small HTTP service: an upstream that records what it receives, or the stand-in of a system."""

import http.server
import json
import threading
import urllib.parse
from dataclasses import dataclass, field


class Headers(dict):
    """By lower-case name; what is not there is None."""

    def __missing__(self, name):
        return None


@dataclass
class Request:
    method: str = None
    path: str = None
    query: dict = field(default_factory=dict)
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode()))

    def json(self):
        return json.loads(self.body)


class Service:
    """Answers on a loopback port of its own. `answer(request)` gives status, headers and body;
    a body that is no bytes is sent as JSON."""

    def __init__(self, answer):
        self.received = []  # every request, the oldest first
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler(answer))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def last(self):
        """The newest request; an empty one if nothing was received."""
        return self.received[-1] if self.received else Request()

    def _handler(self, answer):
        received = self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one segment

            def handle_request(self):
                request = read_request(self)
                received.append(request)
                status, headers, body = answer(request)
                if not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                    headers = {"content-type": "application/json", **headers}
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_request

            def log_message(self, *_):
                pass

        return Handler


def recorder():
    """An upstream that answers every request with what it received of it."""
    return Service(lambda request: (200, {}, {"path": request.path, "headers": request.headers}))


def read_request(handler):
    parts = urllib.parse.urlsplit(handler.path)
    length = int(handler.headers.get("content-length", 0))
    return Request(
        method=handler.command,
        path=parts.path,
        query=dict(urllib.parse.parse_qsl(parts.query)),
        headers=Headers((name.lower(), value) for name, value in handler.headers.items()),
        body=handler.rfile.read(length),
    )
