"""Rules as they are written: the part of a file that makes one rule, with the workflows that it runs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.rulebook.positions import Path, Positions
    from tracker.rulebook.reading import Table
    from tracker.rulebook.workflows import Workflows


def text_of(rule: Table, workflows: Workflows) -> str:
    """The rule's text, fit to be read as a file of its own."""
    parts = [excerpt(table.faults.positions, table.path) for table in (rule, *workflows.reached_from(rule))]
    return "\n".join(dict.fromkeys(parts))


def excerpt(positions: Positions, path: Path) -> str:
    """The tables at and below the path, with the comments right above each; else the whole text.

    A table may be written without a header of its own, as in `rule.x.on = "…"`; then nothing can be cut out.
    """
    text = positions.text
    starts = [_with_comments(text, offset) for offset, _ in positions.headers]
    spans = list(pairwise([*starts, len(text)]))
    own = [span for span, (_, opened) in zip(spans, positions.headers, strict=True) if opened[: len(path)] == path]
    inside = [offset for found, offset in positions.values.items() if found[: len(path)] == path]
    if any(not any(start <= offset < end for start, end in own) for offset in inside):
        return text
    return "\n".join(text[start:end].strip() + "\n" for start, end in own)


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
