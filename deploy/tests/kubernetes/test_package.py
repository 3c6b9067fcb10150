"""The package of a release is the chart of the repository, with the image of the release."""

import subprocess

import helm_python as helm
import pytest

from rendering import DEPLOY, read_values, render_chart, values_files

IMAGE = "registry.example.com/platform/countersign"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    directory = tmp_path_factory.mktemp("package")
    subprocess.run([DEPLOY / "release/chart", IMAGE, directory], check=True)
    return helm.package(directory / "countersign", destination=directory)


@pytest.mark.parametrize("path", values_files(), ids=lambda path: path.name)
def test_it_renders_what_the_directory_renders(package, path):
    values = read_values(path)
    expected = {
        name: text.replace("image: countersign:", f"image: {IMAGE}:")
        for name, text in render_chart(values).items()
    }
    assert render_chart(values, package) == expected


def test_lint_finds_nothing_in_it(package):
    report = helm.lint(package, read_values(values_files()[0]), strict=True)
    assert report["total_charts_linted"] == 1
    assert report["errors"] == []


def test_it_refuses_what_the_directory_refuses(package):
    with pytest.raises(helm.HelmError, match="additional properties 'replica' not allowed"):
        render_chart({"replica": 3}, package)


def test_its_documentation_names_the_image(package):
    rows = helm.show(package, output_format="readme").splitlines()
    [row] = [row for row in rows if row.startswith("| `image.repository` |")]
    assert row.endswith(f" | `{IMAGE}` |")
