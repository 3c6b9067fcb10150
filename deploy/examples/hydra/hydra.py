"""A real Ory Hydra, with its database in memory, and what a client says to it."""

import os
import pathlib
import secrets
import subprocess

from lib.client import post_form, post_json
from lib.countersign import REPOSITORY
from lib.process import Process, on_free_ports

HERE = pathlib.Path(__file__).parent


def program():
    """`$HYDRA_PROGRAM`, or the one that is built below target/, once."""
    if named := os.environ.get("HYDRA_PROGRAM"):
        return named
    build = REPOSITORY / "tests/processes/hydra/build"
    print("      Building Hydra takes some minutes, if it is not there yet.", flush=True)
    return subprocess.run([build], stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def start(folder):
    return on_free_ports(2, lambda public, admin: Hydra(folder, public, admin))


class Hydra(Process):
    def __init__(self, folder, public, admin):
        self.url, self.admin_url = f"http://127.0.0.1:{public}", f"http://127.0.0.1:{admin}"
        environment = {
            "DSN": "memory", "SQA_OPT_OUT": "true", "URLS_SELF_ISSUER": self.url,
            "SERVE_PUBLIC_PORT": str(public), "SERVE_ADMIN_PORT": str(admin),
            "SECRETS_SYSTEM": secrets.token_urlsafe(32),
        }
        line = [program(), "serve", "all", "--dev", "--config", str(HERE / "hydra.yml")]
        super().__init__("Hydra", line, environment, folder / "hydra.log")
        with self.stopped_on_failure():
            self.wait_until_answering(f"{self.url}/health/ready")

    def register(self, client_id, audience, scope):
        client = Client(self, client_id, secrets.token_urlsafe(24), audience, scope)
        post_json(f"{self.admin_url}/admin/clients", {
            "client_id": client_id, "client_secret": client.secret,
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["client_credentials"], "scope": scope, "audience": [audience],
        }).expecting(201)
        return client


class Client:
    def __init__(self, hydra, client_id, secret, audience, scope):
        self._hydra, self._client_id, self.secret = hydra, client_id, secret
        self._audience, self._scope = audience, scope

    def token(self, scope=None):
        response = self._post("/oauth2/token", grant_type="client_credentials",
                              scope=scope or self._scope, audience=self._audience)
        return response.json()["access_token"]

    def revoke(self, token):
        self._post("/oauth2/revoke", token=token)

    def _post(self, path, **fields):
        credentials = {"client_id": self._client_id, "client_secret": self.secret}
        return post_form(self._hydra.url + path, {**credentials, **fields}).expecting(200)
