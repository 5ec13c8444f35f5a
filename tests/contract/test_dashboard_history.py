"""How a post's history is grouped for people, and what its targets are called."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.told import NOON
from tracker.dashboard.platforms import target_names
from tracker.dashboard.posts import actions_in, facts_in, grouped, without_repeats
from tracker.domain.posts.target import Target
from tracker.queries.history import EntryOut, PathStep

LATER = NOON + timedelta(seconds=4)
ACTION = "11111111-1111-5111-8111-111111111111"


def row(kind: str, at: datetime = NOON, **entry: Any) -> EntryOut:
    """An entry of the timeline."""
    return EntryOut(at, kind, entry)


def test_what_belongs_together_is_told_together() -> None:
    """An action with the fact that it became and what that changed, a firing with its run, a fact with its change."""
    groups = grouped(
        [
            row("change", LATER, position=9, moves=["retrying"]),
            row("fact", LATER, position=9, source="action", delivery=f"{ACTION}:1", event="action.done"),
            row("attempt", LATER, action=ACTION, attempt=1),
            row("action", action=ACTION, verb="retry"),
            row("run", run="r", state="active"),
            row("firing", run="r", outcome="fired", rule="try-again"),
            row("firing", run="r", outcome="joined", rule="try-again"),
            row("change", position=7, moves=["failed"]),
            row("fact", position=7, source="sosyalkopru", delivery="d", event="post.failed"),
        ]
    )
    assert [group.type for group in groups] == ["action", "fact"]
    action, fact = groups
    assert [one["moves"] for one in action.more("change")] == [["retrying"]]
    assert [one["event"] for one in action.more("fact")] == ["action.done"]
    assert [one["outcome"] for one in fact.more("firing")] == ["fired", "joined"]
    assert [one["state"] for one in fact.more("run")] == ["active"]
    assert [one["moves"] for one in fact.more("change")] == [["failed"]]
    assert actions_in(groups) == [UUID(ACTION)]
    assert facts_in(groups) == [7]


def test_what_a_timer_led_to_stands_by_itself() -> None:
    """Rules are told with the fact of the same moment alone."""
    rows = [row("firing", LATER, run="r", outcome="fired", rule="silent"), row("fact", position=7, source="zernio")]
    assert [group.type for group in grouped(rows)] == ["firing", "fact"]


def test_what_belongs_to_another_page_stands_by_itself() -> None:
    """Nothing is left out because its head is older than the page."""
    rows = [
        row("change", position=9, moves=["retrying"]),
        row("fact", position=8, source="action", delivery=f"{ACTION}:1", event="action.done"),
        row("run", run="r", state="active"),
    ]
    assert [group.type for group in grouped(rows)] == ["change", "fact", "run"]


def test_a_path_shows_each_step_once() -> None:
    steps = [
        PathStep(state, attempt, NOON)
        for state, attempt in [
            ("publishing", 1),
            ("publishing", 1),
            ("failed", 1),
            ("publishing", 2),
            ("publishing", 2),
        ]
    ]
    assert without_repeats(steps) == [steps[0], steps[2], steps[3]]


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ({"x#1": Target("x")}, {"x#1": "X"}),
        ({"tiktok#1": Target("tiktok"), "x#1": Target("x")}, {"tiktok#1": "TikTok", "x#1": "X"}),
        ({"x#1": Target("x"), "x#2": Target("x", ordinal=2)}, {"x#1": "X 1", "x#2": "X 2"}),
        ({"new#1": Target("new")}, {"new#1": "new"}),
        (
            {"x:a": Target("x", "a", item="1"), "x:a/2": Target("x", "a", item="2")},
            {key: f"\u2068X\u2069 · \u2068a\u2069 \u2068{item}\u2069" for key, item in (("x:a", 1), ("x:a/2", 2))},
        ),
        (
            {"x:acme": Target("x", "acme")},
            {"x:acme": "\N{FIRST STRONG ISOLATE}X\N{POP DIRECTIONAL ISOLATE} · \N{FIRST STRONG ISOLATE}acme"
                       "\N{POP DIRECTIONAL ISOLATE}"},
        ),
    ],
)  # fmt: skip
def test_targets_have_names_that_tell_them_apart(targets: dict[str, Target], names: dict[str, str]) -> None:
    assert target_names(targets) == names
