"""The program, its peers and Prometheus as processes."""

import os
import shutil
import signal
from pathlib import Path

from comparison import tools
from comparison.peers.peer import free_port, wait_for_port
from comparison.processes import Process
from k6.stage import wait_until_ready

from ..places import RULES, WORK
from .configuration import Ports, configuration
from .material import Material
from .peers import Provider, Service

# Some ten scrapes are in the window of a rate.
SCRAPE_INTERVAL = "500ms"
SCRAPES = """
global: {{ scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: 1s }}
rule_files: [{rules}]
scrape_configs:
  - job_name: countersign
    static_configs: [{{ targets: ["127.0.0.1:{admin}"] }}]
"""


class Scene:
    """Started by its constructor; `Process.stop_all` ends what is left of it."""

    def __init__(self, binary: Path):
        shutil.rmtree(WORK / "world", ignore_errors=True)
        self.home = WORK / "world"
        (self.home / "evidence").mkdir(parents=True)
        self.material = Material(binary, self.home)
        self.provider, self.service = Provider(self.material), Service()
        self.secure = Service((self.home / "service.crt", self.home / "service.key"))
        self.ports = self._ports()
        self.store = self._start_store()
        self.prometheus = f"http://127.0.0.1:{self._start_prometheus()}"
        self.config = self.home / "countersign.toml"
        self.config.write_text(configuration(self.ports))
        self.program = self._start(binary, "run", "--config", self.config)
        wait_until_ready(self.ports.admin, self.program)

    def _ports(self) -> Ports:
        chosen = {name: free_port() for name in ("listen", "admin", "edge", "redis", "dead")}
        peers = (self.provider.port, self.service.port, self.secure.port)
        return Ports(**chosen, **dict(zip(("provider", "service", "secure"), peers)))

    def _start(self, program: Path, *arguments) -> Process:
        log = self.home / f"{program.name}.log"
        return Process([program, *arguments], os.sched_getaffinity(0), log)

    def _start_store(self) -> Process:
        argv = ["--port", self.ports.redis, "--bind", "127.0.0.1", "--save", "", "--dir", self.home]
        store = self._start(tools.need("redis-server"), *argv)
        wait_for_port(self.ports.redis, store)
        return store

    def _start_prometheus(self) -> int:
        file, port = self.home / "prometheus.yml", free_port()
        rules = ", ".join(f'"{path}"' for path in RULES)
        admin = self.ports.admin
        file.write_text(SCRAPES.format(interval=SCRAPE_INTERVAL, rules=rules, admin=admin))
        argv = [f"--config.file={file}", f"--storage.tsdb.path={self.home / 'tsdb'}"]
        program = tools.need("prometheus")
        prometheus = self._start(program, *argv, f"--web.listen-address=127.0.0.1:{port}")
        wait_for_port(port, prometheus)
        return port

    def reload(self, text: str):
        self.config.write_text(text)
        os.kill(self.program.pid, signal.SIGHUP)
