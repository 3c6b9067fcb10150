"""What is rendered is what Kubernetes takes."""

import kubernetes_validate
import pytest

from rendering import WORK, documents, of_kind

# The first one with everything that is used, and the newest one that there are schemas of.
VERSIONS = ["1.30", "1.37"]
# Of the Prometheus operator. deploy/tests/policy decodes them into the operator's own types.
CUSTOM = {"PodMonitor", "PrometheusRule"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_is_valid(render, version):
    assert render
    validate(render, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_pod_of_helm_test_is_valid(renders, version):
    files = list(WORK.glob("hooks/*.yaml"))
    assert files
    for file in files:
        validate(documents(file.read_text()), version)


def validate(resources, version):
    for resource in resources:
        if resource["kind"] not in CUSTOM:
            kubernetes_validate.validate(resource, version, strict=True)


def test_selectors_find_the_pods(render):
    labels = {}
    for resource in render:
        if resource["kind"] == "Deployment":
            template = resource["spec"]["template"]["metadata"]["labels"]
            assert resource["spec"]["selector"]["matchLabels"].items() <= template.items()
            labels |= template
    for resource in render:
        assert selector(resource).items() <= labels.items(), resource["kind"]


def selector(resource):
    spec = resource.get("spec", {})
    match resource["kind"]:
        case "Service":
            return spec["selector"]
        case "NetworkPolicy":
            return spec["podSelector"]["matchLabels"]
        case "PodDisruptionBudget" | "PodMonitor":
            return spec["selector"]["matchLabels"]
    return {}


def test_an_assigned_user_is_not_contradicted(renders):
    deployment = of_kind(renders["chart-assigned-user"], "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for context in [pod["securityContext"], pod["containers"][0]["securityContext"]]:
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & context.keys()


def test_the_program_is_reached_where_it_listens(chart_render):
    deployment = of_kind(chart_render, "Deployment")["spec"]["template"]["spec"]
    containers = deployment.get("initContainers", deployment["containers"])
    ports = {port["name"]: port["containerPort"] for port in containers[0]["ports"]}
    listen = {variable["name"]: variable.get("value") for variable in containers[0]["env"]}
    assert listen["COUNTERSIGN_SERVER__LISTEN"] == f"0.0.0.0:{ports['http']}"
    assert listen["COUNTERSIGN_ADMIN__LISTEN"] == f"0.0.0.0:{ports['admin']}"

    service = of_kind(chart_render, "Service")["spec"]["ports"]
    targets = {port["name"]: port["targetPort"] for port in service}
    assert targets == {name: port for name, port in ports.items() if name != "admin"}
