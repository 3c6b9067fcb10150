"""A network of this run's own: loopback, with an address and a name for each service."""

import contextlib
import os
import socket
import subprocess
import sys
import threading

from .places import WORK

ADDRESSES = {
    "keycloak": "127.0.1.1",
    "service": "127.0.1.2",
    "countersign": "127.0.1.3",
    "prometheus": "127.0.1.4",
}
_INSIDE = "COMPOSE_NETWORK"


def enter():
    """Starts this program again, in a network and with an /etc/hosts of its own."""
    if _INSIDE not in os.environ:
        os.environ[_INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable, *sys.argv])
    hosts = WORK / "hosts"
    names = {"localhost": "127.0.0.1", **ADDRESSES}
    hosts.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def is_inside() -> bool:
    return _INSIDE in os.environ


def publish(service: str, ports: dict[int, int]):
    """Forwards connections to published ports, as the engine does."""
    for target, published in ports.items():
        listener = socket.create_server(("127.0.0.1", published))
        address = (ADDRESSES[service], target)
        threading.Thread(target=_accept, args=(listener, address), daemon=True).start()


def _accept(listener: socket.socket, address: tuple[str, int]):
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(address)
        except OSError:
            # The service does not listen yet.
            client.close()
            continue
        for pair in ((client, server), (server, client)):
            threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket):
    # Either end may be gone at any time.
    with contextlib.suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
