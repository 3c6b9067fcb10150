"""What docs/migrating says of an original: its files, and where Countersign decides differently."""

import re
from dataclasses import dataclass
from pathlib import Path

from comparison.processes import Failed

from .places import DOCUMENTS

# | `request` | `verdict of the original` | `verdict of Countersign` | why |
_ROW = re.compile(r"^\| `(?P<case>[^`]+)` \| `(?P<theirs>[^`]+)` \| `(?P<ours>[^`]+)` \|")
# | `request` | what it is |, in the index.
_CASE = re.compile(r"^\| `(?P<case>[^`]+)` \| (?P<meaning>[^|]+) \|$")


@dataclass(frozen=True)
class Document:
    """One directory of docs/migrating."""

    name: str

    @property
    def settings(self) -> Path:
        return self.file("countersign.toml")

    def file(self, name: str) -> Path:
        return DOCUMENTS / self.name / name

    def differences(self) -> dict[str, tuple[str, str]]:
        """The verdicts of the original and of Countersign, by request."""
        text = self.file("README.md").read_text(encoding="utf-8")
        rows = [row for row in map(_ROW.match, text.splitlines()) if row]
        found = {row["case"]: (row["theirs"], row["ours"]) for row in rows}
        if len(found) != len(rows):
            raise Failed(f"docs/migrating/{self.name}/README.md lists a request twice")
        return found


def documents() -> list[Document]:
    return [Document(path.parent.name) for path in sorted(DOCUMENTS.glob("*/countersign.toml"))]


def described_cases() -> set[str]:
    """The requests that the index explains."""
    text = (DOCUMENTS / "README.md").read_text(encoding="utf-8")
    return {row["case"] for row in map(_CASE.match, text.splitlines()) if row}
