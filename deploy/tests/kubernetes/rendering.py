"""Renders the chart and the kustomizations, as `helm template` and `kubectl kustomize` do."""

import subprocess
import sys
from pathlib import Path

import helm_python as helm
import yaml

HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parents[1]
ROOT = DEPLOY.parent
CHART = DEPLOY / "helm/countersign"
WORK = ROOT / "target/deploy-tests/kubernetes"

RELEASE = "gateway"
NAMESPACE = "edge"
# As a release should name it; of no image that exists.
DIGEST = "sha256:" + 64 * "0"


def values_files():
    return sorted(CHART.glob("ci/*-values.yaml"))


def read_values(path):
    return helm.values_from_yaml(path.read_text())


def render_chart(values, path=CHART):
    """The text of each template that renders to something, by its name."""
    with helm.Chart.load(path) as chart:
        chart.validate_schema(values)
        rendered = chart.render(values, name=RELEASE, namespace=NAMESPACE)
    prefix = "countersign/templates/"
    return {
        name.removeprefix(prefix): text.strip() + "\n"
        for name, text in sorted(rendered.items())
        if text.strip() and not name.endswith("NOTES.txt")
    }


def render_kustomization(directory):
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [kubectl, "kustomize", directory]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(resources, kind):
    found = [resource for resource in resources if resource["kind"] == kind]
    assert len(found) == 1, f"{len(found)} of kind {kind}"
    return found[0]
