"""Conditions: what is true fires, what is false does not, and what cannot be evaluated is neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.rules.grouping import DEFAULTS, Environment
from tracker.domain.rules.rule import FALSE, TRUE
from tracker.rulebook.expressions import Condition
from tracker.toml.positions import BadText


def values(**told: object) -> Environment:
    """All defaults, but for what is told (`post__attempt` for `post.attempt`)."""
    known = Environment(DEFAULTS)
    known.update({name.replace("__", "."): value for name, value in told.items()})
    return known


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("error.retryable && post.attempt < 4", {"error__retryable": True, "post__attempt": 3}),
        ('"instagram" in post.platforms', {"post__platforms": ["instagram", "x"]}),
        (
            'post.scheduled_at > timestamp("2026-01-01T00:00:00Z")',
            {"post__scheduled_at": datetime(2026, 2, 1, tzinfo=UTC)},
        ),
        ('post.failed_at - post.scheduled_at > duration("1h")', {"post__failed_at": datetime(2026, 1, 1, tzinfo=UTC)}),
        ('error.message.matches("timed? out")', {"error__message": "it timed out"}),
        ('post.platforms.exists(p, p.startsWith("insta"))', {"post__platforms": ["instagram"]}),
        ('post.scheduled_at == timestamp("1970-01-01T00:00:00Z")', {}),
    ],
)
def test_a_condition_that_holds_is_true(text: str, told: dict[str, object]) -> None:
    assert Condition(text)(values(**told)) == TRUE


def test_a_condition_that_does_not_hold_is_false() -> None:
    assert Condition("error.retryable")(values()) == FALSE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / post.attempt > 0", "divide by zero"),
        ('post.platforms[3] == "x"', "index"),
        ("dyn(post.id) > 3", "no matching overload"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_an_error_that_says_why(text: str, reason: str) -> None:
    verdict = Condition(text)(values(error__code="("))
    assert verdict.kind == "error"
    assert reason in verdict.detail.lower()


def test_a_text_that_is_no_unicode_is_an_error_and_not_an_exception() -> None:
    assert Condition('error.message.contains("x")')(values(error__message="\ud800")).kind == "error"


def test_a_value_that_is_missing_is_an_error_and_not_an_exception() -> None:
    assert Condition("post.attempt > 1")({}).kind == "error"


@pytest.mark.parametrize("text", ["(" * 200 + "true" + ")" * 200, " || ".join(["true"] * 500), "!" * 5000 + "true"])
def test_a_bomb_of_nesting_is_refused_when_it_is_loaded(text: str) -> None:
    with pytest.raises(BadText):
        Condition(text)


def test_conditions_share_what_was_prepared_for_an_event() -> None:
    known = values(post__attempt=2)
    assert Condition("post.attempt + 1 == 3")(known) == TRUE
    prepared = known.prepared
    assert Condition("post.attempt + 1 == 4")(known) == FALSE
    assert known.prepared is prepared is not None


@given(
    attempt=st.integers(), message=st.text(), retryable=st.booleans(), platforms=st.lists(st.text(), max_size=3),
    held=st.timedeltas(), at=st.datetimes(timezones=st.just(UTC)),
)  # fmt: skip
def test_no_value_that_a_stranger_sends_makes_a_condition_raise(
    attempt: int, message: str, retryable: bool, platforms: list[str], held: timedelta, at: datetime
) -> None:
    known = values(
        post__attempt=attempt, error__message=message, error__retryable=retryable, post__platforms=platforms,
        run__held=held, post__scheduled_at=at,
    )  # fmt: skip
    every = (
        "post.attempt + 1 > 0 && error.message.size() >= 0 || error.retryable || error.message in post.platforms"
        ' || post.scheduled_at + duration("1h") > post.failed_at'
    )
    assert Condition(every)(known).kind in {"true", "false", "error"}


def test_buckets_part_texts_evenly_and_always_alike() -> None:
    halves = [Condition("bucket(post.id) < 50")(values(post__id=f"post_{number}")) for number in range(1000)]
    assert 450 < halves.count(TRUE) < 550
    assert Condition("bucket(post.id) == 67")(values(post__id="p1")) == TRUE


def test_a_bucket_is_asked_of_a_text() -> None:
    with pytest.raises(BadText, match=r"bucket.*cannot be used with"):
        Condition("bucket(post.attempt) < 50")
