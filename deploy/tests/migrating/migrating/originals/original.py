"""What all originals have in common."""

import os
from dataclasses import dataclass
from pathlib import Path

from comparison.peers.peer import LOOPBACK, free_port, listening
from comparison.processes import Failed, Process

from ..documents import Document
from ..places import directory


@dataclass(frozen=True)
class Stage:
    """What an original is put between."""

    service_port: int
    keys_port: int
    keys_tls_port: int

    @property
    def jwks_url(self) -> str:
        return f"http://{LOOPBACK}:{self.keys_port}/jwks"

    @property
    def jwks_url_over_tls(self) -> str:
        """For originals that insist on TLS. The certificate is self-signed, of another name."""
        return f"https://{LOOPBACK}:{self.keys_tls_port}/jwks"


class Original:
    """A program with the configuration that its document shows. Only addresses are changed."""

    # In which the service expects the caller's identity.
    identity_headers = ["x-auth-subject", "x-auth-scope"]

    def __init__(self, document: Document, stage: Stage):
        self.port = free_port()
        self.stage = stage
        self.home = directory(document.name)
        self._document = document

    def start(self) -> Process:
        return listening(self.run(self.command(), "original"), self.port)

    def command(self) -> list:
        """Writes the configuration and says how to start the program with it."""
        raise NotImplementedError

    def run(self, argv: list, name: str, environment: dict | None = None) -> Process:
        return Process(argv, os.sched_getaffinity(0), self.home / f"{name}.log", environment)

    def configured(self, name: str, replacements: dict[str, str]) -> Path:
        """A copy of a file of the document, with other addresses in it."""
        text = self._document.file(name).read_text(encoding="utf-8")
        for old, new in replacements.items():
            if old not in text:
                raise Failed(f"docs/migrating/{self._document.name}/{name} has no {old!r}")
            text = text.replace(old, new)
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path
