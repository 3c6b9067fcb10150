"""compose.yaml as Compose reads it, and the commands of the README beside it."""

import json
import re
import subprocess

from comparison.processes import Failed

from .places import COMPOSE, HERE, WORK


class Project:
    """What the loader has read. It ends the run if it finds a fault."""

    def __init__(self, secret: str):
        loader = WORK / "load"
        build = ["go", "build", "-o", loader, "."]
        subprocess.run(build, cwd=HERE / "load", check=True, timeout=300)
        file = COMPOSE / "compose.yaml"
        argv, environment = [loader, file], {"DEMO_SECRET": secret}
        done = subprocess.run(
            argv, env=environment, check=False, capture_output=True, text=True, timeout=30
        )
        if done.returncode:
            raise Failed(done.stderr)
        self.services = json.loads(done.stdout)["services"]

    def ports(self, service: str) -> dict[int, int]:
        """Port of the service -> where it is published."""
        ports = self.services[service].get("ports", [])
        return {port["target"]: int(port["published"]) for port in ports}

    def version(self, service: str) -> str:
        return self.services[service]["image"].rpartition(":")[2]

    def health_command(self, service: str) -> list[str]:
        kind, *command = self.services[service]["healthcheck"]["test"]
        return ["bash", "-c", *command] if kind == "CMD-SHELL" else command


def commands_to_try() -> list[str]:
    """A token, a request with it, and one without."""
    text = (COMPOSE / "README.md").read_text()
    section = text.partition("## Try it")[2]
    return re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)[:3]
