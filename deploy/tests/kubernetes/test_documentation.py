"""The documents show what the chart does."""

import os
import re
import shutil

import helm_python as helm
import pytest

from rendering import (
    CHART,
    DEPLOY,
    DIGEST,
    HERE,
    ROOT,
    read_values,
    render_chart,
    render_kustomization,
)

GUIDE = ROOT / "docs/kubernetes.md"


def blocks(page, language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", page.read_text(), re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


@pytest.mark.parametrize("page", [GUIDE, CHART / "README.md"], ids=lambda page: page.name)
def test_the_values_that_are_shown_render(page):
    [shown] = [block for block in blocks(page, "yaml") if "\nconfig:\n" in block]
    assert "configmap.yaml" in render_chart(helm.values_from_yaml(shown))


def test_the_refusal_that_is_shown_is_that_of_the_chart():
    [shown] = blocks(GUIDE, "text")
    mistake = shown.splitlines()[-1]
    values = read_values(CHART / "ci/default-values.yaml")
    values["config"]["issuers"]["idp"]["audience"] = "https://orders.example.com"
    with pytest.raises(helm.HelmError) as refused:
        render_chart(values)
    assert mistake in str(refused.value)


def test_the_kustomizations_that_are_shown_build(tmp_path):
    """The gateway's, and the one of an app, in which two files stand for any."""
    gateway, app = (block for block in blocks(GUIDE, "yaml") if "configMapGenerator" in block)
    (tmp_path / "countersign.toml").write_text("")
    (tmp_path / "service.yaml").write_text("")
    shutil.copy(HERE / "fixtures/reports/reports.yaml", tmp_path / "deployment.yaml")

    built = build(tmp_path, gateway.replace("sha256:…", DIGEST))
    assert f"image: registry.example.com/countersign@{DIGEST}\n" in built
    assert "image: registry.example.com/countersign:" in build(tmp_path, app)


def build(directory, kustomization):
    here = kustomization.replace("../countersign/deploy", os.path.relpath(DEPLOY, directory))
    (directory / "kustomization.yaml").write_text(here)
    return render_kustomization(directory)
