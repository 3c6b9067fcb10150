"""Which verdicts differ, beside which ones the document says do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """The verdicts on one request."""

    case: str
    theirs: str
    ours: str

    @property
    def differs(self) -> bool:
        return self.theirs != self.ours


@dataclass(frozen=True)
class Report:
    """What a run says of one original."""

    name: str
    rows: list[Row]
    listed: dict[str, tuple[str, str]]

    @property
    def surprises(self) -> list[str]:
        """Each as a line; a row of the document where there is one to write."""
        unlisted = [
            f"not listed: | `{row.case}` | `{row.theirs}` | `{row.ours}` |"
            for row in self.rows
            if row.differs and self.listed.get(row.case) != (row.theirs, row.ours)
        ]
        differing = {row.case for row in self.rows if row.differs}
        stale = [f"listed, but alike: {case}" for case in self.listed if case not in differing]
        return unlisted + stale

    def text(self) -> str:
        alike = sum(not row.differs for row in self.rows)
        head = (
            f"{self.name}: {len(self.rows)} requests, {alike} with the same verdict, "
            f"{len(self.rows) - alike} differ"
        )
        if not self.surprises:
            return f"{head}, all as docs/migrating/{self.name}/README.md lists them"
        return "\n  ".join([f"{head}; docs/migrating/{self.name}/README.md:", *self.surprises])

    def all_rows(self) -> str:
        """Every request, as rows of a document."""
        return "".join(f"| `{row.case}` | `{row.theirs}` | `{row.ours}` |\n" for row in self.rows)
