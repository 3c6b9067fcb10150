"""Where things are."""

from pathlib import Path

from comparison.places import CRATE, TARGET

COMPOSE = CRATE / "deploy" / "compose"
WORK = TARGET / "compose"
HERE = Path(__file__).parent
