"""Processes: started on their cores, measured through /proc, and stopped whatever happens."""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STOP_SECONDS = 3
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Failed(Exception):
    """A program did not do what it was started for."""


class Process:
    """A running program with the children it made."""

    _running: list["Process"] = []

    def __init__(self, argv: list, cores: set, log: Path, environment: dict | None = None):
        self.log = log
        self.started_at = time.monotonic()
        with open(log, "wb") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=without_settings(environment or {}),
                start_new_session=True,
                preexec_fn=lambda: _prepare(cores),
            )
        Process._running.append(self)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def tree(self) -> list[int]:
        """The process and its descendants."""
        pids, unseen = [], [self.pid]
        while unseen:
            pid = unseen.pop()
            pids.append(pid)
            unseen += _children(pid)
        return pids

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree."""
        return sum(_cpu_ticks(pid) for pid in self.tree()) / _TICKS

    def resident_bytes(self) -> int:
        """Resident memory of the whole tree; what two of its processes share counts twice."""
        return sum(_resident_pages(pid) for pid in self.tree()) * _PAGE

    def check_alive(self):
        if self._popen.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise Failed(f"{self._popen.args[0]} ended with {self._popen.returncode}:\n{tail}")

    def stop(self):
        """Asks, waits, insists."""
        if self in Process._running:
            Process._running.remove(self)
        if self._popen.poll() is not None:
            return
        tree = self.tree()
        self._popen.terminate()
        try:
            self._popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in tree:
                _kill(pid)
            self._popen.wait()

    @classmethod
    def stop_all(cls):
        for process in list(cls._running):
            process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def run(argv: list, cores: set, timeout: float) -> str:
    """Runs a program to its end and returns its standard output."""
    process = subprocess.Popen(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: _prepare(cores),
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except BaseException as error:
        process.kill()
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failed(f"{argv[0]} did not end within {timeout:.0f} s") from error
        raise
    if process.returncode != 0:
        raise Failed(f"{argv[0]} ended with {process.returncode}: {(errors or output)[-1500:]}")
    return output


def stop_on_signals():
    """SIGTERM ends a run as Ctrl-C does: by an exception that passes every clean-up."""

    def interrupt(_signal, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)


def without_settings(more: dict) -> dict:
    """Ours, without the COUNTERSIGN_ variables: they would be settings of the proxy under test."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
    return {**own, **more}


def _prepare(cores: set):
    os.sched_setaffinity(0, cores)
    # Even if this program is killed, what it started must not stay.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _children(pid: int) -> list[int]:
    children = []
    for task in _listed(f"/proc/{pid}/task"):
        children += [int(child) for child in read_proc(f"/proc/{pid}/task/{task}/children").split()]
    return children


def _cpu_ticks(pid: int) -> int:
    # The name in parentheses may hold spaces; fields 14 and 15 are counted from behind it.
    fields = read_proc(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def _resident_pages(pid: int) -> int:
    fields = read_proc(f"/proc/{pid}/statm").split()
    return int(fields[1]) if fields else 0


def _kill(pid: int):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def read_proc(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []
