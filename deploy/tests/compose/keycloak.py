"""Keycloak's distribution, of the version of the image."""

import shutil
import subprocess
from pathlib import Path

from .places import COMPOSE, WORK

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"
# As little memory as it gets by with.
JAVA_OPTIONS = "-Xms64m -Xmx256m -XX:MaxMetaspaceSize=200m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"


def install(version: str) -> Path:
    """Unpacked once, with the realm that is to be imported."""
    home = WORK / f"keycloak-{version}"
    if not (home / "bin" / "kc.sh").exists():
        artifact = f"org.keycloak:keycloak-quarkus-dist:{version}:zip"
        maven = ["mvn", "--quiet", "--batch-mode", "--strict-checksums", PLUGIN]
        maven += [f"-Dartifact={artifact}", f"-DoutputDirectory={WORK}"]
        subprocess.run(maven, check=True, cwd=WORK, timeout=600)
    # What an earlier run has imported would stay.
    shutil.rmtree(home / "data", ignore_errors=True)
    (home / "data" / "import").mkdir(parents=True)
    shutil.copy(COMPOSE / "keycloak" / "realm.json", home / "data" / "import")
    return home
