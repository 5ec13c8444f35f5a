"""Tables that fit where they are shown: what has no room goes below its row, and nothing is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = "  "
NARROWEST = 24
"""Cells in which a text can still be wrapped; with fewer, it goes below its row."""


def laid_out(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    room: int | None,
    *,
    below: Sequence[str] = (),
    less: Sequence[str] = (),
) -> Iterator[str]:
    """The lines of the table, each at most `room` cells wide where there is a bound.

    Where it would be wider, the columns of `below` go on lines of their own under their row, and those of `less` are
    left out, the first one first; then the last column is wrapped, or goes below too. Only a word that is wider than
    all the room goes over the edge.
    """
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415  (only where it is needed)

    lines = [[*headings], *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    beside, under = list(range(len(headings))), []
    bound = sum(widths) + len(GAP) * len(widths) if room is None else room

    def too_wide() -> bool:
        return sum(widths[place] for place in beside) + len(GAP) * (len(beside) - 1) > bound

    for name in (*below, *less):
        if too_wide():
            beside.remove(headings.index(name))
            under += [headings.index(name)] if name in below else []
    while too_wide() and len(beside) > 1:
        left = bound - sum(widths[place] + len(GAP) for place in beside[:-1])
        if left >= NARROWEST:
            widths[beside[-1]] = left
        else:
            under.insert(0, beside.pop())
    for number, line in enumerate(lines):
        *front, last = (line[place] for place in beside)
        before = "".join(set_cell_size(cell, widths[place]) + GAP for cell, place in zip(front, beside, strict=False))
        first, *more = wrapped(last, widths[beside[-1]])
        yield (before + first).rstrip()
        yield from (" " * cell_len(before) + text for text in more)
        for place in under if number else ():
            if line[place] != NOTHING:
                label = f"{GAP}{headings[place]}{GAP}"
                first, *more = wrapped(line[place], max(bound - len(label), NARROWEST))
                yield label + first
                yield from (" " * len(label) + text for text in more)


NOTHING = "-"
"""What stands where there is no value."""


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many cells, broken between words where that is possible."""
    from rich.cells import cell_len, chop_cells  # noqa: PLC0415  (only where it is needed)

    lines = [""]
    for word in text.split(" "):
        for part in chop_cells(word, width) if cell_len(word) > width else [word]:
            joined = f"{lines[-1]} {part}" if lines[-1] else part
            if cell_len(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(part)
    return lines
