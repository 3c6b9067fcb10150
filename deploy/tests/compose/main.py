"""The steps of a run."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from comparison import tools
from comparison.processes import Failed, Process, stop_on_signals
from k6.stage import wait_until_ready

from . import keycloak, network
from .network import ADDRESSES
from .places import COMPOSE, HERE, WORK
from .project import Project, commands_to_try

HEALTHY_SECONDS, SCRAPED_SECONDS = 220, 30


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="deploy/tests/compose/run", description=__doc__)
    parser.add_argument("--load", action="store_true", help="only load compose.yaml")
    given = parser.parse_args(argv)
    WORK.mkdir(parents=True, exist_ok=True)
    stop_on_signals()
    try:
        secret = os.environ.setdefault("DEMO_SECRET", secrets.token_hex(16))
        if not network.is_inside():
            # While there are registries.
            project = Project(secret)
            print(f"compose.yaml is sound to Compose's loader: {', '.join(project.services)}")
            if given.load:
                return 0
            keycloak.install(project.version("keycloak"))
            os.environ["COUNTERSIGN_BIN"] = str(tools.countersign())
        network.enter()
        return try_it(Project(secret))
    except (Failed, tools.Missing, OSError, subprocess.SubprocessError) as error:
        print(f"compose: {error}", file=sys.stderr)
        return 1
    finally:
        Process.stop_all()


def try_it(project: Project) -> int:
    for service in ADDRESSES:
        network.publish(service, project.ports(service))
    start_keycloak(project)
    start("service", sys.executable, HERE / "service.py", ADDRESSES["service"])
    start_countersign()
    start_prometheus(project)
    print("Keycloak, Countersign and Prometheus run with the files of deploy/compose")

    shown, refused = answers()
    if "X-Auth-Client: demo" not in shown or "Authorization" in shown or refused != "401":
        raise Failed(f"the commands of the README show:\n{shown}\n{refused}")
    print("the commands of the README: with a token\n  " + shown.replace("\n", "\n  "))
    print(f"and without: {refused}")

    forwarded = 'countersign_requests_total{job="countersign",outcome="forwarded",route="service"}'
    wait_for(f"{forwarded} >= 1")
    rules = asked("rules")["groups"]
    print(f"Prometheus has scraped it, with {sum(len(group['rules']) for group in rules)} rules")
    return 0


def start(name: str, *argv, environment: dict | None = None) -> Process:
    cores = os.sched_getaffinity(0)
    return Process(list(argv), cores, WORK / f"{name}.log", environment)


def start_keycloak(project: Project):
    service, home = project.services["keycloak"], keycloak.install(project.version("keycloak"))
    environment = {**service["environment"], "JAVA_OPTS": keycloak.JAVA_OPTIONS}
    # Its addresses are the one thing that its container has of its own.
    argv = [home / "bin" / "kc.sh", *service["command"]]
    argv += [f"--http-host={ADDRESSES['keycloak']}", "--http-management-host=127.0.0.1"]
    process = start("keycloak", *argv, environment=environment)
    wait_until_healthy(process, project.health_command("keycloak"))


def wait_until_healthy(process: Process, command: list[str]):
    deadline = time.monotonic() + HEALTHY_SECONDS
    while subprocess.run(command, check=False, capture_output=True, timeout=10).returncode:
        process.check_alive()
        if time.monotonic() > deadline:
            raise Failed(f"not healthy after {HEALTHY_SECONDS} s; see {process.log}")
        time.sleep(0.5)


def start_countersign():
    address = ADDRESSES["countersign"]
    listen = {
        "COUNTERSIGN_SERVER__LISTEN": f"{address}:8080",
        "COUNTERSIGN_ADMIN__LISTEN": f"{address}:9901",
    }
    argv = [tools.countersign(), "run", "--config", COMPOSE / "countersign.toml"]
    # The published port leads there.
    wait_until_ready(9901, start("countersign", *argv, environment=listen))


def start_prometheus(project: Project):
    """With its folder as the volumes make it."""
    home = WORK / "prometheus"
    home.mkdir(exist_ok=True)
    for name, target in (("prometheus.yaml", "prometheus.yaml"), ("rules", "../prometheus")):
        (home / name).unlink(missing_ok=True)
        (home / name).symlink_to((COMPOSE / target).resolve())
    places = {"/etc/prometheus": home, "/prometheus": home / "data"}
    argv = [with_place(word, places) for word in project.services["prometheus"]["command"]]
    address = f"{ADDRESSES['prometheus']}:9090"
    process = start("prometheus", "prometheus", *argv, f"--web.listen-address={address}")
    wait_until_healthy(process, project.health_command("prometheus"))


def with_place(argument: str, places: dict[str, Path]) -> str:
    """A path of the container is another one here."""
    for inside, here in places.items():
        argument = argument.replace(f"={inside}", f"={here}")
    return argument


def answers() -> list[str]:
    """What the commands of the README show, in one shell."""
    marked = "\nprintf '\\0'\n".join(commands_to_try())
    shell = ["bash", "-euo", "pipefail", "-c", marked]
    done = subprocess.run(shell, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failed(f"the commands of the README fail: {done.stderr}")
    _token, shown, refused = done.stdout.split("\0")
    return [shown.strip(), refused.strip()]


def wait_for(query: str):
    deadline = time.monotonic() + SCRAPED_SECONDS
    while not asked("query", query=query)["result"]:
        if time.monotonic() > deadline:
            raise Failed(f"Prometheus has nothing for {query} after {SCRAPED_SECONDS} s")
        time.sleep(0.5)


def asked(path: str, **parameters) -> dict:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"http://localhost:9090/api/v1/{path}?{query}", timeout=10) as it:
        return json.load(it)["data"]
