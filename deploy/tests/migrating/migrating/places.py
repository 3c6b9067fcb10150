"""Where things are: the documents, and the one directory that a run writes to."""

from pathlib import Path

from comparison.places import CRATE, TARGET

HERE = Path(__file__).resolve().parents[1]
DOCUMENTS = CRATE / "docs" / "migrating"
WORK = TARGET / "migrating"


def directory(*parts: str) -> Path:
    """A directory below `WORK`, made if it is not there."""
    path = WORK.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path
