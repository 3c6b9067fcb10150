"""What is rendered is a configuration that the program takes."""

import json
import os
import subprocess
from pathlib import PurePosixPath

from rendering import ROOT, of_kind

# What the chart does not render in ci/external-values.yaml.
EXTERNAL = ROOT / "config/sidecar.toml"


# The admin listener is reached by the kubelet; the NetworkPolicy says who else may look.
EXPECTED_WARNING = "admin.listen: 0.0.0.0:9901"


def test_the_configuration_holds(render, tmp_path):
    container = countersign(render)
    name = PurePosixPath(container["args"][-1]).name
    config_maps = [found for found in render if found["kind"] == "ConfigMap"]
    config = config_maps[0]["data"][name] if config_maps else EXTERNAL.read_text()
    file = tmp_path / name
    file.write_text(config)

    report = json.loads(check(file, container).stdout)
    assert report["mistakes"] == []
    [warning] = report["warnings"]
    assert warning.startswith(EXPECTED_WARNING)


def test_a_mistake_that_the_schema_can_not_see_is_found(renders, tmp_path):
    resources = renders["chart-default"]
    config = of_kind(resources, "ConfigMap")["data"]["countersign.yaml"]
    file = tmp_path / "countersign.yaml"
    file.write_text(config.replace("http://orders:3000", "ftp://orders"))
    assert check(file, countersign(resources)).returncode == 2


def countersign(resources):
    """The container that runs the program; of the first Deployment with one."""
    for resource in resources:
        if resource["kind"] == "Deployment":
            pod = resource["spec"]["template"]["spec"]
            for container in pod.get("initContainers", []) + pod["containers"]:
                if container["name"] == "countersign":
                    return container
    raise LookupError("no container runs the program")


def check(file, container):
    variables = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    program = os.environ["COUNTERSIGN"]
    return subprocess.run(
        [program, "check", "--no-files", "--json", "--config", file],
        check=False,
        env=variables,
        capture_output=True,
        text=True,
    )
