"""Renders everything once, into files that checkov and the tests in Go read as well."""

import pytest

import kustomizations
from rendering import (
    DIGEST,
    WORK,
    documents,
    read_values,
    render_chart,
    render_kustomization,
    values_files,
)

CHART_RENDERS = [path.name.removesuffix("-values.yaml") for path in values_files()]
RENDERS = [f"chart-{name}" for name in CHART_RENDERS] + [
    f"kustomize-{name}" for name in kustomizations.DIRECTORIES
]


def pytest_generate_tests(metafunc):
    if "render" in metafunc.fixturenames:
        metafunc.parametrize("render", RENDERS, indirect=True)
    if "chart_render" in metafunc.fixturenames:
        metafunc.parametrize("chart_render", CHART_RENDERS, indirect=True)


@pytest.fixture(scope="session")
def renders():
    """The resources of each render, by its name; without those of `helm test`."""
    for stale in [*WORK.glob("*.yaml"), *WORK.glob("hooks/*.yaml")]:
        stale.unlink()
    written = {}
    for path, name in zip(values_files(), CHART_RENDERS, strict=True):
        values = with_digests(read_values(path))
        written[f"chart-{name}"] = write_chart(f"chart-{name}", render_chart(values))
    kustomizations.write_orders()
    for name, directory in kustomizations.DIRECTORIES.items():
        written[f"kustomize-{name}"] = write(f"kustomize-{name}", render_kustomization(directory))
    return written


def with_digests(values):
    values.setdefault("image", {})["digest"] = DIGEST
    if "app" in values:
        values["app"]["container"]["image"] += f"@{DIGEST}"
    return values


def write_chart(name, templates):
    hooks = [text for template, text in templates.items() if template.startswith("tests/")]
    resources = [text for text in templates.values() if text not in hooks]
    write(f"hooks/{name}", "---\n".join(hooks))
    return write(name, "---\n".join(resources))


def write(name, text):
    file = WORK / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return documents(text)


@pytest.fixture
def render(request, renders):
    return renders[request.param]


@pytest.fixture
def chart_render(request, renders):
    return renders[f"chart-{request.param}"]
