"""Tables on a terminal: what identifies is whole, and nothing goes over the edge."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.integration.told import NOON
from tracker.cli.output import from_now
from tracker.cli.tables import NARROWEST, laid_out, wrapped

HEADINGS = ("id", "provider", "state", "last event", "error", "text")
ROW = ["post_7GYTE8Q4MXPD0", "sosyalkopru", "awaiting_approval", "12 min ago",
       "rate_limited: the platform takes no more than 25 posts a day of an account", "spring " * 6]  # fmt: skip


def lines(width: int | None, *rows: list[str]) -> list[str]:
    return [*laid_out(HEADINGS, rows, width, below=("error",), less=("provider",))]


def test_where_there_is_no_edge_every_column_stands_beside_the_others() -> None:
    assert lines(None, ROW) == lines(300, ROW)
    assert len(lines(None, ROW)) == 2
    assert all(cell.strip() in lines(None, ROW)[1] for cell in ROW)


def test_at_eighty_columns_the_error_goes_below_and_the_provider_is_left_out() -> None:
    heading, first, *more = lines(80, ROW)
    assert heading.split() == ["id", "state", "last", "event", "text"]
    assert first.startswith("post_7GYTE8Q4MXPD0  awaiting_approval  12 min ago  spring spring")
    below = more[next(n for n, line in enumerate(more) if line.startswith("  error  ")) :]
    assert " ".join(" ".join(below).split()) == f"error {ROW[4]}"


def test_a_row_without_an_error_has_no_line_for_it() -> None:
    calm = [*ROW[:4], "-", "short"]
    alone, beside = lines(80, ROW), lines(80, ROW, calm)
    assert beside[: len(alone)] == alone
    assert [line.split()[:2] for line in beside[len(alone) :]] == [["post_7GYTE8Q4MXPD0", "awaiting_approval"]]


@pytest.mark.parametrize("width", [80, 60, 40])
def test_of_what_is_shown_nothing_is_cut(width: int) -> None:
    shown = " ".join(" ".join(lines(width, ROW)).split())
    for cell in (ROW[0], ROW[2], ROW[4]):
        assert cell in shown


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "S"), max_codepoint=0x1F9FF), max_size=30)
CELLS = st.lists(st.lists(WORDS, max_size=6).map(" ".join), min_size=6, max_size=6)


@given(st.lists(CELLS, min_size=1, max_size=4), st.integers(60, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[list[str]], width: int) -> None:
    """But where the first column alone is: it is what one copies."""
    first = max(cell_len(row[0]) for row in rows)
    for line in lines(width, *rows):
        assert cell_len(line) <= max(width, first)


@given(st.lists(WORDS, max_size=20).map(" ".join), st.integers(NARROWEST, 80))
def test_a_text_is_wrapped_without_losing_a_letter(text: str, width: int) -> None:
    pieces = wrapped(text, width)
    assert all(cell_len(piece) <= width for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("ago", "says"),
    [(0, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (172_800, "2 d ago"), (-90, "in 1 min")],
)
def test_a_time_is_told_from_now_in_its_largest_unit(ago: int, says: str) -> None:
    assert from_now(NOON - timedelta(seconds=ago), NOON) == says
