"""The chart itself: lint, what it refuses, and how it relates to the plain sidecar."""

import helm_python as helm
import pytest
import yaml

from kustomizations import sidecar_file
from rendering import (
    CHART,
    DEPLOY,
    DIGEST,
    documents,
    of_kind,
    read_values,
    render_chart,
    values_files,
)


@pytest.mark.parametrize("path", values_files(), ids=lambda path: path.name)
def test_lint_finds_nothing(path):
    report = helm.lint(CHART, read_values(path), strict=True)
    informative = 1
    assert report["total_charts_linted"] == 1
    assert report["errors"] == []
    assert [found for found in report["messages"] if found["severity"] > informative] == []


REFUSED = {
    "a typo in a value": (
        {"replica": 3},
        "additional properties 'replica' not allowed",
    ),
    "a typo in the configuration": (
        {"config": {"issuers": {"idp": {"audience": "https://orders.example.com"}}}},
        "at '/config/issuers/idp': additional properties 'audience' not allowed",
    ),
    "a setting of another type": (
        {"config": {"server": {"workers": "many"}}},
        "at '/config/server/workers': got string, want integer",
    ),
    "a mode that there is not": (
        {"mode": "daemon"},
        "at '/mode': value must be one of 'gateway', 'sidecar'",
    ),
    "a sidecar of nothing": (
        {"mode": "sidecar"},
        "at '/app/container': missing property 'image'",
    ),
    "a port beyond all": (
        {"listen": {"port": 99999}},
        "at '/listen/port': maximum: got 99,999, want 65,535",
    ),
    "a further port with the name of another": (
        {"listen": {"extraPorts": {"admin": 9000}}},
        "invalid propertyName 'admin'",
    ),
    "a digest that is a tag": (
        {"image": {"digest": "latest"}},
        "at '/image/digest': 'latest' does not match pattern",
    ),
    "no issuer": (
        {"config": {"issuers": {}}},
        "config.issuers is empty",
    ),
    "an address in two places": (
        {"config": {"server": {"listen": "0.0.0.0:80"}}},
        "config.server.listen has no effect: set listen.port",
    ),
    "two configurations": (
        {"existingConfig": {"configMap": "a", "secret": "b"}},
        "existingConfig: name a configMap or a secret, not both",
    ),
    "a configuration that is not used": (
        {"existingConfig": {"configMap": "a"}},
        "config.upstreams has no effect: existingConfig takes the place of config",
    ),
    "a limit of what there is not": (
        {"resources": {"limits": {"memroy": "1Gi"}}},
        "at '/resources/limits': additional properties 'memroy' not allowed",
    ),
    "autoscaling by a share of nothing": (
        {"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}},
        "autoscaling follows the share of resources.requests.cpu that is used: set it",
    ),
}


@pytest.mark.parametrize("values, message", REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_refused(values, message):
    default = read_values(CHART / "ci/default-values.yaml")
    with pytest.raises(helm.HelmError) as refused:
        render_chart(overlaid(default, values))
    assert message in str(refused.value)


def overlaid(base, over):
    """Merged as Helm merges values, but that an empty map takes the place of the one before."""
    if not (over and isinstance(base, dict) and isinstance(over, dict)):
        return over
    return base | {key: overlaid(base.get(key), value) for key, value in over.items()}


def test_the_image_is_named_by_its_tag_unless_there_is_a_digest():
    values = read_values(CHART / "ci/default-values.yaml")
    with helm.Chart.load(CHART) as chart:
        version = chart.metadata["appVersion"]
    assert f"image: countersign:{version}\n" in render_chart(values)["deployment.yaml"]
    values["image"] = {"repository": "registry.example.com/countersign", "digest": DIGEST}
    image = f"image: registry.example.com/countersign@{DIGEST}\n"
    assert image in render_chart(values)["deployment.yaml"]


def test_the_sidecar_is_that_of_the_plain_file(renders):
    """But for how it is configured, and a place for large signed bodies."""
    plain = of_kind(sidecar_file(), "Deployment")["spec"]["template"]["spec"]
    chart = of_kind(renders["chart-sidecar"], "Deployment")["spec"]["template"]["spec"]
    own = {"args", "env", "image", "imagePullPolicy", "volumeMounts"}
    containers = [pod["initContainers"][0] for pod in (plain, chart)]
    plain_container, container = (
        {key: value for key, value in container.items() if key not in own}
        for container in containers
    )
    assert container == plain_container
    for key in ("securityContext", "terminationGracePeriodSeconds", "enableServiceLinks"):
        assert chart[key] == plain[key]
    assert chart["containers"][0]["lifecycle"] == plain["containers"][0]["lifecycle"]


def test_the_gateway_and_the_sidecar_are_the_same_container(renders):
    pods = [
        of_kind(renders[name], "Deployment")["spec"]["template"]["spec"]
        for name in ("chart-default", "chart-sidecar")
    ]
    gateway, sidecar = pods[0]["containers"][0], pods[1]["initContainers"][0]
    differing = {key for key in sidecar if gateway.get(key) != sidecar[key]}
    assert differing == {"restartPolicy", "env"}


def test_a_probe_and_a_hook_of_the_app_take_the_place_of_the_charts():
    values = read_values(CHART / "ci/sidecar-values.yaml")
    probe, hook = {"exec": {"command": ["/ready"]}}, {"exec": {"command": ["/stop"]}}
    values["app"]["container"] |= {"readinessProbe": probe, "lifecycle": {"preStop": hook}}
    [deployment] = documents(render_chart(values)["deployment.yaml"])
    [app] = deployment["spec"]["template"]["spec"]["containers"]
    assert app["readinessProbe"] == probe
    assert app["lifecycle"] == {"preStop": hook}


def test_pods_are_spread_by_the_labels_of_the_release_or_those_that_are_given(renders):
    pod = of_kind(renders["chart-everything"], "Deployment")["spec"]["template"]["spec"]
    zones, nodes = pod["topologySpreadConstraints"]
    labels = {"app.kubernetes.io/name": "countersign", "app.kubernetes.io/instance": "gateway"}
    assert zones["labelSelector"] == {"matchLabels": labels}
    assert nodes["labelSelector"] == {"matchExpressions": [{"key": "team", "operator": "Exists"}]}


def test_the_prometheus_rule_has_every_rule_and_alert(renders):
    groups = of_kind(renders["chart-everything"], "PrometheusRule")["spec"]["groups"]
    runbook = "https://git.example.com/platform/countersign/blob/main/docs/runbook.md#"
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        address = rule["annotations"]["runbook_url"]
        assert address.startswith(runbook)
        rule["annotations"]["runbook_url"] = address.removeprefix(runbook)

    files = [(DEPLOY / "prometheus" / name).read_text() for name in ("rules.yaml", "alerts.yaml")]
    expected = [
        group
        for text in files
        for group in yaml.safe_load(text.replace("docs/runbook.md#", ""))["groups"]
    ]
    assert groups == expected
