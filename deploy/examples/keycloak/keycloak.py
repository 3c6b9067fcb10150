"""A real Keycloak: one that runs already, or the distribution that Maven fetches."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import subprocess

from lib.client import bearer, post_form, post_json, send
from lib.countersign import REPOSITORY
from lib.process import Process, ProcessError, on_free_ports

HERE = pathlib.Path(__file__).parent
# As little memory as it gets by with; the first start takes 40 s, later ones 10 s.
JAVA_OPTIONS = "-Xms64m -Xmx256m -XX:MaxMetaspaceSize=200m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"


def running(folder):
    """The Keycloak at `$KEYCLOAK_URL`, or one that is started now; stopped with its `with`."""
    if url := os.environ.get("KEYCLOAK_URL"):
        user = os.environ.get("KEYCLOAK_ADMIN", "admin")
        return contextlib.nullcontext(Keycloak(url, user, os.environ["KEYCLOAK_ADMIN_PASSWORD"]))
    home = distribution()
    return on_free_ports(2, lambda http, management: Started(home, folder, http, management))


class Keycloak:
    """What its administrator and its clients say to it."""

    def __init__(self, url, administrator, password):
        self.url, self._administrator, self._password = url, administrator, password

    def as_administrator(self):
        return bearer(self.token("master", "admin-cli", self._administrator, self._password))

    def token(self, realm, client_id, username, password, kind="access_token"):
        response = post_form(f"{self.url}/realms/{realm}/protocol/openid-connect/token", {
            "grant_type": "password", "client_id": client_id, "username": username,
            "password": password, "scope": "openid"})
        return response.expecting(200).json()[kind]

    def create_realm(self, file):
        return Realm(self, json.loads(file.read_text()))


class Realm:
    """A realm of an example's own, which is deleted with its `with`. Its users' password is new."""

    def __init__(self, keycloak, description):
        self._keycloak, self.name = keycloak, description["realm"]
        self._password = secrets.token_urlsafe(16)
        for user in description["users"]:
            user["credentials"] = [{"type": "password", "value": self._password}]
        self._description = description
        self.url = f"{keycloak.url}/realms/{self.name}"

    def __enter__(self):
        post_json(f"{self._keycloak.url}/admin/realms", self._description,
                  self._keycloak.as_administrator()).expecting(201)
        return self

    def __exit__(self, *_):
        send("DELETE", f"{self._keycloak.url}/admin/realms/{self.name}",
             self._keycloak.as_administrator())

    def token(self, user, client="web", kind="access_token"):
        return self._keycloak.token(self.name, client, user, self._password, kind)


class Started(Process, Keycloak):
    def __init__(self, home, folder, http, management):
        password = secrets.token_urlsafe(24)
        environment = {**os.environ, "JAVA_OPTS": JAVA_OPTIONS,
                       "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
                       "KC_BOOTSTRAP_ADMIN_PASSWORD": password}
        line = [str(home / "bin/kc.sh"), "start-dev", "--db=dev-mem", "--cache=local",
                "--http-host=127.0.0.1", f"--http-port={http}",
                "--http-management-host=127.0.0.1", f"--http-management-port={management}"]
        Process.__init__(self, "Keycloak", line, environment, folder / "keycloak.log")
        Keycloak.__init__(self, f"http://127.0.0.1:{http}", "admin", password)
        with self.stopped_on_failure():
            self.wait_until_answering(f"{self.url}/realms/master")


def distribution():
    """Where Keycloak is unpacked: once, below target/, by Maven."""
    version = pinned_version()
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "examples"
    home = folder / f"keycloak-{version}"
    if not home.exists():
        print(f"      Fetching Keycloak {version} by Maven, 180 MB, if it is not there yet.")
        unpack(version, home)
    return home


def unpack(version, home):
    folder = home.parent
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"
    artifact = f"org.keycloak:keycloak-quarkus-dist:{version}:zip"
    unpacked = folder / "unpacking"
    unpacked.mkdir(parents=True, exist_ok=True)
    line = ["mvn", "--quiet", "--batch-mode", "--strict-checksums", goal,
            f"-Dartifact={artifact}", f"-DoutputDirectory={unpacked}"]
    try:
        subprocess.run(line, cwd=folder, check=True)
        (unpacked / home.name).rename(home)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ProcessError(f"There is no Keycloak {version}: {error}. It needs Maven and Java 17; "
                           "or set KEYCLOAK_URL and KEYCLOAK_ADMIN_PASSWORD of a running one."
                           ) from None


def pinned_version():
    """That of the project's tests."""
    source = (REPOSITORY / "tests/processes/keycloak/install.rs").read_text()
    return re.search(r'^const VERSION: &str = "(.*)";$', source, re.MULTILINE)[1]
