"""Countersign: everything at its defaults, but for what a scenario is about."""

import http.client
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ..certificate import NAME
from ..material import AUDIENCE, CLAIM_HEADERS, issuer_name
from ..processes import Failed, Process
from .peer import LOOPBACK, READY_SECONDS, Peer, free_port

# Above the 10,000 idle connections of one measurement.
_CONNECTIONS = 12_000

# At the end of a turn no client is left to be drained.
_FRAME = """
[server]
listen = "{loopback}:{port}"
workers = {workers}
shutdown_grace = "0s"
drain_timeout = "0s"
limits.connections = {connections}
limits.idle_timeout = "10m"

[admin]
listen = "{loopback}:{admin_port}"

[upstreams.app]
url = "{scheme}://{loopback}:{upstream}"
{tls}
[cache]
{cache}

[claims]
{claims}
"""

_TLS = """
[upstreams.app.tls]
ca_file = "{file}"
server_name = "{name}"
"""

_ISSUER = """
[issuers.idp{index}]
issuer = "{name}"
audiences = ["{audience}"]
algorithms = ["{algorithm}"]
keys.jwks_file = "{jwks}"
"""


_ASKED_ISSUER = """
[issuers.idp]
issuer = "{name}"
audiences = ["{audience}"]

[issuers.idp.introspection]
when = "only"
url = "{url}"
auth = "none"
client_id = "load"
cache_ttl = "1h"
"""


_SIGNED = """
[signatures.load]
signer = {{ fixed = "load" }}
caller = "unrelated"
algorithms = ["{algorithm}"]
keys.jwks_file = "{jwks}"

[[routes]]
path = "{path}"
signature = "load"
"""

_EVIDENCE = """
[evidence]
folder = "{folder}"
key_file = "{key}"
claims = ["sub"]
"""


@dataclass
class Countersign(Peer):
    binary: Path = Path()
    workers: int = 1
    # None: the default.
    cache_entries: int | None = None
    issuers: int = 1
    # More than one: as many paths, /r0/** to /rN/**, beside the one for everything else.
    routes: int = 1
    # Where to ask about tokens; then none is verified by its signature.
    introspection_url: str | None = None
    # The path whose bodies are signed with the key of the tokens.
    signs: str | None = None
    # Whether the proof of it is kept.
    proves: bool = False
    # How long lines of the proof wait for others. None: the default.
    gathers: str | None = None

    def __post_init__(self):
        super().__post_init__()
        self.admin_port = free_port()

    def start(self, cores: set) -> Process:
        process = Process(self.command(), cores, self.home / "log")
        try:
            self.wait_until_ready(process)
        except BaseException:
            process.stop()
            raise
        return process

    def wait_until_ready(self, process: Process):
        """Until it has the keys of all its issuers."""
        while not self._is_ready():
            process.check_alive()
            if time.monotonic() - process.started_at > READY_SECONDS:
                raise Failed(f"{self.name} is not ready after {READY_SECONDS} s")
            time.sleep(0.001)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.admin_port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def command(self) -> list:
        return [self.binary, "run", "--config", self.write("countersign.toml", self._config())]

    def _config(self) -> str:
        claims = "\n".join(f'"{header}" = "{claim}"' for header, claim in CLAIM_HEADERS.items())
        cache = "" if self.cache_entries is None else f"entries = {self.cache_entries}"
        frame = _FRAME.format(
            loopback=LOOPBACK,
            port=self.port,
            admin_port=self.admin_port,
            connections=_CONNECTIONS,
            workers=self.workers,
            scheme="https" if self.stage.upstream_certificate else "http",
            upstream=self.stage.upstream_port,
            tls=self._tls(),
            cache=cache,
            claims=claims,
        )
        return frame + self._issuers() + self._evidence() + self._routes() + self._signed()

    def _tls(self) -> str:
        certificate = self.stage.upstream_certificate
        if certificate is None:
            return ""
        return _TLS.format(name=NAME, file=certificate.certificate)

    def _issuers(self) -> str:
        if self.introspection_url:
            return _ASKED_ISSUER.format(
                name=issuer_name(0), audience=AUDIENCE, url=self.introspection_url
            )
        if not self.verifies:
            return ""
        return "".join(
            _ISSUER.format(
                index=i,
                name=issuer_name(i),
                audience=AUDIENCE,
                algorithm=self.stage.key.algorithm,
                jwks=self.stage.key.jwks,
            )
            for i in range(self.issuers)
        )

    def _signed(self) -> str:
        if self.signs is None:
            return ""
        key = self.stage.key
        return _SIGNED.format(algorithm=key.algorithm, jwks=key.jwks, path=self.signs)

    def _evidence(self) -> str:
        if not self.proves:
            return ""
        folder = self.home / "journal"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        gather = "" if self.gathers is None else f'gather = "{self.gathers}"\n'
        return _EVIDENCE.format(folder=folder, key=self.stage.key.private) + gather

    def _routes(self) -> str:
        access = "" if self.verifies else 'access = "public"\n'
        paths = ["/**"] + [f"/r{i}/**" for i in range(self.routes - 1)]
        return "".join(f'\n[[routes]]\npath = "{path}"\n{access}' for path in paths)
