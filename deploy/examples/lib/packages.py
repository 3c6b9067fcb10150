"""A Python with packages of PyPI, for the few examples that need some."""

import os
import pathlib
import subprocess
import sys

from .countersign import REPOSITORY
from .process import ProcessError

# Which version of each package: those that the project's tests use.
VERSIONS = REPOSITORY / "tests/signers/requirements.txt"


def python_with(*packages):
    """`$EXAMPLES_PYTHON`, or an environment below target/ that has these packages."""
    if named := os.environ.get("EXAMPLES_PYTHON"):
        return named
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    folder = target / "examples/python"
    python = folder / "bin/python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--constraint", VERSIONS, *packages], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ProcessError(f"There are no {', '.join(packages)} for Python: {error}") from None
    return str(python)
