"""What is made from the chart is up to date, and complete."""

import pytest
import yaml

import generate


@pytest.mark.parametrize("path", generate.generated(), ids=lambda path: path.name)
def test_the_file_is_what_the_chart_makes(path):
    text = generate.generated()[path]
    assert path.read_text() == text, "deploy/tests/kubernetes/run --update writes it"


def test_every_value_is_described():
    described = {key for key, _, _ in generate.values()}
    defaults = yaml.safe_load((generate.CHART / "values.yaml").read_text())
    undescribed = [
        key
        for section, value in defaults.items()
        for key in leaves(section, value)
        if key not in described and section not in described
    ]
    assert undescribed == []


def leaves(section, value):
    return [f"{section}.{key}" for key in value] if isinstance(value, dict) and value else [section]


def test_the_base_lists_its_files():
    kustomization = yaml.safe_load((generate.BASE / "kustomization.yaml").read_text())
    assert sorted(kustomization["resources"]) == sorted(path.name for path in generate.base())
