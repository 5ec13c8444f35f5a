"""When runs begin their steps that are throttled, or that gather what comes one after another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import EPOCH
from tests.unit.reactions import ALERT, MINUTE, RETRY, Text, during, on
from tests.unit.test_engine import F, P, Stage, U, at
from tracker.domain.payloads import SendPayload
from tracker.domain.rate import Debounce, Rate
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import FALSE, TRUE, Mode, Rule, Verdict
from tracker.domain.rules.step import AlertStep, SendStep, Step
from tracker.domain.runs.run import RunState

TWO_A_MINUTE = Rate(2, MINUTE)


def first_attempt(values: Mapping[str, object]) -> Verdict:
    return TRUE if values["post.attempt"] == 1 else FALSE


def told_at(stage: Stage) -> list[int]:
    """The seconds at which something was asked for."""
    return [round((one.at - EPOCH).total_seconds()) for one in stage.world.taken]


def failing(stage: Stage, *seconds: int) -> Stage:
    """Another post fails at each of these seconds."""
    for number, second in enumerate(seconds):
        stage.tell(second, F, post=f"p{number}")
    return stage


def test_a_backlog_outlasts_the_span_and_keeps_its_order() -> None:
    stage = failing(Stage(on("post.failed", throttle=TWO_A_MINUTE)), 0, 1, 2, 3, 4, 5, 6).wait(300)
    assert told_at(stage) == [0, 1, 60, 61, 120, 121, 180]
    assert [one.asked.post for one in stage.world.taken] == [f"p{number}" for number in range(7)]
    assert stage.outcomes == ["fired", "fired", *["queued"] * 5]
    assert stage.world.firings[6].detail == f"throttled to 2 in 1m: it begins at {at(180):%Y-%m-%d %H:%M:%S} UTC"


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 4), st.integers(1, 30))
def test_no_span_holds_more_than_the_rate_and_nobody_waits_without_need(
    gaps: list[int], times: int, seconds: int
) -> None:
    """Whoever begins later than it fired begins just when its span has room, and all begin in the end."""
    stage = Stage(on("post.failed", throttle=Rate(times, timedelta(seconds=seconds))))
    came = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    begun = told_at(failing(stage, *came).wait(10_000))
    assert len(begun) == len(came)
    for number, (second, fired) in enumerate(zip(begun, came, strict=True)):
        earliest = begun[number - times] + seconds if number >= times else fired
        assert second == max(fired, earliest)


def test_what_fires_again_before_its_turn_joins_and_keeps_its_place() -> None:
    for mode in (Mode.SINGLE, Mode.RESTART):
        rule = on("post.failed", do=[AlertStep("ops", Text("<post.attempt> <run.count>"))], throttle=Rate(1, MINUTE))
        stage = Stage(replace(rule, mode=mode)).tell(0, F, "p0").tell(1, F)
        stage.tell(2, P, late=-1).tell(20, F).wait(300)
        assert stage.outcomes == ["fired", "queued", "joined"]
        assert told_at(stage) == [0, 60]
        assert stage.titles[1] == "2 2"


def test_what_is_over_before_its_turn_is_told_to_nobody() -> None:
    alert = AlertStep("ops", Text("<post.id>"), resolves=True)
    rules = [on("post.failed", do=[alert]), during(F, do=[alert], lasting=timedelta(seconds=1))]
    for rule in rules:
        stage = failing(Stage(replace(rule, throttle=Rate(1, MINUTE))), 0, 1).wait(5).tell(30, U, "p1").wait(300)
        assert stage.titles == ["p0"]
        whys = {run.why for run in stage.world.memory.runs.values()}
        assert whys == {"", "it was over before its turn"}
        assert not [one for one, _ in stage.world.timers.values() if one.post == "p1"]


def test_a_retry_that_waits_its_turn_is_not_made_where_it_is_out_meanwhile_or_must_not_be_tried() -> None:
    rule = on("post.failed", do=[RETRY, ALERT], when=first_attempt, throttle=Rate(1, timedelta(hours=1)))
    stage = failing(Stage(rule), 0, 1, 2)
    stage.tell(30, U, "p1").tell(40, P, "p2", late=-1).tell(50, F, "p2").wait(9000)
    assert [one.asked.post for one in stage.world.taken if one.asked.action.verb == "retry"] == ["p0"]
    states = {run.post: run.state for run in stage.world.memory.runs.values()}
    assert states == {"p0": RunState.ACTIVE, "p1": RunState.DONE, "p2": RunState.EXHAUSTED}
    assert {timer.post for timer, _ in stage.world.timers.values()} <= {"p0"}


def test_cancelling_ends_the_wait() -> None:
    rule = on("post.failed", cancel_on=["post.published"], throttle=Rate(1, MINUTE))
    stage = failing(Stage(rule), 0, 1).tell(30, U, "p1").wait(300)
    assert told_at(stage) == [0]
    assert [run.state for run in stage.world.memory.runs.values()] == [RunState.DONE, RunState.CANCELLED]
    assert not stage.world.timers


def edits(debounce: str, **more: Any) -> Rule:
    do: list[Step] = [SendStep("cms", Text("<run.count>")), AlertStep("ops", Text("<run.count> since <run.since>"))]
    return on("post.updated", do=do, mode=Mode.RESTART, debounce=Debounce.parse(debounce), **more)


def edited(stage: Stage, *seconds: int, post: str = "p1") -> Stage:
    for second in seconds:
        stage.tell(second, None, post, event="post.updated")
    return stage


def test_many_edits_are_one_when_no_more_has_come_for_so_long() -> None:
    stage = edited(Stage(edits("1m")), 0, 40, 80).wait(139)
    assert told_at(stage) == []
    stage.wait(140)
    assert stage.titles == [f"3 since {EPOCH}"]
    (sent,) = [one.asked.action.payload for one in stage.world.taken if one.asked.action.verb == "send"]
    assert isinstance(sent, SendPayload)
    gathered: Any = sent.data["run"]
    assert gathered["count"] == 3
    assert [item["at"] for item in gathered["items"]] == [at(second).isoformat() for second in (0, 40, 80)]
    assert stage.outcomes == ["queued", "joined", "joined"]
    assert not stage.world.timers


def test_an_endless_stream_is_told_after_the_longest_wait_and_gathered_anew() -> None:
    stage = edited(Stage(edits("1m max 2m")), *range(0, 300, 50)).wait(1000)
    assert told_at(stage)[::2] == [120, 270]
    assert [title[0] for title in stage.titles] == ["3", "3"]


def test_each_thing_is_gathered_by_itself_and_an_account_as_a_whole() -> None:
    by_post = edited(edited(Stage(edits("1m")), 0), 1, post="p2").wait(100)
    assert [title[0] for title in by_post.titles] == ["1", "1"]
    at_once = edited(edited(Stage(edits("1m", per=GroupBy.PROVIDER)), 0), 1, post="p2").wait(100)
    assert [title[0] for title in at_once.titles] == ["2"]
