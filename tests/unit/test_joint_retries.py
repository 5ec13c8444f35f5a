"""A post has one open retry, however many rules and targets want one: the others join it, and count it as a try."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from tests.unit.reactions import MINUTE, RETRY, on
from tests.unit.test_engine import F, P, Stage, at
from tracker.domain.actions import Backoff
from tracker.domain.rules.decision import Cancel
from tracker.domain.rules.grouping import Group
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import RetryStep
from tracker.domain.runs.engine_state import Effects, Movement, Pause
from tracker.domain.runs.run import Phase, Run, RunState
from tracker.domain.runs.run_signals import ActionFinished
from tracker.rulebook import Known, load_text
from tracker.rulebook.test_runner import run_tests

TWICE = """
[rule.rt]
on        = "post.failed"
per       = "target"
do        = [{ retry = "publish", tries = 2, backoff = "1m" }]
exhausted = [{ alert = "ops", title = "{{ target.platform }}: {{ run.tries }} tries" }]

[[test]]
rule     = "rt"
timeline = '''
0s     >  post.failed platform=x
3s     >  post.failed platform=instagram
1m     <  retry
1m3s   !  retry
2m     >  post.failed platform=x
2m10s  >  post.failed platform=instagram
3m     <  retry
4m     >  post.failed platform=x
4m     <  alert ops title="x: 2 tries"
5m     >  post.failed platform=instagram
5m     <  alert ops title="instagram: 2 tries"
1d     !  retry
'''
"""


def retrying(name: str, wait: int, tries: int = 3) -> Rule:
    return on("post.failed", id=name, do=[RetryStep("publish", tries, Backoff(wait * MINUTE))])


class Watched(Stage):
    """A stage that keeps the moves of runs, and what was withdrawn."""

    def __init__(self, *rules: Rule) -> None:
        super().__init__(*rules)
        self.moves: list[Movement] = []
        self.withdrawn: list[object] = []
        taken_in = self.world._take_in

        def keep(effects: Effects) -> None:
            self.moves += effects.movements
            self.withdrawn += effects.withdrawn
            taken_in(effects)

        self.world._take_in = keep  # type: ignore[method-assign]


def runs(stage: Stage) -> dict[str, Run]:
    return {run.rule: run for run in stage.world.memory.runs.values()}


def retries(stage: Stage) -> list[int]:
    """When a retry was asked for, in seconds."""
    return [round((one.at - at(0)).total_seconds()) for one in stage.world.taken if one.asked.action.verb == "retry"]


def test_one_retry_serves_all_targets_and_is_counted_once() -> None:
    book = load_text(TWICE)
    assert [one.wrong for one in run_tests(book.tests, book.rules) if not one.passed] == []


def test_rules_that_want_the_same_post_retried_share_each_try() -> None:
    stage = Stage(retrying("hasty", 1, tries=1), retrying("slow", 10)).tell(0, F).wait(60)
    assert retries(stage) == [60]
    assert {run.rule: run.tries for run in stage.world.memory.runs.values()} == {"hasty": 1, "slow": 1}
    stage.tell(61, P).tell(62, F).wait(62 + 600)
    assert runs(stage)["hasty"].state is RunState.EXHAUSTED
    assert retries(stage) == [60, 662]


def test_that_a_try_is_anothers_stands_in_the_history() -> None:
    stage = Watched(retrying("hasty", 1), retrying("slow", 10))
    stage.tell(0, F)
    stage.world.on_record = _Everything()
    stage.wait(60)
    said = [move.said for move in stage.moves if move.run == runs(stage)["slow"].id]
    assert said[-1] == 'step 0, acting: joins the retry that "hasty" asked for'


class _Everything(frozenset[UUID]):
    """No action is taken at once: what came of it is told."""

    def __contains__(self, _: object) -> bool:
        return True


def open_tries() -> Watched:
    """Two runs that wait for the end of one retry."""
    stage = Watched(retrying("hasty", 1), retrying("slow", 10))
    stage.tell(0, F)
    stage.world.on_record = _Everything()
    stage.wait(60)
    assert {run.pending for run in runs(stage).values()} == {runs(stage)["hasty"].pending}
    return stage


@pytest.mark.parametrize(("outcome", "phase"), [("done", Phase.WATCHING), ("dead", Phase.OVER)])
def test_its_end_is_told_to_all(outcome: str, phase: Phase) -> None:
    stage = open_tries()
    first = runs(stage)["hasty"]
    assert first.pending
    stage.world._engine.deliver_signal(first.id, ActionFinished(first.pending, outcome), at(61))
    assert [run.phase for run in runs(stage).values()] == [phase, phase]


def test_one_that_wants_a_retry_while_one_is_open_joins_it() -> None:
    stage = open_tries()
    late = replace(retrying("late", 1), id="late")
    stage.world.exchange(type(stage.world.rules)([*stage.world.rules, late]))
    stage.tell(70, P).tell(71, F).wait(131)
    assert runs(stage)["late"].pending == runs(stage)["hasty"].pending
    assert retries(stage) == [60]


def test_a_retry_that_another_shares_is_not_taken_back_and_still_tells_the_other() -> None:
    stage = open_tries()
    first, rule = runs(stage)["hasty"], stage.world.rules.by_id["hasty"]
    assert first.pending
    stage.world.carry_out([Cancel(rule, Group(first.key, first.provider, first.post), "somebody")], at(61))
    assert runs(stage)["hasty"].state is RunState.CANCELLED
    assert stage.withdrawn == []
    stage.world._engine.deliver_signal(first.id, ActionFinished(first.pending, "done"), at(62))
    assert runs(stage)["slow"].phase is Phase.WATCHING


def test_the_last_who_wants_it_takes_it_back() -> None:
    stage = open_tries()
    first = runs(stage)["hasty"]
    for second, rule in enumerate(stage.world.rules, 61):
        stage.world.carry_out([Cancel(rule, Group(first.key, first.provider, first.post), "somebody")], at(second))
    assert stage.withdrawn == [first.pending]


def test_a_rule_that_is_paused_does_not_join() -> None:
    stage = Stage(retrying("hasty", 1), retrying("slow", 2)).tell(0, F)
    stage.world.memory.holds.pauses.append(Pause("slow", "", at(300), "somebody"))
    stage.wait(60)
    assert (runs(stage)["slow"].phase, runs(stage)["slow"].tries) == (Phase.BACKOFF, 0)


def test_a_canary_tries_nothing_for_others() -> None:
    canary = replace(retrying("canary", 1), canary=60 * MINUTE)
    stage = Stage(canary, retrying("slow", 2)).tell(0, F).wait(119)
    assert (runs(stage)["canary"].tries, runs(stage)["slow"].tries) == (1, 0)


def test_other_posts_are_their_own() -> None:
    stage = Stage(on("post.failed", do=[RETRY])).tell(0, F).tell(1, F, post="p2").wait(90)
    assert retries(stage) == [60, 61]


def said_of(text: str, known: Known) -> list[str]:
    return [str(warning) for warning in load_text(text, "r.toml", known).warnings]


def test_that_a_provider_retries_whole_posts_is_said_at_load() -> None:
    known = Known(providers={"a", "b"}, retrying={"a"})
    rule = '[rule.r]\non = "post.failed"\nper = "target"\ndo = [{ retry = "publish" }]\n'
    (said,) = said_of(rule, known)
    assert said == (
        'r.toml:3:7: rule.r.per: "a" retries whole posts: one retry serves all targets of a post, and is a try of each'
        ' (per = "post" says so)'
    )
    assert said_of(rule + 'match = { provider = "b" }\n', known) == []
    assert said_of(rule.replace('per = "target"\n', ""), known) == []
    assert said_of(rule, Known()) == []
