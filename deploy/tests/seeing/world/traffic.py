"""Clients: a steady mixture of requests, and the floods of an incident."""

import http.client
import itertools
import random
import socket
import ssl
import threading
import time

from .scene import Scene

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"flooding"
_PINGS = 20_000
# Two of them fill nine tenths of the buffers, and leave room for the other signed bodies.
_UPLOAD = 490_000


class Traffic:
    """Threads that send requests until they are stopped. Each has one connection."""

    def __init__(self, scene: Scene):
        self._scene, self._over = scene, threading.Event()
        material = scene.material
        self._good = [material.token(sub=f"user-{number}") for number in range(20)]
        self._body = b'{"amount":17}'
        self._signature = material.signature(self._body)
        self._bad = [
            material.token(expires_in="1s", exp="1000000000"),
            material.token(aud="https://billing.example"),
            material.token(iss="https://elsewhere.example"),
            material.token("other"),
            "no-token",
        ]
        self._threads: list[threading.Thread] = []

    def start(self):
        self._repeat(self._orders, pause=0.008, clients=2)
        self._repeat(self._others, pause=0.03)

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def bad_tokens(self, seconds: float):
        self._repeat(self._refused, pause=0.01, seconds=seconds)

    def dead_service(self, seconds: float):
        self._repeat(lambda send: send("/ledger"), pause=0.04, seconds=seconds)

    def crowd(self, seconds: float):
        """More at once than the service may have."""
        self._repeat(self._orders, pause=0.1, clients=12, seconds=seconds)

    def uploads(self, seconds: float):
        """Bodies that are held until they are complete, and come slowly."""
        self._each(lambda: self._slow_upload(seconds), clients=2)

    def flood(self):
        """Frames without end, and more connections than the listener takes."""
        self._each(self._pings, clients=3)
        self._each(self._idle_connection, clients=8)

    def _orders(self, send):
        broken = random.random() < 0.01
        send("/orders/broken" if broken else "/orders/42", random.choice(self._good))

    def _others(self, send):
        send("/legacy", f"opaque-{random.randrange(50)}")
        send("/limited", self._good[0])
        send("/vault")
        send("/signed", self._good[1], self._body, self._signature)
        send("/orders/7")

    def _refused(self, send):
        send("/orders/42", random.choice(self._bad))

    def _repeat(self, action, pause: float, clients: int = 1, seconds: float = 600):
        self._each(lambda: self._loop(action, pause, time.monotonic() + seconds), clients)

    def _each(self, action, clients: int):
        threads = [threading.Thread(target=action, daemon=True) for _ in range(clients)]
        self._threads += threads
        for thread in threads:
            thread.start()

    def _loop(self, action, pause: float, until: float):
        connection = http.client.HTTPConnection("127.0.0.1", self._scene.ports.listen, timeout=10)

        def send(path: str, token: str = "", body: bytes | None = None, signature: str = ""):
            headers = {"authorization": f"Bearer {token}"} if token else {}
            if signature:
                headers |= {"x-jws-signature": signature, "content-type": "application/json"}
            if random.random() < 0.005:
                headers["x-auth-subject"] = "mallory"
            connection.request("POST" if body else "GET", path, body, headers)
            connection.getresponse().read()

        while time.monotonic() < until and not self._over.wait(pause):
            action(send)
        connection.close()

    def _slow_upload(self, seconds: float):
        with socket.create_connection(("127.0.0.1", self._scene.ports.listen)) as client:
            head = f"POST /signed HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {self._good[2]}\r\n"
            head += f"x-jws-signature: {self._signature}\r\ncontent-length: {_UPLOAD}\r\n\r\n"
            client.sendall(head.encode() + b"x" * (_UPLOAD - 1))
            self._over.wait(seconds)

    def _pings(self):
        with socket.create_connection(("127.0.0.1", self._scene.ports.listen)) as client:
            client.sendall(_PREFACE + _SETTINGS)
            try:
                for _ in itertools.repeat(None, _PINGS // 100):
                    client.sendall(_PING * 100)
            except OSError:
                # The program has closed it, as it should.
                return

    def _idle_connection(self):
        context = ssl.create_default_context(cafile=self._scene.home / "server.crt")
        try:
            with (
                socket.create_connection(("127.0.0.1", self._scene.ports.edge)) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                self._over.wait(3)
        except OSError:
            # Beyond the bound it is closed.
            return
