"""A program as a process of its own, which is stopped by its pid."""

import contextlib
import socket
import subprocess
import threading
import time

from .client import send

START_SECONDS = 240  # Keycloak's first start builds it.
STOP_SECONDS = 15


class StartError(Exception):
    """A program that ended before it was ready, or was not ready in time."""


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

    def wait_for_line(self, find, seconds=START_SECONDS):
        """What `find` makes of the first line of the output for which it is not None."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if (found := find(line)) is not None:
                        return found
                seen = len(self._lines)
                left = deadline - time.monotonic()
                if left <= 0 or self._child.poll() is not None:
                    raise StartError(f"{self.name} did not say what it should:\n{self.log_tail()}")
                self._changed.wait(min(left, 0.2))

    def wait_until_answering(self, url):
        """Waits until a GET of this URL is 200; the program is stopped if that never comes."""
        deadline = time.monotonic() + START_SECONDS
        while not is_answering(url):
            if time.monotonic() > deadline or self._child.poll() is not None:
                self.stop()
                raise StartError(f"{self.name} does not start:\n{self.log_tail()}")
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


def free_ports(count):
    """Ports that are free at the moment, for programs that can't choose one by themselves."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [it.getsockname()[1] for it in sockets]
