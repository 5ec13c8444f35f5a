"""Backtests: the real log played to rules in memory, and what they would have done held against what was done.

The rules see every change as the log tells it, worked out again, and every timer comes at its time; what an action
came to is taken from the log where it was really asked for. So rules that have not changed come to what is on record.
Two things are not in the log: while the service was away, timers waited for it, and so it did not act on what had ended
in the meantime; and a rule that watches a state waited from when it was there, while here it always was.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracker.domain.rules.listing import states_listed
from tracker.domain.rules.rule import Every
from tracker.domain.rules.step import PauseStep, RetryStep, SendStep, Step, WaitStep
from tracker.domain.runs.engine_state import ACTED, EngineState, Firing
from tracker.domain.runs.simulation import Simulation
from tracker.process import processor
from tracker.runtime.tuning import collected_seldom
from tracker.store.checkpoints import subscriptions
from tracker.store.log import look_back
from tracker.store.reactions import runs, timers
from tracker.stream import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from tracker.domain.posts.change import Change
    from tracker.domain.rules.rule import Rule
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.domain.runs.engine_state import Identity
    from tracker.store.database import Connection, Database
    from tracker.stream.changes import Readers

PAGE = 500
BREATH = 0.005
"""After so many seconds others have their turn."""

FORGET_EVERY = 40 * PAGE
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=30)
"""How far before its span a backtest begins, so that what was under way then is known."""

A_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment to a moment, both included."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Held:
    """What one rule would have done in a span, beside what it did; no `revision`: the rules tried have no such rule.

    Only what fired is told in full; `held_back` counts firings that were counted or suppressed, or were errors.
    `since` is when the rule's present meaning was put in force, None where it is not in force.
    """

    rule: str
    revision: str | None
    since: datetime | None
    would: Sequence[Firing]
    did: Sequence[Firing]
    held_back: int = 0

    @property
    def gained(self) -> list[Firing]:
        """The firings that would have been and were not."""
        return _without(self.would, self.did)

    @property
    def lost(self) -> list[Firing]:
        """The firings that were and would not have been."""
        return _without(self.did, self.would)


@dataclass(frozen=True, slots=True)
class Found:
    """How rules compare over a span; the play began at `began`, or with the log, and went over so many changes."""

    span: Span
    began: datetime
    changes: int
    rules: Sequence[Held]


@dataclass
class Stage:
    """Rules, the world in which they are tried, and what they came to within the span."""

    rules: RuleIndex
    world: Simulation
    firings: list[Firing] = field(default_factory=list)

    def gather(self, span: Span) -> None:
        """Keep the firings within the span, and let go of the rest."""
        self.firings += [one for one in self.world.firings if span.since <= one.at <= span.until]
        self.world.firings.clear()
        self.world.taken.clear()
        self.world.noted.clear()
        self.world.withdrawn.clear()


class Backtest:
    """One play of the log; `progress` is told (seconds of the log that are done, seconds in all)."""

    def __init__(
        self,
        database: Database,
        readers: Readers,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._database, self._readers, self._progress = database, readers, progress

    async def run(self, rules: RuleIndex, span: Span, only: Collection[str] | None = None) -> Found:
        """What the rules would have done, beside what is on record; `only` names those to tell of."""
        async with self._database.snapshot(unhurried=True) as conn:
            span = await _as_far_as_decided(conn, span)
            armed = await timers.armed_revisions(conn)
            began, number, (stage,) = await self._play(conn, [rules], span, armed)
            names = sorted({*rules.by_id, *(armed if only is None else only)})
            did = await runs.between(conn, names, span.since, span.until)
        told = [_held(name, rules, armed, stage.firings, did) for name in names if only is None or name in only]
        return Found(span, began, number, told)

    async def compare(self, before: RuleIndex, after: RuleIndex, span: Span) -> Found:
        """What the rules `after` would have done, beside what those `before` would have done."""
        async with self._database.snapshot(unhurried=True) as conn:
            armed = await timers.armed_revisions(conn)
            began, number, (old, new) = await self._play(conn, [before, after], span, armed)
        names = sorted({*before.by_id, *after.by_id})
        return Found(span, began, number, [_held(name, after, armed, new.firings, old.firings) for name in names])

    async def _play(
        self,
        conn: Connection,
        rule_sets: Sequence[RuleIndex],
        span: Span,
        armed: Mapping[str, tuple[str, datetime]],
    ) -> tuple[datetime, int, list[Stage]]:
        first = await look_back.first_arrival(conn) or span.since
        lead = max(reach(rules) for rules in rule_sets)
        began = max(span.since - lead, first)
        known = await look_back.actions_on_record(conn, began)
        eve = began - timedelta.resolution  # what comes in first of all is gathered, too
        stages = [
            Stage(rules, Simulation(rules, eve, known, memory=_memory(rules, armed), at_a_glance=True))
            for rules in rule_sets
        ]
        states = {str(one) for rules in rule_sets for one in (*rules.waiting, *states_listed(rules.periodic))}
        if began > first and states:
            # Every rule waits for what was there already.
            async for stood in changes.stood(conn, self._readers, began, states):
                for stage in stages:
                    stage.world.stand(stood)
        with collected_seldom():
            number = await self._follow(conn, stages, Span(began, span.until), span, lead)
        for stage in stages:
            stage.world.pass_time(span.until)
            stage.gather(span)
        return began, number, stages

    async def _follow(self, conn: Connection, stages: Sequence[Stage], whole: Span, span: Span, lead: timedelta) -> int:
        seen, total = 0, round((whole.until - whole.since).total_seconds())
        async with aclosing(changes.in_order(conn, self._readers, whole.since, whole.until, PAGE)) as pages:
            async for page in pages:
                await _see(page, stages)
                seen += len(page)
                for stage in stages:
                    stage.gather(span)
                    if seen % FORGET_EVERY == 0:
                        stage.world.forget(stage.world.now - lead)
                self._progress(round((stages[0].world.now - whole.since).total_seconds()), total)
        return seen


async def _see(page: Sequence[Change], stages: Sequence[Stage]) -> None:
    """Let every world see the changes; others have their turn in between."""
    began = time.perf_counter()
    for change in page:
        for stage in stages:
            stage.world.pass_time(change.received_at)
            stage.world.see(change)
        if time.perf_counter() - began > BREATH:
            await asyncio.sleep(0)
            began = time.perf_counter()


def reach(rules: Iterable[Rule]) -> timedelta:
    """How long before something happens there can be what these rules remember of it then."""
    longest = max((_reach(rule) for rule in rules), default=timedelta(0))
    return min(longest + SHORTEST, LONGEST)


def _reach(rule: Rule) -> timedelta:
    trigger = rule.trigger
    spans = [rule.once or timedelta(0), sum(map(_lasting, rule.all_steps), timedelta(0))]
    if rule.count:
        spans.append(rule.count.window if rule.count.in_a_row else 2 * rule.count.window)
    spans += [rate.per for rate in (rule.budget, rule.throttle) if rate]
    if isinstance(trigger, Every) or rule.resolves or rule.throttle or rule.debounce:
        spans.append(A_WEEK)
    spans += [span for name in ("lasting", "within") if (span := getattr(trigger, name, None))]
    return max(spans)


def _lasting(step: Step) -> timedelta:
    """The longest that a step keeps a run, or another rule, waiting; without an end it counts as the longest of all."""
    match step:
        case WaitStep(at_most=at_most):
            return at_most or LONGEST
        case SendStep(at_most=at_most) if step.waits:
            return at_most or A_WEEK / 7
        case RetryStep(tries=tries, backoff=backoff):
            return sum((1.5 * backoff.delay(n, "") for n in range(1, tries + 1)), A_WEEK / 7)
        case PauseStep(lasting=lasting):
            return lasting
    return timedelta(0)


async def _as_far_as_decided(conn: Connection, span: Span) -> Span:
    """The span without what the service itself has not come to yet."""
    upto = await subscriptions.caught_up_everywhere(conn, processor.NAME)
    return Span(span.since, min(span.until, upto) if upto else span.until)


def _memory(rules: RuleIndex, armed: Mapping[str, tuple[str, datetime]]) -> EngineState:
    """Rules that are in force are canaries for as long as they were; others are none."""
    since = {name: _in_force(name, rules, armed) for name in rules.by_id}
    return EngineState(in_force_since={name: at for name, at in since.items() if at})


def _in_force(rule: str, rules: RuleIndex, armed: Mapping[str, tuple[str, datetime]]) -> datetime | None:
    revision, since = armed.get(rule, (None, None))
    return since if rule in rules.by_id and rules.by_id[rule].revision == revision else None


def _held(
    name: str,
    rules: RuleIndex,
    armed: Mapping[str, tuple[str, datetime]],
    would: Iterable[Firing],
    did: Iterable[Firing],
) -> Held:
    rule = rules.by_id.get(name)
    own = [one for one in would if one.rule == name]
    fired = [one for one in own if one.outcome in ACTED]
    done = [one for one in did if one.rule == name and one.outcome in ACTED]
    revision = rule.revision if rule else None
    return Held(name, revision, _in_force(name, rules, armed), fired, done, len(own) - len(fired))


def _without(some: Sequence[Firing], others: Sequence[Firing]) -> list[Firing]:
    there: set[Identity] = {one.identity for one in others}
    return [one for one in some if one.identity not in there]
