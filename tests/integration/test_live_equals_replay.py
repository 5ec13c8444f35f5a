"""Random rules, random histories, random crashes: what the service did is what a pure replay of its log comes to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.integration.corridor import READERS, Corridor
from tests.integration.told import NOON, told
from tracker.domain.accounts import AccountState
from tracker.domain.actions import Backoff, Claimed, Discard, Done, Outcome, Reason, Retry
from tracker.domain.calendar import Interval
from tracker.domain.posts.event import State
from tracker.domain.rate import Count, Debounce, Rate, Share
from tracker.domain.rules.choice import Choice
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.domain.rules.grouping import ByAttribute, GroupBy, Per
from tracker.domain.rules.rule import FALSE, TRUE, Every, Expect, Match, Mode, On, Rule, Standing, Trigger, While
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import (
    AlertStep,
    ChangeStep,
    CreateStep,
    PauseStep,
    ReconcileStep,
    ResumeStep,
    RetryStep,
    SendStep,
    SetStep,
    Step,
    WaitStep,
    WhenStep,
)
from tracker.domain.runs.engine_state import OPEN
from tracker.domain.runs.run import Run
from tracker.domain.runs.simulation import Simulation
from tracker.errors import Rejected, Unavailable
from tracker.facts import commands
from tracker.process.reactor import Reactor
from tracker.store.actions import action_leases
from tracker.store.session import write_at_once
from tracker.stream import changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.domain.posts.change import Change
    from tracker.store.actions.actions import Handover
    from tracker.store.database import Connection, Database
    from tracker.store.session import Part

pytestmark = pytest.mark.anyio

STATES = ("scheduled", "publishing", "failed", "published", "removed")
WORDS = (*(f"post.{state}" for state in STATES), "publishing -> failed", "post.*", "cms.acked")
SPANS = tuple(timedelta(seconds=seconds) for seconds in (5, 20, 60, 300))
PLATFORMS = ("instagram", "x")
POSTS = 4
CAMPAIGN = ByAttribute("attributes.campaign")
BROKEN = frozenset({AccountState.EXPIRED, AccountState.DISCONNECTED})


class CrashingReactor(Reactor):
    """Dies now and then, when all is written and nothing is committed."""

    def __init__(self, corridor: CrashingCorridor, random: Random) -> None:
        super().__init__(lambda: corridor.rules, corridor.now, READERS)
        self._random = random

    async def react(
        self, conn: Connection, heard: Sequence[Change], now: datetime, handover: Handover | None = None
    ) -> list[Part]:
        parts = await super().react(conn, heard, now, handover)
        if conn.is_in_transaction():
            await write_at_once(conn, parts)
            parts = []
        self._perhaps_die()
        return parts

    async def _ring(self, conn: Connection, ripe: Any, now: datetime) -> None:
        await super()._ring(conn, ripe, now)
        self._perhaps_die()

    def _perhaps_die(self) -> None:
        if self._random.random() < 0.2:
            raise Unavailable("killed")


class CrashingCorridor(Corridor):
    """Everything in it dies now and then, and begins again with what is in Postgres."""

    def __init__(self, database: Database, rules: Sequence[Rule], random: Random) -> None:
        super().__init__(database, rules)
        self._random = random
        self.processor.reactor = CrashingReactor(self, random)
        self.processor.hands, self.worker.is_open = self.worker, True
        self.world.perform = self._perform  # type: ignore[method-assign]

    async def _perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Goes well, or not yet, or never, or its process dies in the middle."""
        chance = self._random.random()
        if chance < 0.15:
            raise asyncio.CancelledError
        if chance < 0.3:
            return Retry(Reason.TIMEOUT)
        return Discard(Reason.HTTP_4XX) if chance < 0.4 else Done(answer=b'{"n": 1}' if chance < 0.8 else b"no")

    async def acknowledge(self) -> None:
        """Somebody acknowledges what a run has told."""
        async with self.database.transaction() as conn:
            rows = await conn.fetch("select id from runs where state = 'active' order by id")
            for row in self._random.sample(rows, min(len(rows), 1)):
                with suppress(Rejected):
                    await commands.acknowledge(conn, row["id"], "somebody", self.now())

    async def settle(self) -> None:
        while True:
            try:
                await super().settle()
            except Unavailable:
                self.processor.reactor = CrashingReactor(self, self._random)
                await self.arm()  # as a service does at its start, which so learns since when its rules are there
                continue
            async with self.database.transaction() as conn:
                await conn.execute("update actions set leased_until = 'epoch' where state = 'claimed'")
                if not await action_leases.rescue(conn, self.now()):
                    return

    async def pass_time(self, until: float) -> None:
        """Stop at every moment at which something becomes due."""
        await self.wait_until(self.at)
        while (due := await self._next_due()) is not None and due <= until:
            await self.wait_until(due)
        await self.wait_until(until)

    async def _next_due(self) -> float | None:
        """The next moment after this one; what is due already waits for something else."""
        async with self.database.connection() as conn:
            due = await conn.fetchval(
                "select min(due_at) from (select due_at from timers union all"
                " select due_at from actions where state = 'pending') due where due_at > $1",
                self.now(),
            )
        return (due - NOON).total_seconds() if due else None


def a_rule(random: Random, name: str, others: list[str]) -> Rule:
    """Anything that a rule file may say; no branch leads back to itself."""
    if random.random() < 0.15:
        return _by_the_clock(random, name)
    kinds: list[Per] = [GroupBy.POST, GroupBy.POST, GroupBy.TARGET, GroupBy.PLATFORM, GroupBy.ACCOUNT, CAMPAIGN]
    per = random.choice(kinds)
    own = per in (GroupBy.POST, GroupBy.TARGET)
    trigger = _trigger(random) if own else _shared_trigger(random, per)
    ends = own or not isinstance(trigger, On) or trigger.words[0] in ENDING
    counted = isinstance(trigger, On) and random.random() < 0.3
    begins = _begins(random) if isinstance(trigger, On) else {}
    branches = {"late": tuple(_steps(random, others, own, (None,))), "exhausted": (ALERT,)}
    if random.random() < 0.3:
        branches["resolved"] = (ALERT,)
    return Rule(
        id=name,
        revision="1",
        trigger=trigger,
        do=tuple(_steps(random, others, own, ends=ends)),
        branches=branches if own else {"late": (ALERT,), "exhausted": (ALERT,)},
        match=(
            *([Match("platform", (random.choice(PLATFORMS),))] if random.random() < 0.3 else ()),
            *([Match(CAMPAIGN, ("*",))] if per is CAMPAIGN else ()),
        ),
        when=random.choice([None, None, lambda values: TRUE if values["post.attempt"] == 1 else FALSE]),
        per=per,
        count=_count(random, own) if counted and "debounce" not in begins else None,
        once=random.choice([None, None, random.choice(SPANS)]) if "debounce" not in begins else None,
        cancel_on=tuple(
            map(parse_event_pattern, random.sample(["post.removed", "post.published"], random.randint(0, 1)))
        ),
        **{"mode": random.choice(list(Mode)) if own else Mode.SINGLE, **begins},
        mutes=tuple(random.sample(others, 1)) if others and random.random() < 0.2 else (),
    )


def _begins(random: Random) -> dict[str, Any]:
    """What puts off when its runs begin, in a third of the rules."""
    chance = random.random()
    if chance < 0.15:
        mode = random.choice([Mode.SINGLE, Mode.RESTART, Mode.PARALLEL])
        return {"throttle": Rate(random.randint(1, 3), random.choice(SPANS)), "mode": mode}
    if chance < 0.3:
        calm = random.choice(SPANS[:3])
        longest = random.choice([None, calm * random.randint(1, 4)])
        return {"debounce": Debounce(calm, longest), "mode": Mode.RESTART}
    return {}


ALERT = AlertStep("ops", lambda _: "look")


def _count(random: Random, own: bool) -> Count:
    if not own and random.random() < 0.5:
        share = Share(random.choice([20, 60]), parse_event_pattern("post.scheduled"))
        return Count(2, random.choice(SPANS), share=share)
    return Count(random.randint(2, 3), random.choice(SPANS), random.random() < 0.4)


CLIENT = Choice("client.channel", "attributes.campaign", (("a", "acme"), ("*", "ops")))


def _by_the_clock(random: Random, name: str) -> Rule:
    """Gathers what has happened, or lists how posts stand; now and then only where there is enough of it."""
    states = frozenset(map(State, random.sample(STATES, 2)))
    due = random.choice([None, *SPANS]) if random.random() < 0.5 else None
    standing = Standing(states, random.choice([timedelta(0), *SPANS]), due) if random.random() < 0.7 else None
    words = () if standing else (parse_event_pattern(random.choice(WORDS)),)
    enough = random.choice([None, lambda values: TRUE if values["run.count"] > 1 else FALSE])
    return Rule(
        id=name,
        revision="1",
        trigger=Every(Interval(random.choice(SPANS[1:])), words, random.random() < 0.5, standing, enough),
        do=(
            *([_asking(random, (None,))] if random.random() < 0.3 else ()),
            AlertStep("ops", lambda values: f"{values['run.count']}: {values['run.items']}"),
        ),
        when=random.choice([None, lambda values: TRUE if values["post.attempt"] == 1 else FALSE]),
        per=random.choice([GroupBy.POST, GroupBy.TARGET, GroupBy.PLATFORM]),
    )


def _trigger(random: Random) -> Trigger:
    kind = random.random()
    if kind < 0.1:
        return On((parse_event_pattern("action.dead"),))
    if kind < 0.6:
        return On(tuple(map(parse_event_pattern, random.sample(WORDS, random.randint(1, 2)))))
    if kind < 0.8:
        state = random.choice([State.PUBLISHING, State.FAILED, State.SCHEDULED])
        return While(frozenset({state}), random.choice(SPANS), since_entered=random.random() < 0.3)
    if kind < 0.9:
        states = frozenset(random.sample([State.PUBLISHING, State.FAILED, State.SCHEDULED], random.randint(1, 2)))
        return Expect((), -random.choice(SPANS), "scheduled_at", states=states)
    return Expect(
        (parse_event_pattern("post.published"),), random.choice(SPANS), None, (parse_event_pattern("post.publishing"),)
    )


ENDING = (parse_event_pattern("post.failed"), parse_event_pattern("account.expired"))
"""What is over for all that share it."""


def _shared_trigger(random: Random, per: Per) -> Trigger:
    if random.random() < 0.3:
        return Expect((parse_event_pattern("post.published"),), random.choice(SPANS))
    if per is not GroupBy.ACCOUNT or random.random() < 0.4:
        return On((parse_event_pattern(random.choice(WORDS)),))
    if random.random() < 0.3:
        return On((parse_event_pattern("account.expired"),))
    return While(frozenset(), random.choice(SPANS), random.random() < 0.3, BROKEN)


def _steps(
    random: Random, others: list[str], own: bool, ways: tuple[str | None, ...] = (None, "late"), *, ends: bool = False
) -> list[Step]:
    other = random.choice(others) if others else "nobody"
    steps: list[Step] = [
        ALERT,
        AlertStep(
            "ops",
            lambda _: "held",
            resolves=own or ends,
            repeat=random.choice([None, SPANS[2]]) if own or ends else None,
            repetitions=random.choice([None, 1]),
        ),
        AlertStep(
            CLIENT, lambda values: f"{values['change.before']} {values['change.fields']} {values['post.targets']}"
        ),
        AlertStep("ops", lambda _: "see to it", repeat=SPANS[2] if own else None, acknowledge=True),
        SendStep("cms", lambda _: "x"),
        _asking(random, ways),
        WhenStep(lambda values: "" if values["run.answers"] else "not answered", 1, random.choice(ways)),
        WaitStep((parse_event_pattern(random.choice(WORDS)),), random.choice([None, *SPANS]), random.choice(ways)),
        WaitStep((), random.choice(SPANS)),
        WhenStep(lambda values: "" if values["post.attempt"] == 1 else "late", 1, random.choice(ways)),
        PauseStep(other, random.choice(SPANS)),
        ResumeStep(other),
        SetStep({"a": lambda _: "b"}),
        ReconcileStep(),
    ]
    if own:
        steps.append(RetryStep("publish", random.randint(1, 3), Backoff(random.choice(SPANS[:2]), 2, jitter=0.2)))
        steps += [ChangeStep("cancel"), ChangeStep("reschedule", random.choice(SPANS)), ChangeStep("delete")]
        steps.append(CreateStep(PLATFORMS[:1], text=random.choice([None, lambda _: "again"])))
    return [one for step in random.sample(steps, random.randint(1, 3)) for one in _whole(step, random, ways)]


def _asking(random: Random, ways: tuple[str | None, ...]) -> SendStep:
    """A message whose answer is waited for, the longer the surer."""
    at_most = random.choice([None, *SPANS])
    return SendStep("cms", lambda values: str(values["run.answers"]), None, None, "cms", at_most, random.choice(ways))


def _whole(step: Step, random: Random, ways: tuple[str | None, ...]) -> list[Step]:
    """The step, and behind an alert that is to be acknowledged the wait for that."""
    if not isinstance(step, AlertStep) or not step.acknowledge:
        return [step]
    return [step, WaitStep((parse_event_pattern("run.acknowledged"),), random.choice(SPANS), random.choice(ways))]


async def played(database: Database, random: Random) -> tuple[list[Rule], CrashingCorridor]:
    """A corridor in which rules have reacted to a history, the clock stopping wherever something was due."""
    rules: list[Rule] = []
    for n in range(random.randint(2, 6)):
        rules.append(a_rule(random, f"rule-{n}", [rule.id for rule in rules]))
    corridor = CrashingCorridor(database, rules, random)
    await corridor.open()
    await corridor.pass_time(1)  # rules of the clock gather what comes in after they were there
    for _ in range(random.randint(5, 25)):
        await corridor.pass_time(corridor.at + random.choice([0, 1, 7, 40, 200]))
        if random.random() < 0.3:
            await corridor.acknowledge()
        await corridor.tell(a_fact(random, corridor.at))
    await corridor.pass_time(corridor.at + 30)
    return rules, corridor


def a_fact(random: Random, at: float) -> Any:
    """Mostly of now, sometimes of earlier; of a post, of its targets, or of an event that is no state."""
    post, second = f"p{random.randrange(POSTS)}", int(at) - random.choice([0, 0, 0, 3, 50])
    if random.random() < 0.15:
        return told(post, None, second, extra="acked", kind="cms.acked")
    if random.random() < 0.12:
        state = random.choice(["connected", "expired", "disconnected"])
        account = {"id": random.choice("ab"), "platform": random.choice(PLATFORMS), "state": state}
        return told(None, None, second, extra={"account": account}, kind=f"account.{state}")
    state = random.choice(STATES)
    named = random.random() < 0.5
    extra = {"attributes": {"campaign": random.choice("ab")}} if random.random() < 0.5 else None
    due = int(at) + random.choice([-20, 10, 90, 400]) if random.random() < 0.4 else None
    targets = {name: random.choice(STATES) for name in PLATFORMS} if named else None
    return told(post, state, second, targets=targets, extra=extra, due=due)


async def replayed(rules: list[Rule], corridor: CrashingCorridor) -> Simulation:
    """A world in memory that has seen the same changes."""
    on_record = {row[0] for row in await corridor.rows("select id from actions")}
    index = RuleIndex(rules)
    index.there_since = dict.fromkeys(index.by_id, NOON)
    world = Simulation(index, NOON, on_record={UUID(str(one)) for one in on_record})
    async with corridor.database.connection() as conn:
        rows = await conn.fetch("select * from events order by position")
        made = await changes.of_events(conn, READERS, rows)
    for change in made:
        world.pass_time(change.received_at)
        world.see(change)
    world.pass_time(corridor.now())
    return world


def _stands(run: Run) -> tuple[object, ...]:
    begins = run.starts_at, run.count, run.context.get("run.items") if run.state in OPEN else None
    return run.id, run.state, run.phase, run.branch, run.step, run.tries, run.pending, begins


async def compared(database: Database, seed: int) -> int:
    """One case: raises AssertionError where the service and the replay differ; answers how many firings there were."""
    rules, corridor = await played(database, Random(seed))
    world = await replayed(rules, corridor)
    live = await corridor.rows("select rule, key, cause, outcome, coalesce(detail, ''), occurred_at from firings")
    pure = [(f.rule, f.key, f.cause, str(f.outcome), f.detail or "", f.occurred_at) for f in world.firings]
    assert sorted(live) == sorted(pure), f"seed {seed}: firings"
    async with database.connection() as conn:
        stored = [Run.from_data(row["data"]) for row in await conn.fetch("select data from runs")]
    runs, held = ([_stands(run) for run in those] for those in (stored, world.memory.runs.values()))
    assert sorted(map(str, runs)) == sorted(map(str, held)), f"seed {seed}: runs"
    unsaid = {str(row[0]) for row in await corridor.rows("select id from actions where reason = 'cancelled'")}
    rows = await corridor.rows(
        "select id, target, case when hidden_by is null then '' else state end, payload->>'of' from actions"
    )
    asked = [row[:3] for row in rows if row[3] not in unsaid]
    wanted = [
        (one.asked.action.id, one.asked.action.target, "" if one.asked.fate == "pending" else one.asked.fate)
        for one in world.taken
        # What nobody was told needs no end and no correction.
        if str(getattr(one.asked.action.payload, "of", None)) not in unsaid
    ]
    assert sorted(map(str, asked)) == sorted(map(str, wanted)), f"seed {seed}: actions"
    timers = await corridor.rows("select rule, key, kind, due_at from timers")
    assert sorted(timers) == sorted((*key, timer.due_at) for key, (timer, _) in world.timers.items()), f"seed {seed}"
    return len(pure)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("seed", range(metafunc.config.getoption("--cases")))


async def test_the_service_did_what_a_replay_of_its_log_comes_to(database: Database, seed: int) -> None:
    await compared(database, seed)
