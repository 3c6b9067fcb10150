"""The kustomizations whose result is checked, by name."""

import os
import shutil

import yaml

from rendering import DEPLOY, HERE, WORK, documents, of_kind

SIDECAR_FILE = DEPLOY / "kubernetes/sidecar.yaml"
COMPONENT = DEPLOY / "kustomize/components/sidecar"
DIRECTORIES = {
    "base": DEPLOY / "kustomize/base",
    "gateway": HERE / "fixtures/gateway",
    "orders": WORK / "orders",
    "reports": HERE / "fixtures/reports",
}


def sidecar_file():
    return documents(SIDECAR_FILE.read_text())


def write_orders():
    """The app of deploy/kubernetes/sidecar.yaml without its sidecar, and the component."""
    directory = DIRECTORIES["orders"]
    resources = sidecar_file()
    config = of_kind(resources, "ConfigMap")
    resources.remove(config)
    pod = of_kind(resources, "Deployment")["spec"]["template"]["spec"]
    del pod["initContainers"]
    del pod["volumes"]

    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    kustomization = {
        "resources": ["orders.yaml"],
        "components": [os.path.relpath(COMPONENT, directory)],
        "configMapGenerator": [{"name": "countersign", "files": ["countersign.toml"]}],
    }
    (directory / "orders.yaml").write_text(yaml.safe_dump_all(resources))
    (directory / "countersign.toml").write_text(config["data"]["countersign.toml"])
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
