"""The certificate of the upstream over TLS, which is its own authority."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import tools
from .places import directory

# The one name in it.
NAME = "upstream.test"


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    certificate: Path
    key: Path


def upstream(home: Path | None = None) -> Certificate:
    """With a key on P-256, as most services have, good for a day."""
    home = home or directory("certificate")
    made = Certificate(home / "upstream.crt", home / "upstream.key")
    argv = [tools.need("openssl"), "req", "-x509", "-nodes", "-days", "1", "-subj", f"/CN={NAME}"]
    argv += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    # An authority is no server to some of the peers.
    argv += ["-addext", "basicConstraints=critical,CA:FALSE"]
    argv += ["-addext", f"subjectAltName=DNS:{NAME}"]
    argv += ["-out", made.certificate, "-keyout", made.key]
    subprocess.run(argv, check=True, capture_output=True)
    return made
