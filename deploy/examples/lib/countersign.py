"""The program `countersign`: a running gateway, and the commands that make keys and tokens."""

import json
import os
import pathlib
import shutil
import string
import subprocess

from .process import Process, ProcessError

LOG_SECONDS = 5  # Until the line of a request is in the log; usually at once.
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def program():
    """`$COUNTERSIGN`, the newest build of this repository, or the one in `PATH`."""
    if named := os.environ.get("COUNTERSIGN"):
        return named
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    builds = [target / "countersign", target / "release/countersign", target / "debug/countersign"]
    built = [build for build in builds if build.exists()]
    if built:
        return str(max(built, key=lambda build: build.stat().st_mtime))
    if found := shutil.which("countersign"):
        return found
    raise SystemExit("There is no countersign: run `cargo build`, or set COUNTERSIGN to its path.")


def command(*arguments, stdin=b""):
    """Runs one command of the program; its standard output."""
    return run(*arguments, stdin=stdin).stdout.decode().strip()


def run(*arguments, stdin=b"", check=True):
    line = [program(), *map(str, arguments)]
    errors = None if check else subprocess.DEVNULL
    return subprocess.run(line, input=stdin, stdout=subprocess.PIPE, stderr=errors, check=check)


def write_secret(file, text):
    """For its owner only, as `countersign check` wishes."""
    file.touch(mode=0o600)
    file.write_text(text)


class Key:
    """A key pair, made by `countersign keygen`."""

    def __init__(self, folder, algorithm, kid):
        run("keygen", "--alg", algorithm, "--kid", kid, "--out", folder)
        self.private_file = folder / "private.jwk"
        self.jwks_file = folder / "jwks.json"

    def jwks(self):
        return json.loads(self.jwks_file.read_text())

    def jwk(self):
        return self.jwks()["keys"][0]

    def mint(self, claims, header=None, lifetime="10m"):
        """A token with these claims, `iat` and `exp`."""
        options = ["--expires-in", lifetime]
        for flag, members in (("--claim", claims), ("--header", header or {})):
            for name, value in members.items():
                options += [flag, f"{name}={json.dumps(value)}"]
        return command("mint", "--key", self.private_file, *options)

    def sign(self, body, dialect):
        """A detached JWS over a body."""
        return command("sign", "--key", self.private_file, "--dialect", dialect, "-", stdin=body)


class Gateway(Process):
    """A running Countersign: its configuration file, and what a file of variables changes of it."""

    def __init__(self, name, config, variables, values, log_file):
        """`values` stand for the `${NAME}` of both files."""
        environment = {
            **{name: str(value) for name, value in values.items()},
            "COUNTERSIGN_SERVER__LISTEN": "127.0.0.1:0",
            "COUNTERSIGN_ADMIN__LISTEN": "127.0.0.1:0",
            "COUNTERSIGN_SERVER__SHUTDOWN_GRACE": "0s",
            "COUNTERSIGN_LOG__FORMAT": "json",
            **(read_variables(variables, values) if variables else {}),
        }
        line = [program(), "run", "--config", str(config)]
        super().__init__(name, line, environment, log_file)
        with self.stopped_on_failure():
            listen, admin = self.wait_for_line(addresses)
            self.url, self.admin_url = f"http://{listen}", f"http://{admin}"
            self.wait_until_answering(f"{self.admin_url}/readyz")

    def reason(self, response):
        """Why this response is a refusal: the reason in the log line of its request."""
        request_id = response["x-request-id"]
        try:
            return self.wait_for_line(lambda line: reason_of(line, request_id), LOG_SECONDS)
        except ProcessError:
            return "(no reason)"


def read_variables(file, values):
    """The lines `NAME=VALUE` of a file, `${NAME}` in them replaced."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    known = {name: str(value) for name, value in values.items()}
    return dict(string.Template(line).substitute(known).split("=", 1) for line in lines)


def addresses(line):
    fields = parsed(line)
    return (fields["listen"], fields["admin"]) if {"listen", "admin"} <= fields.keys() else None


def reason_of(line, request_id):
    fields = parsed(line)
    return fields.get("reason") if request_id and fields.get("id") == request_id else None


def parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return {}
