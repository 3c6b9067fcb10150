"""Who takes part: makes the peers of a contest, leaves out those that are not installed and says
so once."""

from pathlib import Path

from . import tools
from .certificate import Certificate
from .material import Key
from .peers.countersign import Countersign
from .peers.envoy import Envoy
from .peers.haproxy import HAProxy
from .peers.nginx import NginxPlain
from .peers.peer import Peer, Stage


class Field:
    """Names and makes peers. `skipped` fills with those that could not take part, and why."""

    def __init__(self, binary: Path, upstream_port: int, certificate: Certificate | None = None):
        self._binary = binary
        self._upstream_port = upstream_port
        # With one, every peer speaks TLS to the upstream and verifies it.
        self._certificate = certificate
        self.skipped: dict[str, str] = {}

    def nginx(self) -> Peer:
        return NginxPlain("nginx plain", self._stage())

    def nginx_http2(self) -> Peer:
        return NginxPlain("nginx plain, HTTP/2", self._stage(), http2=True)

    def haproxy(self) -> Peer:
        return HAProxy("haproxy plain", self._stage())

    def haproxy_jwt(self, key: Key) -> Peer:
        return HAProxy("haproxy jwt_verify", self._stage(key), verifies=True)

    def envoy(self) -> Peer:
        return Envoy("envoy plain", self._stage())

    def envoy_jwt(self, key: Key) -> Peer:
        return Envoy("envoy jwt_authn", self._stage(key), verifies=True)

    def envoy_jwt_cache(self, key: Key) -> Peer:
        return Envoy("envoy jwt_authn + cache", self._stage(key), verifies=True, caches=True)

    def public(self) -> Countersign:
        return self._countersign("countersign public", None)

    def warm(self, key: Key, name: str = "countersign warm", **settings) -> Countersign:
        return self._countersign(name, key, **settings)

    def cold(self, key: Key) -> Countersign:
        return self._countersign("countersign cold", key, cache_entries=0)

    def asking(self, url: str, name: str) -> Countersign:
        """Asks the endpoint there about every token."""
        stage = self._stage()
        return Countersign(
            name, stage, verifies=True, binary=self._binary, introspection_url=url
        )

    def present(self, peers: list[Peer]) -> list[Peer]:
        """Those whose program is there."""
        there = []
        for peer in peers:
            if not peer.program or tools.find(peer.program):
                there.append(peer)
            else:
                hint = tools.HINTS[peer.program]
                self.skipped[peer.name] = f"{peer.program} is not installed ({hint})"
        return there

    def _countersign(self, name: str, key: Key | None, **settings) -> Countersign:
        stage = self._stage(key)
        return Countersign(name, stage, verifies=key is not None, binary=self._binary, **settings)

    def _stage(self, key: Key | None = None) -> Stage:
        return Stage(self._upstream_port, key, self._certificate)
