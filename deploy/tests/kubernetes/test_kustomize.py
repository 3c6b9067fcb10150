"""The component puts the sidecar of deploy/kubernetes/sidecar.yaml into any Deployment."""

from kustomizations import DIRECTORIES, sidecar_file
from rendering import of_kind


def test_the_component_makes_the_plain_file_of_its_app(renders):
    made, plain = renders["kustomize-orders"], sidecar_file()
    of_kind(made, "ConfigMap")["metadata"] = of_kind(plain, "ConfigMap")["metadata"]
    volumes = of_kind(made, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"].startswith("countersign-")
    volumes[0]["configMap"]["name"] = "orders-countersign"
    assert by_name(made) == by_name(plain)


def by_name(resources):
    return {(found["kind"], found["metadata"]["name"]): found for found in resources}


def test_what_an_app_has_stays(renders):
    resources = by_name(renders["kustomize-reports"])
    pod = resources["Deployment", "reports"]["spec"]["template"]["spec"]
    # The sidecar first: from then on it runs beside the others.
    assert [found["name"] for found in pod["initContainers"]] == ["countersign", "migrate"]
    assert [found["name"] for found in pod["containers"]] == ["reports", "exporter"]
    volumes = ["countersign-config", "countersign-keys", "countersign-control", "work"]
    assert [found["name"] for found in pod["volumes"]] == volumes
    assert pod["terminationGracePeriodSeconds"] == 90
    assert pod["initContainers"][0]["image"] == "registry.example.com/countersign:0.2.0"


def test_an_app_that_does_not_want_it_stays_alone(renders):
    worker = by_name(renders["kustomize-reports"])["Deployment", "reports-worker"]
    pod = worker["spec"]["template"]["spec"]
    assert pod == {
        "containers": [
            {"name": "worker", "image": "registry.example.com/reports:2.0.0", "args": ["work"]}
        ]
    }


def test_an_overlay_replaces_the_configuration_of_the_base(renders):
    resources = renders["kustomize-gateway"]
    config = of_kind(resources, "ConfigMap")
    deployment = of_kind(resources, "Deployment")
    assert config["data"].keys() == {"countersign.toml"}
    assert "upstreams.reports" in config["data"]["countersign.toml"]
    [volume] = [
        volume
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if volume["name"] == "countersign-config"
    ]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    assert deployment["spec"]["replicas"] == 3


def test_another_configuration_is_another_config_map(renders):
    """So that two apps of one namespace do not share one by accident."""
    names = {
        of_kind(renders[f"kustomize-{name}"], "ConfigMap")["metadata"]["name"]
        for name in DIRECTORIES
    }
    assert len(names) == len(DIRECTORIES)
