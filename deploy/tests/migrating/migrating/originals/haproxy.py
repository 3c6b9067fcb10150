"""HAProxy with its converters for tokens, and with the provider's keys as PEM files."""

import json
import urllib.request
from pathlib import Path

from comparison.tools import need
from joserfc.jwk import KeySet

from .original import Original


class HAProxy(Original):
    def command(self) -> list:
        with urllib.request.urlopen(self.stage.jwks_url, timeout=5) as response:
            keys = KeySet.import_key_set(json.load(response))
        config = self.configured("haproxy.cfg", {
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "127.0.0.1:3000": f"127.0.0.1:{self.stage.service_port}",
            "/etc/haproxy/rsa.pem": str(self._pem(keys, "rsa-1")),
            "/etc/haproxy/ec.pem": str(self._pem(keys, "ec-1")),
        })
        return [need("haproxy"), "-db", "-f", config]

    def _pem(self, keys: KeySet, kid: str) -> Path:
        path = self.home / f"{kid}.pem"
        path.write_bytes(keys.get_by_kid(kid).as_pem(private=False))
        return path
