"""What the originals and Countersign are put between: the provider's key set, and the service."""

import contextlib
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from comparison.certificate import Certificate
from comparison.peers.peer import LOOPBACK

from .tokens import Provider


class _Server:
    """Answers every GET with a JSON object, until the `with` block ends."""

    def __init__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self):
                # Some proxies reset connections that they no longer need.
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def do_GET(self):
                body = json.dumps(server.answer(self)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port

    def answer(self, request: BaseHTTPRequestHandler) -> dict:
        raise NotImplementedError

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()


class KeyServer(_Server):
    """Publishes the provider's keys, over TLS where there is a certificate."""

    def __init__(self, provider: Provider, certificate: Certificate | None = None):
        super().__init__()
        self._provider = provider
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def answer(self, _request) -> dict:
        return self._provider.key_set()


class Service(_Server):
    """Answers with the headers that it received, and the query among them. Names fold as
    application servers fold them."""

    def answer(self, request) -> dict:
        received = {"query": urlsplit(request.path).query}
        for name, value in request.headers.items():
            folded = name.lower().replace("_", "-")
            received[folded] = f"{received[folded]}, {value}" if folded in received else value
        return received
