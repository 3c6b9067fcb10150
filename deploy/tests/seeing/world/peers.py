"""The identity provider and the service: HTTP servers in threads, which incidents change."""

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from .material import AUDIENCE, ISSUER, Material


class Server:
    """Answers with what `self.answer(path, body)` returns: a status and a body."""

    def __init__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # The whole answer at once.
            wbufsize = -1

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, answer = server.answer(self.path, body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        raise NotImplementedError

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Provider(Server):
    """Key set, introspection and the list of revoked tokens, until it fails."""

    def __init__(self, material: Material):
        self.fails = False
        self._jwks = material.jwks()
        super().__init__()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self.fails:
            return 503, b"{}"
        documents = {"/jwks": self._jwks, "/revoked": b'{"revoked":[]}'}
        return 200, documents.get(path) or self._statement(body)

    def _statement(self, body: bytes) -> bytes:
        token = parse_qs(body.decode()).get("token", [""])[0]
        if not token.startswith("opaque-"):
            return b'{"active":false}'
        # Something that a provider takes time for.
        time.sleep(0.004)
        members = {"active": True, "iss": ISSUER, "aud": AUDIENCE, "sub": token}
        return json.dumps({**members, "exp": int(time.time()) + 300}).encode()


class Service(Server):
    """Answers after some milliseconds, or after `delay`."""

    def __init__(self, certificate: tuple | None = None):
        self.delay = 0.003
        super().__init__()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def answer(self, path: str, _body: bytes) -> tuple[int, bytes]:
        time.sleep(self.delay)
        return (500, b"{}") if path == "/orders/broken" else (200, b'{"served":true}')
