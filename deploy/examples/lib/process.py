"""A program as a process of its own, which is stopped by its pid."""

import contextlib
import socket
import subprocess
import threading
import time

from .client import send

START_SECONDS = 240  # Keycloak's first start builds it.
STOP_SECONDS = 15
PORT_ATTEMPTS = 3


class ProcessError(Exception):
    """A program that ended early, or did not do in time what is waited for."""


class Process:
    """A running program; its output is kept, line by line."""

    def __init__(self, name, command, environment, log_file, folder=None):
        self.name = name
        self._lines = []
        self._log_file = log_file
        self._changed = threading.Condition()
        self._child = subprocess.Popen(command, env=environment, cwd=folder, text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the program and waits for it. It is killed if it does not end in time."""
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join()

    @contextlib.contextmanager
    def stopped_on_failure(self):
        """Until it is ready, nothing else stops it."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def wait_for_line(self, find, seconds=START_SECONDS):
        """The first result of `find(line)` that is not None."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if (found := find(line)) is not None:
                        return found
                seen = len(self._lines)
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise ProcessError(f"{self.name} failed:\n{self.log_tail()}")
                self._changed.wait(min(left, 0.2))

    def wait_until_answering(self, url):
        """Waits until a GET of this URL is 200."""
        deadline = time.monotonic() + START_SECONDS
        while not is_answering(url):
            if time.monotonic() > deadline or not self._reader.is_alive():
                raise ProcessError(f"{self.name} does not start:\n{self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self, lines=12):
        with self._changed:
            return "\n".join(self._lines[-lines:])

    def _read(self):
        with open(self._log_file, "w", encoding="utf-8") as log:
            for line in self._child.stdout:
                log.write(line)
                log.flush()
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()


def is_answering(url):
    try:
        return send("GET", url).status == 200
    except OSError:
        return False


def on_free_ports(count, start):
    """`start(*ports)`, for programs that can't choose a port by themselves. Another program may
    take one that is free now: then others are tried."""
    for _ in range(PORT_ATTEMPTS - 1):
        ports = free_ports(count)
        try:
            return start(*ports)
        except ProcessError:
            if not any(map(is_taken, ports)):
                raise
    return start(*free_ports(count))


def is_taken(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def free_ports(count):
    with contextlib.ExitStack() as stack:
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        return [stack.enter_context(server).getsockname()[1] for server in servers]
