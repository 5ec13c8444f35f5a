"""The reactor: matches changes and due timers against the rules, and starts, advances and cancels runs.

What it decides, and how far it has read, are committed together. A timer is looked at only when both the projector
and the reactor are complete up to its time, so that a backlog never passes for silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from tracker.domain.posts.post import Post, view
from tracker.domain.rules import periodic
from tracker.domain.rules.decide import decide
from tracker.domain.rules.event_pattern import EventName
from tracker.domain.rules.rule import Every
from tracker.domain.rules.timers import due, standing, states_awaited
from tracker.domain.runs.run_signals import result_of
from tracker.process import batch
from tracker.process.batch import Budgets, Occasion
from tracker.store.checkpoints import assignments, subscriptions
from tracker.store.checkpoints.snapshot import beginning
from tracker.store.posts import changes, posts
from tracker.store.reactions import timers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.posts.change import Change, PostView
    from tracker.domain.rules.decision import Decision
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.process.active_rules import ActiveRules
    from tracker.store.checkpoints.snapshot import Checkpoint
    from tracker.store.database import Connection, Database, Row
    from tracker.store.reactions.timers import StoredTimer
    from tracker.store.wakeups import Wakeups
    from tracker.stream.subscription import Subscription

log = structlog.get_logger(__name__)

NAME = "reactor"
UPSTREAM = "projector"
DUE_AT_ONCE = 500
POSTS_AT_ONCE = 1000


class Reactor:
    """Handles batches of changes; `rules` answers with the rules in force at each call."""

    upstream: str | None = UPSTREAM

    def __init__(self, rules: Callable[[], RuleIndex], clock: Callable[[], datetime]) -> None:
        self._rules, self._clock = rules, clock
        self._since: dict[str, datetime] = {}
        self._there: dict[str, datetime] = {}
        self._budgets = Budgets()

    async def handle(self, conn: Connection, rows: Sequence[Row], seen: Checkpoint, done: Sequence[Row]) -> None:
        """Let every rule see every change, in the order in which they were recorded."""
        rules = self._in_force()
        heard = [changes.unread(row) for row in sorted(rows, key=lambda row: row["id"])]
        results = [result_of(change) for change in heard]
        occasions = [Occasion(change.received_at, decide(rules, change), change.cause) for change in heard]
        run_ids = [run for run, _ in filter(None, results)]
        engine, occasions = await batch.prepare(
            conn, rules, self._since, occasions, run_ids, self._budgets, self._clock()
        )
        for occasion, result in zip(occasions, results, strict=True):
            if result:
                engine.deliver_signal(*result, occasion.at)
            for decision in occasion.decisions:
                engine.carry_out(decision, occasion.at)
        await batch.write(conn, engine.drain(), self._clock())

    async def caught_up(self, conn: Connection, complete: Mapping[int, datetime], now: datetime) -> bool:
        """Let timers ring that are due by what is known for certain; answers whether there may be more of them."""
        if not complete:
            return False
        ripe = await timers.due(conn, complete, DUE_AT_ONCE)
        sure = await _certain(conn, ripe)
        if sure:
            await self._ring(conn, sure, now)
        return len(sure) == DUE_AT_ONCE

    async def arm_standing(self, conn: Connection) -> dict[str, tuple[int, int]]:
        """Let rules that are new, or mean something new, wait for what is there already.

        Answers, for each of them, how many timers its earlier text had set, and how many are set now.
        """
        rules, now = self._rules(), self._clock()
        await timers.hold_revisions(conn)
        armed = await timers.armed_revisions(conn)
        await timers.forget_revisions(conn, armed.keys() - rules.by_id.keys())
        new = {rule.id: rule for rule in rules if armed.get(rule.id, ("", now))[0] != rule.revision}
        self._since = {rule.id: now if rule.id in new else armed[rule.id][1] for rule in rules}
        there = await timers.there_since(conn)
        self._there = {rule.id: there.get(rule.id, now) for rule in rules}
        rules = self._in_force()
        if not new:
            return {}
        dropped = {name: await timers.drop_stale(conn, name, rule.revision) for name, rule in new.items()}
        counts = await self._arm(conn, rules, set(new), now)
        for name, rule in new.items():
            await timers.note_revision(conn, name, rule.revision, now)
        return {name: (dropped[name], counts.get(name, 0)) for name in new}

    def _in_force(self) -> RuleIndex:
        """The rules in force, which know since when they are."""
        rules = self._rules()
        rules.there_since = self._there
        return rules

    async def _arm(self, conn: Connection, rules: RuleIndex, new: set[str], now: datetime) -> dict[str, int]:
        arms = [arm for arm in periodic.first_occasions(rules, now) if arm.rule.id in new]
        counts: dict[str, int] = {arm.rule.id: 1 for arm in arms}
        await timers.set_all(conn, [timers.StoredTimer(arm.timer) for arm in arms])
        after, states = ("", ""), states_awaited(rule for rule in rules if rule.id in new)
        while states and (page := await timers.posts_in(conn, states, after, POSTS_AT_ONCE)):
            found = [msgspec.json.decode(text, type=Post) for text in page]
            after = (found[-1].provider, found[-1].id)
            arms = [arm for post in found for arm in standing(rules, view(post)) if arm.rule.id in new]
            await timers.set_all(conn, [timers.StoredTimer(arm.timer) for arm in arms])
            for arm in arms:
                counts[arm.rule.id] = counts.get(arm.rule.id, 0) + 1
        return counts

    async def arm_anew(self, conn: Connection) -> int:
        """Let every rule wait for the posts as they stand now that they were made anew; what is past stays past."""
        rules, now, count, after = self._in_force(), self._clock(), 0, ("", "")
        states = states_awaited(rules)
        while states and (page := await timers.posts_in(conn, states, after, POSTS_AT_ONCE)):
            found = [msgspec.json.decode(text, type=Post) for text in page]
            after = (found[-1].provider, found[-1].id)
            arms = [arm for post in found for arm in standing(rules, view(post)) if arm.timer.due_at > now]
            await timers.set_all(conn, [timers.StoredTimer(arm.timer) for arm in arms])
            count += len(arms)
        return count

    async def _ring(self, conn: Connection, ripe: Sequence[StoredTimer], now: datetime) -> None:
        rules = self._rules()
        known = await posts.load(conn, [(k.timer.provider, k.timer.post) for k in ripe if k.timer.post])
        occasions = [Occasion(kept.timer.due_at, await self._meaning(conn, rules, kept, known, now)) for kept in ripe]
        run_ids = [kept.run for kept in ripe if kept.run]
        engine, occasions = await batch.prepare(conn, rules, self._since, occasions, run_ids, self._budgets, now)
        for kept in ripe:
            engine.effects.disarm((kept.timer.rule, kept.timer.key, kept.timer.kind))
        for kept, occasion in zip(ripe, occasions, strict=True):
            if kept.run:
                engine.ring(kept.run, kept.timer.meaning, kept.timer.due_at)
            for decision in occasion.decisions:
                engine.carry_out(decision, occasion.at)
        await batch.write(conn, engine.drain(), now)

    async def _meaning(
        self,
        conn: Connection,
        rules: RuleIndex,
        kept: StoredTimer,
        known: Mapping[posts.Key, posts.StoredPost],
        now: datetime,
    ) -> Sequence[Decision]:
        timer, rule = kept.timer, rules.by_id.get(kept.timer.rule)
        if kept.run or rule is None:
            return []
        if timer.kind == periodic.KIND:
            return periodic.occasion(rule, timer, await _gathered(conn, kept, rule.trigger), now)
        return [due(rule, timer, _view(known.get((timer.provider, timer.post or ""))), now)]


async def _gathered(conn: Connection, kept: StoredTimer, trigger: object) -> Sequence[Change]:
    if not isinstance(trigger, Every) or not trigger.over:
        return []
    named = [word for word in trigger.over if isinstance(word, EventName)]
    names = None if any(word.is_glob for word in named) else [word.pattern for word in named]
    return await changes.arrived(conn, periodic.since_of(kept.timer), kept.timer.due_at, names)


async def _certain(conn: Connection, ripe: Sequence[StoredTimer]) -> Sequence[StoredTimer]:
    """The timers whose time has come by what is known: what gathers from everywhere waits for every bucket."""
    if all(kept.timer.kind != periodic.KIND for kept in ripe):
        return ripe
    everywhere = await subscriptions.caught_up_everywhere(conn, UPSTREAM)
    return [one for one in ripe if one.timer.kind != periodic.KIND or (everywhere and one.timer.due_at <= everywhere)]


def _view(kept: posts.StoredPost | None) -> PostView | None:
    return view(kept.post) if kept else None


class FirstReading:
    """Runs a subscription, but reads nothing before the rules are the right ones."""

    def __init__(
        self,
        database: Database,
        subscription: Subscription,
        rules: ActiveRules,
        reacting: Reactor,
        listening: Wakeups,
    ) -> None:
        self._database, self._subscription = database, subscription
        self._rules, self._reacting, self._listening = rules, reacting, listening

    async def run(self) -> None:
        """Run the subscription until cancelled, as soon as it may read."""
        await self._rules.settle(self._database)
        async with self._database.transaction() as conn:
            await assignments.create(conn, self._subscription.name, beginning(1))
            await self._rules.take_switches(conn)
            if self._rules.any_known:
                await armed(self._reacting, conn)
        await self._subscription.run(self._listening)


async def armed(reacting: Reactor, conn: Connection) -> None:
    """Say of every rule that is new, or means something new, what has become of its timers."""
    for rule, (cancelled, begun) in (await reacting.arm_standing(conn)).items():
        log.info("rules.armed", rule=rule, timers=begun, cancelled=cancelled)
