"""Apache with mod_auth_openidc as a resource server."""

import os
from pathlib import Path

from comparison.tools import Missing, need

from .original import Original

_MODULES = Path("/usr/lib/apache2/modules")
_MODULE = _MODULES / "mod_auth_openidc.so"

_ACCEPT_CERTIFICATE = "OIDCOAuthSSLValidateServer Off\n"


class ModAuthOpenidc(Original):
    identity_headers = ["oidc-claim-sub", "oidc-claim-scope"]

    def command(self) -> list:
        if not _MODULE.exists():
            raise Missing(
                f"{_MODULE} is not there (apt-get install libapache2-mod-auth-openidc)"
            )
        config = self.configured("httpd.conf", {
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "127.0.0.1:3000": f"127.0.0.1:{self.stage.service_port}",
            "https://idp.example.com/jwks": self.stage.jwks_url_over_tls,
            " modules/": f" {_MODULES}/",
        })
        # Apache refuses to serve as root.
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        config.write_text(self._global() + user + config.read_text() + _ACCEPT_CERTIFICATE)
        return [need("apache2"), "-d", self.home, "-f", config, "-D", "FOREGROUND"]

    def _global(self) -> str:
        """Where an ordinary user may write, and nothing else than the one configuration."""
        return (
            f"ServerName localhost\nPidFile {self.home}/pid\nDefaultRuntimeDir {self.home}\n"
            f"ErrorLog {self.home}/error.log\n"
        )
