"""What is rendered is a configuration that the program takes, with the memory that it may take."""

import json
import os
import subprocess
from pathlib import PurePosixPath

import pytest

from rendering import CHART, ROOT, documents, of_kind, read_values, render_chart

# What the chart does not render in ci/external-values.yaml.
EXTERNAL = ROOT / "config/sidecar.toml"
# The admin listener is reached by the kubelet; the NetworkPolicy says who else may look.
EXPECTED_WARNING = "admin.listen: 0.0.0.0:9901"
# What the kernel keeps for sockets counts, too, and is no part of the program's sum: an eighth more
# than that is for it, as docs/operations.md says.
LARGEST_SHARE = 8 / 9


def test_the_configuration_holds(render, tmp_path):
    report = json.loads(check(render, tmp_path).stdout)
    assert report["mistakes"] == []
    [warning] = report["warnings"]
    assert warning.startswith(EXPECTED_WARNING)


def test_the_memory_limit_has_room_for_what_the_settings_allow(render, tmp_path):
    resources = json.loads(check(render, tmp_path).stdout)["resources"]
    assert resources["warnings"] == []
    assert resources["memory_bytes"] <= LARGEST_SHARE * resources["memory_limit_bytes"]


@pytest.mark.parametrize(
    "change",
    [
        {"resources": {"limits": {"memory": "192Mi"}}},
        {"config": {"server": {"limits": {"memory": "192MiB"}}}},
    ],
    ids=["the limit is lowered", "the settings are raised"],
)
def test_a_memory_limit_below_the_settings_is_found(change, tmp_path):
    values = read_values(CHART / "ci/default-values.yaml")
    values["config"] |= change.pop("config", {})
    resources = documents("---\n".join(render_chart(values | change).values()))
    [warning] = json.loads(check(resources, tmp_path).stdout)["resources"]["warnings"]
    assert warning.startswith("server.limits: the process may take ")


def test_a_mistake_that_the_schema_can_not_see_is_found(renders, tmp_path):
    resources = renders["chart-default"]
    mistaken = json.loads(json.dumps(resources).replace("http://orders:3000", "ftp://orders"))
    assert check(mistaken, tmp_path).returncode == 2


def check(resources, directory):
    """`countersign check` of the configuration, with the variables and the limit of the pod."""
    container = countersign(resources)
    file = directory / PurePosixPath(container["args"][-1]).name
    file.write_text(configuration(resources, file.name))
    variables = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    limit = container["resources"]["limits"]["memory"]
    arguments = ["--no-files", "--json", "--resources", "--memory-limit", limit, "--config", file]
    return subprocess.run(
        [os.environ["COUNTERSIGN"], "check", *arguments],
        check=False,
        env=variables,
        capture_output=True,
        text=True,
    )


def configuration(resources, key):
    if any(found["kind"] == "ConfigMap" for found in resources):
        return of_kind(resources, "ConfigMap")["data"][key]
    return EXTERNAL.read_text()


def countersign(resources):
    """The container that runs the program; of the first Deployment with one."""
    for resource in resources:
        if resource["kind"] == "Deployment":
            pod = resource["spec"]["template"]["spec"]
            for container in pod.get("initContainers", []) + pod["containers"]:
                if container["name"] == "countersign":
                    return container
    raise LookupError("no container runs the program")
