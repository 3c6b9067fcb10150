"""The steps of a run."""

import argparse
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

from comparison import tools
from comparison.processes import Failed, Process, stop_on_signals

from . import dashboard, drawing
from .places import DASHBOARD, DEPLOY, HERE, WORK
from .prometheus import Prometheus
from .world.incidents import ALERTS_BY_CHANCE, Incident, expected_alerts, play
from .world.scene import Scene
from .world.traffic import Traffic

STEP_SECONDS = 0.5


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="deploy/tests/seeing/run", description=__doc__)
    parser.add_argument("--picture", type=Path, help="where to put the picture as well")
    given = parser.parse_args(argv)
    stop_on_signals()
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        check_dashboard()
        return watch(given.picture)
    except (Failed, tools.Missing, OSError, subprocess.CalledProcessError) as error:
        print(f"seeing: {error}", file=sys.stderr)
        return 1
    finally:
        Process.stop_all()


def check_dashboard():
    """Is it what its generator writes, and does Grafana know every member of it?"""
    subprocess.run([sys.executable, DEPLOY / "grafana" / "generate", "--check"], check=True)
    home = WORK / "venv"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", HERE / "requirements.txt"], check=True, timeout=300)
    subprocess.run([python, HERE / "schema.py", DASHBOARD], check=True)


def watch(picture: Path | None) -> int:
    """Plays the incidents, then looks at what Prometheus has of them."""
    scene = Scene(tools.countersign())
    prometheus = Prometheus(scene.prometheus)
    prometheus.wait_for("up == 1")
    began = time.time()
    incidents = play(scene, Traffic(scene))
    end = time.time()

    rows = dashboard.rows()
    data = {
        target.query: prometheus.series(target.query, began, end, STEP_SECONDS)
        for panels in rows.values()
        for panel in panels
        for target in panel.targets
    }
    faults = [f"no data: {query}" for query, series in data.items() if not series]
    faults += [fault for rule in prometheus.rules() for fault in rule_faults(prometheus, rule, end)]

    alerts = prometheus.series("ALERTS", began, end, STEP_SECONDS)
    faults += alert_faults({alert["labels"]["alertname"] for alert in alerts}, incidents)
    drawn = WORK / "dashboard.svg"
    drawn.write_text(drawing.svg(rows, data, began, end, incidents))
    if picture and not faults:
        shutil.copy(drawn, picture)
    print(
        "\n".join(faults)
        or "every query of the dashboard and every recording rule has data, and the incidents have "
        "raised their alerts and no others"
    )
    print(f"{len(data)} queries, {len(prometheus.rules())} rules, {len(faults)} faults; {drawn}")
    return 1 if faults else 0


def alert_faults(raised: set[str], incidents: list[Incident]) -> list[str]:
    """Pending or firing: most have to last for minutes before they fire."""
    expected = expected_alerts(incidents)
    missing = [f"{name} was not raised" for name in expected - raised]
    needless = raised - expected - ALERTS_BY_CHANCE
    return missing + [f"{name} was raised without cause" for name in needless]


def rule_faults(prometheus: Prometheus, rule: dict, end: float) -> list[str]:
    if rule["health"] != "ok":
        return [f"{rule['name']}: {rule.get('lastError') or rule['health']}"]
    if rule["type"] == "recording" and not prometheus.value(rule["name"], end):
        return [f"{rule['name']} records nothing"]
    return []
