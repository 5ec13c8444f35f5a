"""Looking at a post again when something may be due comes to the same as a timer for each rule that waits."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import EPOCH, deliveries, fact
from tests.unit.reactions import ALERT, during, expect, match, on
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.event import Fact, State
from tracker.domain.posts.post import Post, view
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import FALSE, TRUE, Expect, Mode, Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import WaitStep
from tracker.domain.rules.timers import DeadlineIndex
from tracker.domain.runs.simulation import Simulation

SECOND = timedelta(seconds=1)


def second_attempt(values: object) -> object:
    return TRUE if values["post.attempt"] > 1 else FALSE  # type: ignore[index]  # the values of a condition


def lacking(word: str, seconds: int, of: str | None = None, after: tuple[str, ...] = (), **more: object) -> Rule:
    """A rule that waits so long for the word."""
    trigger = Expect((parse_event_pattern(word),), seconds * SECOND, of, tuple(map(parse_event_pattern, after)))
    return replace(expect(word, of, after, **more), trigger=trigger)


RULES: tuple[Rule, ...] = (
    during(State.PUBLISHING, lasting=SECOND, id="a"),
    during(State.PUBLISHING, State.FAILED, lasting=2 * SECOND, id="b", per=GroupBy.TARGET, match=match(platform="x")),
    during(State.FAILED, lasting=SECOND, id="c", match=match(state="failed"), when=second_attempt),
    during(State.SCHEDULED, State.PUBLISHING, lasting=3 * SECOND, id="d", mode=Mode.QUEUED, do=(
        WaitStep((parse_event_pattern("post.published"),), 2 * SECOND, None), ALERT)),
    lacking("post.published", 1, "failed_at", id="e"),
    lacking("post.removed", 2, "published_at", id="f", when=second_attempt),
    lacking("post.published", 1, after=("post.publishing",), id="g"),
    lacking("post.updated", 1, "failed_at", id="h"),
    replace(on(id="j"), trigger=Expect((), -2 * SECOND, "scheduled_at", states=frozenset({State.SCHEDULED}))),
    on("post.failed", id="i", cancel_on=("post.published",)),
)  # fmt: skip


def played(rules: tuple[Rule, ...], facts: list[Fact], *, at_a_glance: bool) -> Simulation:
    """The facts told in this order, half a second apart."""
    world = Simulation(RuleIndex(rules), EPOCH, at_a_glance=at_a_glance)
    posts: dict[str, Post] = {}
    told: list[Fact] = []
    for place, one in enumerate(facts):
        moment = EPOCH + place * SECOND / 2
        due = one.scheduled_at or EPOCH + (2 * place % 13) * SECOND
        arrived = replace(one, received_at=moment, scheduled_at=due)
        posts["p1"], change = arrive(posts.get("p1"), arrived, tuple(told))
        told.append(arrived)
        world.pass_time(moment)
        world.see(change)
    world.pass_time(EPOCH + timedelta(hours=1))
    return world


@given(st.lists(st.sampled_from(RULES), min_size=1, unique_by=lambda rule: rule.id), deliveries())
def test_both_ways_of_waiting_come_to_the_same(rules: list[Rule], told: tuple[list[Fact], list[Fact]]) -> None:
    timers = played(tuple(rules), told[1], at_a_glance=False)
    glances = played(tuple(rules), told[1], at_a_glance=True)
    assert sorted(map(str, glances.firings)) == sorted(map(str, timers.firings))
    assert {run.id: run for run in glances.memory.runs.values()} == {run.id: run for run in timers.memory.runs.values()}
    assert {one.asked.action.id for one in glances.taken} == {one.asked.action.id for one in timers.taken}


def test_one_moment_stands_for_many_rules() -> None:
    rules = [during(State.PUBLISHING, lasting=n * SECOND, id=f"r{n}") for n in range(5, 50)]
    world = Simulation(RuleIndex(rules), EPOCH, at_a_glance=True)
    post, change = arrive(None, fact(0, State.PUBLISHING), ())
    world.see(change)
    assert [timer.due_at for timer, _ in world.timers.values()] == [EPOCH + 5 * SECOND]
    assert DeadlineIndex(rules).soonest(view(post)) == (None, EPOCH + 5 * SECOND)
    world.pass_time(EPOCH + 20 * SECOND)
    assert len(world.firings) == 16


def test_a_rule_with_an_answer_that_is_no_state_keeps_its_timer() -> None:
    named = lacking("cms.acked", 1, "failed_at")
    assert list(DeadlineIndex([named, *RULES]).index.by_id) == ["a", "b", "c", "d", "e", "f", "j"]
