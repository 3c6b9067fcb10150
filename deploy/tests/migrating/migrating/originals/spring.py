"""A Spring Boot application that is a resource server itself. It stands for the service as well."""

import os
import shutil
from pathlib import Path

from comparison.processes import run
from comparison.tools import need

from ..places import DOCUMENTS, HERE
from .original import Original

_APPLICATION = HERE / "spring"
# The first time, Maven fetches what it needs.
_BUILD_SECONDS = 300


class Spring(Original):
    def command(self) -> list:
        moved = {
            "server.port": self.port,
            "spring.security.oauth2.resourceserver.jwt.jwk-set-uri": self.stage.jwks_url,
        }
        java = [need("java"), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", self._built()]
        return java + [f"--{name}={value}" for name, value in moved.items()]

    def _built(self) -> Path:
        """The application with the security configuration that the document shows."""
        source = self.home / "source"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(_APPLICATION, source)
        shutil.copy(self._document.file("Security.java"), source / "src/main/java/example")
        maven = [need("mvn"), "--quiet", "--batch-mode", "--file", source / "pom.xml", "package"]
        settings = [f"-Dmigrating={DOCUMENTS / 'spring'}", f"-Dbuild.folder={self.home / 'built'}"]
        run([*maven, *settings], os.sched_getaffinity(0), timeout=_BUILD_SECONDS)
        return self.home / "built" / "orders.jar"
