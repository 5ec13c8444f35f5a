"""Rules as they are written: the part of a file that makes one rule, with the workflows that it runs."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from tracker.rulebook.reading import OF_THE_FILE, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.rulebook.context import Workflows
    from tracker.toml.positions import Path, Positions

NAMED = 2
"""The length of the paths of rules and workflows, as in rule.x."""


def texts_of(rules: Mapping[str, Table], workflows: Workflows, lookups: Mapping[str, Table]) -> dict[str, str]:
    """Each rule's text, fit to be read as a file of its own."""
    files: dict[int, Excerpts] = {}

    def excerpt(table: Table) -> str:
        positions = table.faults.positions
        if id(positions) not in files:
            files[id(positions)] = Excerpts(positions)
        return files[id(positions)].of(table.path)

    def whole(rule: Table) -> str:
        looked_up = rule.table("with") if isinstance(rule.values.get("with"), dict) else None
        named = [lookups[name] for name in looked_up.values if name in lookups] if looked_up else []
        defaults = [Table({}, (OF_THE_FILE,), rule.faults)] if rule.inherited else []
        return "\n".join(dict.fromkeys(map(excerpt, (rule, *workflows.reached_from(rule), *named, *defaults))))

    return {name: whole(rule) for name, rule in rules.items()}


class Excerpts:
    """The parts of one file by the names of their tables, which are all found at once."""

    def __init__(self, positions: Positions) -> None:
        self._text = positions.text
        self._spans: dict[Path, list[tuple[int, int]]] = defaultdict(list)
        self._values: dict[Path, list[int]] = defaultdict(list)
        starts = [_with_comments(self._text, offset) for offset, _ in positions.headers]
        for span, (_, opened) in zip(pairwise([*starts, len(self._text)]), positions.headers, strict=True):
            self._spans[opened[:NAMED]].append(span)
        for found, offset in positions.values.items():
            self._values[found[:NAMED]].append(offset)

    def of(self, path: Path) -> str:
        """The tables at and below the path, with the comments right above each; else the whole text.

        A table may be written without a header of its own, as in `rule.x.on = "…"`; then nothing can be cut out.
        """
        own = self._spans.get(path, [])
        if any(not any(start <= offset < end for start, end in own) for offset in self._values.get(path, [])):
            return self._text
        return "\n".join(self._text[start:end].strip() + "\n" for start, end in own)


def _with_comments(text: str, header: int) -> int:
    """Where the header's line begins, or the first of the comment lines right above it."""
    start = text.rfind("\n", 0, header) + 1
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        line = text[above:start].strip()
        if not line.startswith("#") or line.endswith(("'''", '"""')):
            break
        start = above
    return start
