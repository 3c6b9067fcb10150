"""Where things are: the crate, and the one directory that a run writes to."""

import os
from pathlib import Path

CRATE = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", CRATE / "target"))
# Everything that a run makes: configurations, logs, keys, tokens, results.
WORK = TARGET / "loadtest"
VENV = WORK / "venv"


def directory(*parts: str) -> Path:
    """A directory below `WORK`, made if it is not there."""
    path = WORK.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path
