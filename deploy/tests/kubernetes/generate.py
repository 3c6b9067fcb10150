"""The files that are made from the chart. `run --update` writes them."""

import re

import yaml

from rendering import CHART, DEPLOY, render_chart

README = CHART / "README.md"
BASE = DEPLOY / "kustomize/base"

TABLE_BEGINS = "<!-- Made by deploy/tests/kubernetes/run --update -->\n"
TABLE_ENDS = "<!-- end -->\n"

# What only Helm needs.
HELM_ONLY = re.compile(r"^ +(helm\.sh/chart|app\.kubernetes\.io/managed-by|namespace): .*\n", re.M)


def generated():
    """The text of each file, by its path."""
    return {README: readme(), **base()}


def readme():
    before, rest = README.read_text().split(TABLE_BEGINS)
    _, after = rest.split(TABLE_ENDS)
    rows = "".join(f"| `{key}` | {about} | {default} |\n" for key, about, default in values())
    head = "| value | | default |\n|---|---|---|\n"
    return before + TABLE_BEGINS + head + rows + TABLE_ENDS + after


def values():
    """Key, description and default of each value that values.yaml describes."""
    text = (CHART / "values.yaml").read_text()
    defaults = yaml.safe_load(text)
    section, about = None, None
    for line in text.splitlines():
        comment = re.match(r" *# (-- )?(.*)", line)
        key = re.match(r"( *)(\w+):", line)
        if comment:
            begins, words = comment.groups()
            if begins or about:
                about = f"{about} {words}" if about else words
        elif key:
            indent, name = key.groups()
            if not indent:
                section = name
            if about and len(indent) <= 2:
                path = [section, name] if indent else [name]
                yield ".".join(path), about, shown(defaults, path)
            about = None


def shown(defaults, path):
    value = defaults
    for key in path:
        value = value[key]
    if isinstance(value, dict) and value:
        return "see values.yaml"
    return "`" + yaml.safe_dump(value, default_flow_style=True).splitlines()[0] + "`"


def base():
    """The gateway as the chart renders it, for those who use kustomize instead."""
    gateway = {
        "fullnameOverride": "countersign",
        "existingConfig": {"configMap": "countersign"},
    }
    return {
        BASE / name: HELM_ONLY.sub("", text)
        for name, text in render_chart(gateway).items()
        if not name.startswith("tests/")
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
        print(f"written: {path.relative_to(DEPLOY.parent)}")
