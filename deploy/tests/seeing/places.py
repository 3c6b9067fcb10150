"""Where things are."""

from pathlib import Path

from comparison.places import CRATE, TARGET

DEPLOY = CRATE / "deploy"
DASHBOARD = DEPLOY / "grafana" / "countersign.json"
RULES = sorted((DEPLOY / "prometheus").glob("*.yaml"))
# Everything that a run makes.
WORK = TARGET / "seeing"
HERE = Path(__file__).parent
