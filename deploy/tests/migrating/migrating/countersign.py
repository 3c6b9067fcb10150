"""Countersign with the file of a document, unchanged: variables of the environment set the
addresses and paths that differ in the test."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from comparison.peers.peer import LOOPBACK, READY_SECONDS, free_port
from comparison.places import TARGET
from comparison.processes import Failed, Process, without_settings
from comparison.tools import Missing

from .originals.original import Stage
from .places import directory


def check(settings: Path):
    done = subprocess.run(
        [_binary(), "check", "--quiet", "--no-files", settings],
        capture_output=True, text=True, check=False, env=without_settings({}),
    )
    if done.returncode != 0:
        raise Failed(f"{settings}:\n{done.stdout}{done.stderr}")


class Countersign:
    def __init__(self, name: str, settings: Path, stage: Stage):
        self.port, self._admin = free_port(), free_port()
        self._settings, self._stage = settings, stage
        self._log = directory(name) / "countersign.log"

    def start(self) -> Process:
        argv = [_binary(), "run", "--config", self._settings]
        process = Process(argv, os.sched_getaffinity(0), self._log, self._environment())
        while not self._is_ready():
            process.check_alive()
            if time.monotonic() - process.started_at > READY_SECONDS:
                raise Failed(f"countersign is not ready after {READY_SECONDS} s; see {self._log}")
            time.sleep(0.01)
        return process

    def _environment(self) -> dict:
        return {
            "COUNTERSIGN_SERVER__LISTEN": f"{LOOPBACK}:{self.port}",
            "COUNTERSIGN_SERVER__SHUTDOWN_GRACE": "0s",
            "COUNTERSIGN_ADMIN__LISTEN": f"{LOOPBACK}:{self._admin}",
            "COUNTERSIGN_UPSTREAMS__APP__URL": f"http://{LOOPBACK}:{self._stage.service_port}",
            "COUNTERSIGN_ISSUERS__CORP__KEYS__JWKS_URL": self._stage.jwks_url,
            # The default is 30 s between two looks for a new key; no test needs to take that long.
            "COUNTERSIGN_ISSUERS__CORP__KEYS__COOLDOWN": "1s",
        }

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self._admin}/readyz", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False


def _binary() -> Path:
    named = os.environ.get("COUNTERSIGN_BIN")
    path = Path(named) if named else TARGET / "debug" / "countersign"
    if not path.exists():
        raise Missing(f"{path} is not there: cargo build, or name one by COUNTERSIGN_BIN")
    return path
