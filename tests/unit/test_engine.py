"""What becomes of firings: counted, cooled down, held, queued, muted, hidden, kept for the morning, or only noted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.unit.histories import EPOCH, fact
from tests.unit.reactions import ALERT, MINUTE, Text, during, expect, on
from tracker.domain.calendar import parse_quiet
from tracker.domain.payloads import AlertPayload
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.event import Fact, State
from tracker.domain.posts.post import Post
from tracker.domain.rate import Count, Rate
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import Expect, Mode, Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import AlertStep, PauseStep, ResumeStep, Step, WaitStep
from tracker.domain.runs.engine_state import PART, ROW_ENDED, Silence
from tracker.domain.runs.run import RunState
from tracker.domain.runs.simulation import Simulation

A, S = State.AWAITING_APPROVAL, State.SCHEDULED
F, P, U, G = State.FAILED, State.PUBLISHING, State.PUBLISHED, State.REMOVED
WAIT = WaitStep((parse_event_pattern("cms.acked"),))


class Stage:
    """A world to which facts are told, each at the second at which it comes in and is true."""

    def __init__(self, *rules: Rule) -> None:
        self.world = Simulation(RuleIndex(rules), EPOCH)
        self.posts: dict[str, Post] = {}
        self.facts: dict[str, list[Fact]] = {}

    def tell(
        self, second: int, state: State | None, post: str = "p1", event: str = "", late: int = 0, due: int | None = None
    ) -> Stage:
        """At that second somebody says that the post is in the state, `late` seconds after it was true."""
        now = EPOCH + timedelta(seconds=second)
        told = replace(
            fact(second, state, post=post), event=event or f"post.{state}", occurred_at=now - timedelta(seconds=late),
            received_at=now, id=str(uuid4()), position=second, scheduled_at=at(due) if due is not None else None,
        )  # fmt: skip
        self.world.pass_time(now)
        earlier = self.facts.setdefault(post, [])
        self.posts[post], change = arrive(self.posts.get(post), told, tuple(earlier))
        earlier.append(told)
        self.world.see(change)
        return self

    def wait(self, second: int) -> Stage:
        self.world.pass_time(EPOCH + timedelta(seconds=second))
        return self

    @property
    def outcomes(self) -> list[str]:
        return [str(firing.outcome) for firing in self.world.firings]

    @property
    def titles(self) -> list[str]:
        """What people were told, without what was hidden or only noted."""
        said = [one.asked.action.payload for one in self.world.taken if one.asked.fate == "pending"]
        return [one.title for one in said if isinstance(one, AlertPayload)]

    @property
    def fates(self) -> list[tuple[str, str | None]]:
        return [(one.asked.fate, one.asked.why) for one in self.world.taken]


def at(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def counting(least: int, **more: Any) -> Rule:
    return on("post.failed", do=[AlertStep("ops", Text("<run.count> failures"))], count=Count(least, MINUTE), **more)


def failing(stage: Stage, *seconds: int) -> Stage:
    """The post fails at each of these seconds, and is being published in between."""
    for second in seconds:
        stage.tell(second, F)
        stage.tell(second, P, late=-1)
    return stage


def test_a_count_fires_when_it_is_reached_and_begins_anew() -> None:
    stage = failing(Stage(counting(3)), 0, 10, 20, 30, 40)
    assert stage.outcomes == ["counted", "counted", "fired", "counted", "counted"]
    assert stage.titles == ["3 failures"]
    assert stage.world.firings[0].detail == "1 of 3 within 1m"


def test_what_lies_outside_the_window_does_not_count() -> None:
    assert failing(Stage(counting(3)), 0, 50, 100, 150).outcomes == ["counted"] * 4


def in_a_row(least: int = 3) -> Stage:
    return Stage(on("post.failed", per=GroupBy.PROVIDER, count=Count(least, timedelta(days=30), in_a_row=True)))


def test_a_success_begins_a_row_anew() -> None:
    stage = in_a_row()
    for second, (post, state) in enumerate([("p1", F), ("p2", F), ("p3", U), ("p4", F), ("p5", F), ("p6", F)]):
        stage.tell(second, state, post)
    assert stage.outcomes == ["counted", "counted", "counted", "counted", "counted", "fired"]
    details = [firing.detail for firing in stage.world.firings]
    assert details[1:5] == ["2 of 3 in a row", ROW_ENDED, "1 of 3 in a row", "2 of 3 in a row"]


def test_a_success_where_nothing_is_counted_leaves_no_trace() -> None:
    stage = in_a_row().tell(0, U, "p1")
    stage.tell(1, F, "p2").tell(2, F, "p3").tell(3, F, "p4").tell(4, U, "p5")
    assert stage.outcomes == ["counted", "counted", "fired"]


def test_a_row_goes_by_when_things_were_true() -> None:
    late_success = in_a_row().tell(0, F, "p1").tell(20, F, "p2").tell(30, U, "p3", late=20).tell(31, F, "p4")
    assert late_success.world.firings[-1].detail == "2 of 3 in a row"
    late_failure = in_a_row().tell(0, F, "p1").tell(10, U, "p2").tell(20, F, "p3", late=15).tell(21, F, "p4")
    assert [one.detail for one in late_failure.world.firings][2:] == ["0 of 3 in a row", "1 of 3 in a row"]


def share(text: str = "> 50% of post.publishing in 1m, at least 3") -> Stage:
    return Stage(on("post.failed", per=GroupBy.PROVIDER, count=Count.parse(text)))


def test_a_share_is_of_enough_and_begins_anew_once_the_rule_has_fired() -> None:
    stage = share().tell(0, P, "p1").tell(1, F, "p1").tell(2, P, "p2").tell(3, P, "p3").tell(4, F, "p2")
    assert [one.detail for one in stage.world.firings if one.outcome != "fired"] == [
        PART, "1 of 1, and it wants > 50% of post.publishing in 1m, at least 3", PART, PART,
    ]  # fmt: skip
    assert stage.outcomes[-1] == "fired"
    assert stage.tell(5, F, "p3").world.firings[-1].detail == (
        "1 of 0, and it wants > 50% of post.publishing in 1m, at least 3"
    )


def test_half_is_not_more_than_half_but_at_least_half() -> None:
    for sign, ends in ((">", "counted"), (">=", "fired")):
        stage = share(f"{sign} 50% of post.publishing in 1m, at least 2")
        assert stage.tell(0, P, "p1").tell(1, P, "p2").tell(2, F, "p1").outcomes[-1] == ends


def test_a_share_is_of_what_was_true_within_one_window_whenever_it_came_to_light() -> None:
    late_part = share().tell(0, P, "p1").tell(1, P, "p2").tell(30, F, "p1").tell(40, P, "p3", late=35).tell(41, F, "p2")
    assert late_part.outcomes[-1] == "fired"
    long_ago = share().tell(0, P, "p1").tell(1, P, "p2").tell(2, P, "p3").tell(50, F, "p1").tell(70, F, "p2")
    assert long_ago.world.firings[-1].detail.startswith("2 of 0, ")  # type: ignore[union-attr]  # it has one


def test_a_cooldown_suppresses_by_name_and_then_is_over() -> None:
    stage = failing(Stage(on("post.failed", once=MINUTE)), 0, 30, 61)
    assert stage.outcomes == ["fired", "suppressed", "fired"]
    assert stage.world.firings[1].detail == "once in 1m, and it fired at 2026-11-01 09:00:00 UTC"


def test_a_burst_that_goes_on_is_told_again_right_after_the_cooldown() -> None:
    stage = failing(Stage(counting(2, once=MINUTE)), 0, 5, 20, 40, 66)
    assert stage.outcomes == ["counted", "fired", "counted", "suppressed", "fired"]


def test_a_budget_holds_the_rule_and_tells_its_people_once() -> None:
    stage = Stage(on("post.failed", budget=Rate(3, MINUTE)))
    for n in range(10_000):
        stage.tell(n // 400, F, post=f"p{n}")
    assert stage.outcomes.count("fired") == 3
    assert stage.outcomes.count("suppressed") == 9_997
    warning = [title for title in stage.titles if "more often" in title]
    assert len(warning) == 1
    assert warning[0].startswith('The rule "r" fires more often than 3 in 1m, and is held until')
    stage.tell(200, F, post="later")
    assert stage.outcomes[-1] == "fired"


@pytest.mark.parametrize(
    ("mode", "states", "outcomes"),
    [
        (Mode.SINGLE, ["active"], ["fired", "joined"]),
        (Mode.RESTART, ["cancelled", "active"], ["fired", "fired"]),
        (Mode.QUEUED, ["active", "queued"], ["fired", "queued"]),
        (Mode.PARALLEL, ["active", "active"], ["fired", "fired"]),
    ],
)
def test_the_mode_says_what_a_second_firing_does(mode: Mode, states: list[str], outcomes: list[str]) -> None:
    stage = failing(Stage(on("post.failed", do=[WAIT, ALERT], mode=mode)), 0, 10)
    assert [str(run.state) for run in stage.world.memory.runs.values()] == states
    assert stage.outcomes == outcomes


def test_a_queued_run_begins_when_the_one_before_it_ends() -> None:
    stage = failing(Stage(on("post.failed", do=[WAIT, ALERT], mode=Mode.QUEUED)), 0, 10)
    stage.tell(20, None, event="cms.acked")
    assert [str(run.state) for run in stage.world.memory.runs.values()] == ["done", "active"]
    stage.tell(30, None, event="cms.acked")
    assert [run.state for run in stage.world.memory.runs.values()] == [RunState.DONE] * 2
    assert len(stage.titles) == 2


def pausing(*do: Step) -> tuple[Rule, Rule]:
    return on("post.published", id="holder", do=do), on("post.failed", id="held")


def test_a_pause_holds_another_rule_for_the_same_post_only() -> None:
    stage = Stage(*pausing(PauseStep("held", MINUTE)))
    stage.tell(0, U).tell(10, F).tell(11, F, post="p2").tell(71, P).tell(72, F)
    assert [(one.rule, str(one.outcome), one.post) for one in stage.world.firings] == [
        ("holder", "fired", "p1"), ("held", "suppressed", "p1"), ("held", "fired", "p2"), ("held", "fired", "p1"),
    ]  # fmt: skip
    assert "paused by holder until" in (stage.world.firings[1].detail or "")


def test_resume_ends_a_pause() -> None:
    stage = Stage(*pausing(PauseStep("held", MINUTE)), on("post.removed", id="freer", do=[ResumeStep("held")]))
    stage.tell(0, U).tell(10, G).tell(20, F)
    assert stage.outcomes == ["fired", "fired", "fired"]


def test_a_rule_mutes_another_while_its_run_is_active() -> None:
    muter = on("post.publishing", id="muter", do=[WAIT], mutes=("muted",))
    stage = Stage(muter, on("post.failed", id="muted"))
    stage.tell(0, P).tell(1, F).tell(2, None, event="cms.acked").tell(3, P, post="p2").tell(4, F, post="p3")
    assert stage.fates == [("hidden", "muted by muter"), ("pending", None)]


def test_a_silence_hides_what_it_names_until_it_is_over() -> None:
    stage = Stage(on("post.failed"))
    silence = Silence(uuid4(), {"channel": "o*", "severity": "warning"}, at(0), at(60))
    stage.world.memory.holds.silences.append(silence)
    stage.tell(10, F).tell(61, F, post="p2")
    assert stage.fates == [("hidden", f"silence {silence.id}"), ("pending", None)]


def test_of_what_nobody_was_told_nobody_is_told_the_end() -> None:
    stage = Stage(during(P, lasting=MINUTE, do=[AlertStep("ops", Text("stuck"), resolves=True)]))
    stage.world.memory.holds.silences.append(Silence(uuid4(), {}, at(0), at(90)))
    stage.tell(0, P).wait(60).tell(100, U)
    assert stage.titles == []


def test_quiet_hours_hold_an_alert_until_they_are_over() -> None:
    stage = Stage(on("post.failed", quiet=(parse_quiet("08:00-17:00 UTC"),)))
    stage.tell(10, F)
    (taken,) = stage.world.taken
    assert taken.asked.action.due_at == EPOCH + timedelta(hours=8)
    assert taken.asked.action.group is not None


def test_what_is_critical_is_told_in_the_quiet_hours_and_so_is_its_end() -> None:
    alert = AlertStep("ops", Text("x"), severity="critical", resolves=True)
    stage = Stage(on("post.failed", do=[alert], quiet=(parse_quiet("08:00-17:00 UTC"),)))
    stage.tell(10, F).tell(20, U)
    assert [taken.asked.action.due_at for taken in stage.world.taken] == [at(10), at(20)]


def test_a_canary_is_noted_and_not_done_until_its_time_is_over() -> None:
    stage = Stage(on("post.failed", do=[PauseStep("r", MINUTE), ALERT], canary=2 * MINUTE))
    stage.world.memory.in_force_since = {"r": at(0)}
    stage.tell(10, F).tell(20, F, post="p2").tell(121, F, post="p3")
    assert stage.outcomes == ["fired", "fired", "fired"]
    assert stage.fates == [("shadow", "canary"), ("shadow", "canary"), ("pending", None)]


def test_an_alert_is_repeated_until_what_it_is_about_is_over() -> None:
    stage = Stage(during(P, lasting=MINUTE, do=[AlertStep("ops", Text("stuck"), resolves=True, repeat=MINUTE)]))
    stage.tell(0, P).wait(185).tell(186, U).wait(1000)
    assert stage.titles == ["stuck", "Still, after 1m: stuck", "Still, after 2m: stuck", "Resolved: stuck"]


def ahead(there_since: datetime | None = None) -> Stage:
    """Nobody has approved a post a minute before its time."""
    stage = Stage(replace(on(), trigger=Expect((), -MINUTE, "scheduled_at", states=frozenset({A}))))
    if there_since:
        stage.world.rules.there_since = {"r": there_since}
    return stage


def test_what_comes_too_late_before_its_time_is_told_at_once_and_after_it_never() -> None:
    assert [one.at for one in ahead().tell(0, A, due=600).wait(900).world.firings] == [at(540)]
    assert [one.at for one in ahead().tell(0, S, due=600).tell(570, A).wait(900).world.firings] == [at(570)]
    assert ahead().tell(0, S, due=600).tell(600, A).wait(900).outcomes == []
    assert ahead().tell(0, A, due=600).tell(539, S).wait(900).outcomes == []


def test_a_new_time_is_looked_ahead_of_anew_and_a_new_rule_looks_at_no_old_one() -> None:
    stage = ahead().tell(0, A, due=600).tell(500, A, due=1000).wait(2000).tell(2001, A, due=3000).wait(4000)
    assert [one.at for one in stage.world.firings] == [at(940), at(2940)]
    assert ahead(at(600)).tell(0, A, due=600).wait(900).outcomes == []
    assert [one.at for one in ahead(at(570)).tell(0, A, due=600).wait(900).world.firings] == [at(570)]


def test_an_absence_that_a_late_fact_disproves_is_corrected() -> None:
    stage = Stage(expect("post.publishing", after=["post.scheduled"]))
    stage.tell(0, State.SCHEDULED).wait(601).tell(700, P, late=650)
    assert [title.partition("(")[0].strip() for title in stage.titles] == ["p1", "Correction: p1"]


def test_what_came_too_late_is_no_correction() -> None:
    stage = Stage(expect("post.publishing", after=["post.scheduled"]))
    stage.tell(0, State.SCHEDULED).wait(601).tell(700, P)
    assert stage.titles == ["p1 "]


def test_an_event_dated_in_the_future_fires_once_and_breaks_no_wait() -> None:
    stage = Stage(during(P, lasting=MINUTE), on("post.failed", id="f", once=MINUTE))
    stage.tell(0, P, late=-3600).tell(10, F, post="p2", late=-3600).wait(3_000)
    assert stage.outcomes == ["fired"]
    stage.wait(3_661)
    assert stage.outcomes == ["fired", "fired"]


def test_what_is_awaited_may_have_come_before_anybody_waited() -> None:
    stage = Stage(on("post.published", do=[WaitStep((parse_event_pattern("post.removed"),), MINUTE, "late"), ALERT]))
    stage.tell(0, P).tell(20, G).tell(30, U, late=20)
    assert stage.outcomes == ["suppressed"]
    early = Stage(on("post.failed", do=[ALERT, WAIT, ALERT]))
    early.tell(0, F).tell(1, None, event="cms.acked")
    assert len(early.titles) == 2
