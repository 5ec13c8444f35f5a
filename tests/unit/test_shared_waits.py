"""Waits of what posts share come to the same in whatever order the shares of the log are read, and are never false."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import EPOCH, fact, target
from tests.unit.reactions import ALERT, at
from tracker.domain.accounts import AccountFact, AccountState
from tracker.domain.posts.arrival import about_no_post, arrive
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import StateEntered, parse_event_pattern
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import Expect, On, Rule, Trigger, While
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.runs.simulation import Simulation

SPAN = 10
LASTING = timedelta(seconds=SPAN)
TELLING = (replace(ALERT, resolves=True),)
SILENT = Expect((StateEntered(State.PUBLISHED),), LASTING)
BROKEN = While(frozenset(), LASTING, accounts=frozenset({AccountState.EXPIRED, AccountState.DISCONNECTED}))
Batch = tuple[int, list[Any]]
"""What is read of the log, in this order, when nothing else is left to read by that second."""


def a_rule(trigger: Trigger, **more: Any) -> Rule:
    return Rule("r", "1", trigger, TELLING, per=GroupBy.ACCOUNT, **more)


def published(second: int, post: str | None = None, told: int | None = None, state: State = State.PUBLISHED) -> Change:
    """A post of the account is published at that second, which is told then or later."""
    received = EPOCH + timedelta(seconds=second if told is None else told)
    said = fact(second, state, (target("x", state, "brand"),), post=post or f"p{second}", received_at=received)
    return arrive(None, said)[1]


def of_account(second: int, state: AccountState, told: int | None = None) -> Change:
    """An event says at that second how the account stands."""
    received = EPOCH + timedelta(seconds=second if told is None else told)
    said = AccountFact("brand", "x", "Brand", state)
    event = f"account.{state}"
    return about_no_post(replace(fact(second, None), post=None, event=event, account=said, received_at=received))


def a_world(*rules: Rule) -> Simulation:
    return Simulation(RuleIndex(rules), EPOCH)


def played(rule: Rule, batches: list[Batch]) -> Simulation:
    """A world in which each batch is read as a whole before any timer of its time rings."""
    world = a_world(rule)
    for second, changes in batches:
        for change in changes:
            world.see(change)
        world.pass_time(at(second))
    return world


def outcome(world: Simulation) -> tuple[Any, ...]:
    """All that has come of it, whoever brought it: an end by which of two that are told at once is all the same."""
    firings = {(one.cause, one.outcome, one.at) for one in world.firings}
    said = [bool(getattr(one.asked.action.payload, "resolved", False)) for one in world.taken]
    timers = {(timer.key, timer.kind, timer.due_at, timer.cause) for timer, _ in world.timers.values()}
    return firings, sorted(said), timers, sorted((run.cause, run.state) for run in world.memory.runs.values())


@st.composite
def told_in_batches(draw: st.DrawFn, make: Any) -> list[tuple[int, list[Any]]]:
    """Whatever `make` draws of a second, told then or in a later batch, the batches in order of their times."""
    ends = sorted(draw(st.lists(st.integers(1, 80), min_size=1, max_size=5, unique=True)))
    batches: list[Batch] = []
    for end in ends:
        seconds = draw(st.lists(st.integers(0, end), max_size=4, unique=True))
        batches.append((end, [draw(make(second, end)) for second in seconds]))
    return batches


def publications(second: int, told: int) -> st.SearchStrategy[Any]:
    return st.just(published(second, f"p{second}", told))


def words(second: int, told: int) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(AccountState)[1:]).map(lambda state: of_account(second, state, told))


def second_of(change: Change) -> int:
    return round((change.occurred_at - EPOCH).total_seconds())


def last_of(batches: list[Batch]) -> list[tuple[int, list[int]]]:
    """By the end of each batch the seconds of all that has been told."""
    told: list[int] = []
    found = []
    for end, changes in batches:
        told = [*told, *map(second_of, changes)]
        found.append((end, told))
    return found


@given(told_in_batches(publications), st.randoms())
def test_a_silence_is_told_where_nothing_known_by_then_breaks_it_and_in_whatever_order_that_is_read(
    batches: list[Batch], random: Any
) -> None:
    shuffled = [(end, random.sample(changes, len(changes))) for end, changes in batches]
    world, other = (played(a_rule(SILENT), some) for some in (batches, shuffled))
    assert outcome(world) == outcome(other)
    silent = {max(told) for end, told in last_of(batches) if told and max(told) + SPAN <= end}
    assert {one.cause for one in world.firings} == {f"silence:{at(second).isoformat()}" for second in silent}
    _, told = last_of(batches)[-1]
    open_runs = [run for run in world.memory.runs.values() if run.state == "active"]
    latest = [f"silence:{at(second).isoformat()}" for second in silent if second == max(told)]
    assert [run.cause for run in open_runs] == latest


@given(told_in_batches(words), st.randoms())
def test_an_account_is_told_of_that_is_out_by_all_that_is_known_in_whatever_order_that_is_read(
    batches: list[Batch], random: Any
) -> None:
    known: set[tuple[int, str, AccountState]] = set()
    out = set()
    for end, changes in batches:
        known |= {(second_of(change), change.fact, change.account.state) for change in changes}
        lasting = None
        for second, _, state in sorted(known, reverse=True):
            if state is AccountState.CONNECTED:
                break
            lasting = second
        if lasting is not None and lasting + SPAN <= end:
            out.add(lasting)
    world = played(a_rule(BROKEN), batches)
    assert {one.cause for one in world.firings} == {f"account:{at(second).isoformat()}" for second in out}
    shuffled = [(end, random.sample(changes, len(changes))) for end, changes in batches]
    other = played(a_rule(BROKEN), shuffled)
    assert {one.cause for one in other.firings} == {one.cause for one in world.firings}
    assert {timer.due_at for timer, _ in other.timers.values()} == {timer.due_at for timer, _ in world.timers.values()}


def said(world: Simulation) -> list[str]:
    return [str(getattr(one.asked.action.payload, "title", ""))[:12] for one in world.taken]


def test_the_end_of_a_silence_is_told_once_and_a_silence_that_was_none_is_corrected() -> None:
    world = played(
        a_rule(SILENT), [(10, [published(0)]), (15, [published(12)]), (25, []), (29, [published(20, told=29)])]
    )
    assert said(world) == ["p0 ", "Resolved: p0", "p12 ", "Correction: "]


def test_what_is_told_of_a_time_before_the_last_publication_neither_begins_nor_ends_a_silence() -> None:
    late, again = published(3, told=25), published(10, "p10", told=26)
    world = played(a_rule(SILENT), [(20, [published(10)]), (25, [late]), (26, [again]), (60, [])])
    assert said(world) == ["p10 "]


def test_the_next_publication_ends_the_trouble_of_an_account_whichever_post_it_is_of_and_a_cancelled_one_does_not() -> (
    None
):
    rule = a_rule(On((parse_event_pattern("post.failed"),)))
    failed, sooner = published(10, state=State.FAILED), published(9, told=11)
    cancelled = published(12, state=State.CANCELLED)
    world = played(rule, [(10, [failed]), (11, [sooner]), (12, [cancelled])])
    assert len(world.taken) == 1
    world.see(published(13))
    assert said(world)[1].startswith("Resolved")


@pytest.mark.parametrize("state", [AccountState.EXPIRED, AccountState.DISCONNECTED])
def test_what_happens_to_an_account_is_over_when_it_is_connected_again(state: AccountState) -> None:
    rule = a_rule(On((parse_event_pattern("account.expired"), parse_event_pattern("account.disconnected"))))
    world = played(rule, [(1, [of_account(1, state)]), (2, [of_account(0, AccountState.CONNECTED, told=2)])])
    assert len(world.taken) == 1
    world.see(of_account(3, AccountState.CONNECTED))
    assert said(world)[1].startswith("Resolved")
