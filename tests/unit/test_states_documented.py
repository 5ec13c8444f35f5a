"""The pages about states: each names exactly the states of the code, and the tests that attack it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracker.domain import plans
from tracker.domain.calls.circuit_breaker import Circuit
from tracker.domain.posts.event import State
from tracker.domain.posts.reconciliation import Finding
from tracker.domain.runs.engine_state import Outcome
from tracker.domain.runs.run import Phase, RunState
from tracker.queries import actions, reconciliations
from tracker.store.log import quarantine

ROOT = Path(__file__).parents[2]
TABLES = {
    "post": {*map(str, State)},
    "run": {*map(str, Phase)} - {Phase.OVER},  # in which a run waits for nothing
    "reconciliation": set(reconciliations.STATES),
    "plan": set(plans.STATES),
    "circuit": {*map(str, Circuit)},
    "quarantine": set(quarantine.STATES),
    "rule": {*map(str, Outcome)},
}
"""What the first column of a page's table must name."""
DRAWN = {
    "run": {*map(str, RunState)},
    "action": set(actions.STATES),
    "reconciliation": set(reconciliations.STATES) | {*map(str, Finding)},
    "plan": {*plans.MOVES, *(state for states in plans.MOVES.values() for state in states), *plans.REASONS},
    "circuit": {*map(str, Circuit)},
    "quarantine": set(quarantine.STATES),
}
"""What a page must at least show, in its drawing or in its text."""
PAGES = sorted((ROOT / "docs").glob("*-states.md"))


def text_of(name: str) -> str:
    return (ROOT / "docs" / f"{name}-states.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_the_table_names_each_state_and_none_that_there_is_not(name: str) -> None:
    table, *_ = re.findall(r"^\|---.*?\n\n", text_of(name) + "\n", re.DOTALL | re.MULTILINE)
    cells = [line.split("|")[1] for line in table.strip().splitlines()[1:]]
    assert {word for cell in cells for word in re.findall(r"`(\w+)`", cell)} == TABLES[name]


@pytest.mark.parametrize("name", DRAWN)
def test_the_page_shows_each_state(name: str) -> None:
    words = set(re.findall(r"\w+", text_of(name)))
    assert DRAWN[name] - words == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    """Its code, and tests that attack it."""
    named = re.findall(r"`((?:tracker|tests)/[\w/]+\.py)`", page.read_text(encoding="utf-8"))
    assert any(name.startswith("tests/") for name in named)
    assert [name for name in named if not (ROOT / name).is_file()] == []
