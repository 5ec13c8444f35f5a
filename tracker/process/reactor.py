"""The reactions of a batch: changes and due timers are matched against the rules, which start and advance runs.

A timer is looked at only when all that came before its time has been folded and decided, so that a backlog never passes
for silence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.post import Post, view
from tracker.domain.rules import periodic, rearming
from tracker.domain.rules.decide import decide
from tracker.domain.rules.grouping import EPOCH, OWN
from tracker.domain.rules.listing import MOST_LISTED, entered_upto, states_of_posts
from tracker.domain.rules.rule import Every
from tracker.domain.rules.timers import due, standing, states_awaited
from tracker.domain.runs.run_signals import result_of
from tracker.process import batch
from tracker.process.batch import Budgets, Occasion
from tracker.runtime.logger import Logger
from tracker.store.checkpoints import subscriptions
from tracker.store.posts import listed_posts, posts
from tracker.store.reactions import runs, timers
from tracker.store.session import write_at_once
from tracker.stream import changes
from tracker.stream.shared_waits import first_shared_waits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.posts.change import Change, PostView
    from tracker.domain.rules.decision import Decision, Timer
    from tracker.domain.rules.rule import Rule
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.domain.runs.engine import Engine
    from tracker.store.actions.actions import Handover
    from tracker.store.database import Connection
    from tracker.store.reactions.timers import StoredTimer
    from tracker.store.session import Part
    from tracker.stream.changes import Readers

log = Logger(__name__)

DUE_AT_ONCE = 500
POSTS_AT_ONCE = 1000


class Alarm:
    """When the next timer of some buckets is due, as far as this process knows, which is never too late a moment.

    Other processes set timers, too, so that it must be looked up at times; what this one sets it hears of.
    """

    def __init__(self) -> None:
        self.at: datetime | None = None
        self._buckets: Sequence[int] | None = None
        self._looked_at = float("-inf")

    def is_to_set(self, buckets: Sequence[int], before: float) -> bool:
        """Whether it is unknown for these buckets, or was looked up before that moment of the loop's clock."""
        return buckets != self._buckets or self._looked_at <= before

    async def set(self, conn: Connection, buckets: Sequence[int], moment: float) -> None:
        """Look up what is due next."""
        self._buckets, self._looked_at = buckets, moment
        self.at = await timers.next_due(conn, buckets)

    def hear(self, due_at: datetime) -> None:
        """A timer is about to be set."""
        self.at = min(due_at, self.at or due_at)

    def forget(self) -> None:
        """Let it be looked up anew."""
        self._buckets = None


class Reactor:
    """Lets the rules react; `rules` answers with those in force, at each call."""

    def __init__(self, rules: Callable[[], RuleIndex], clock: Callable[[], datetime], readers: Readers) -> None:
        self._rules, self._clock, self._readers, self.alarm = rules, clock, readers, Alarm()
        self._since: dict[str, datetime] = {}
        self._there: dict[str, datetime] = {}
        self._budgets = Budgets()

    async def react(
        self, conn: Connection, heard: Sequence[Change], now: datetime, handover: Handover | None = None
    ) -> list[Part]:
        """Let every rule see every change, in the order in which they were recorded; answers what is left to write."""
        rules = self._in_force()
        results = [result_of(change) for change in heard]
        occasions = [Occasion(change.received_at, decide(rules, change), change.cause) for change in heard]
        run_ids = [run for run, _ in filter(None, results)]
        if not run_ids and not any(occasion.decisions for occasion in occasions):
            return []
        engine, occasions = await batch.prepare(
            conn, rules, self._since, occasions, run_ids, self._budgets, now, self._readers
        )
        for occasion, result in zip(occasions, results, strict=True):
            if result:
                engine.deliver_signal(*result, occasion.at)
            for decision in occasion.decisions:
                engine.carry_out(decision, occasion.at)
        return await self._written(conn, engine, now, handover)

    async def ring(self, conn: Connection, buckets: Sequence[int], now: datetime, subscription: str) -> bool:
        """Let timers ring that are due, as all is read of these buckets; answers whether there may be more of them."""
        self.alarm.forget()
        due = timers.Ripe(buckets, now, now)
        rules = self._rules()
        if rules.shared:
            due = await _shared(conn, rules, due, subscription)
        ripe = await timers.due(conn, due, DUE_AT_ONCE)
        if ripe:
            await self._ring(conn, ripe, now)
        return len(ripe) == DUE_AT_ONCE

    async def arm_standing(self, conn: Connection) -> dict[str, tuple[int, int]]:
        """Let rules that are new, or mean something new, wait for what is there already.

        Answers, for each of them, how many timers its earlier text had set, and how many are set now.
        """
        rules, now = self._rules(), self._clock()
        self.alarm.forget()
        await timers.hold_revisions(conn)
        armed = await timers.armed_revisions(conn)
        await timers.forget_revisions(conn, armed.keys() - rules.by_id.keys())
        new = rearming.meaning_anew(rules, {name: revision for name, (revision, _) in armed.items()})
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
        arms = [*rearming.first_waits(rules, new, now), *await first_shared_waits(conn, rules, new, now)]
        counts: dict[str, int] = Counter(arm.rule.id for arm in arms)
        await timers.set_all(conn, [timers.StoredTimer(arm.timer) for arm in arms])
        after, states = ("", ""), states_awaited(rule for rule in rules if rule.id in new)
        while states and (page := await timers.posts_in(conn, states, after, POSTS_AT_ONCE)):
            found = [msgspec.json.decode(text, type=Post) for text in page]
            after = (found[-1].provider, found[-1].id)
            arms = [arm for post in found for arm in rearming.waits_for(rules, new, view(post))]
            await timers.set_all(conn, [timers.StoredTimer(arm.timer) for arm in arms])
            for arm in arms:
                counts[arm.rule.id] = counts.get(arm.rule.id, 0) + 1
        return counts

    async def arm_anew(self, conn: Connection) -> int:
        """Let every rule wait for the posts as they stand now that they were made anew; what is past stays past."""
        rules, now, after = self._in_force(), self._clock(), ("", "")
        self.alarm.forget()
        arms = [arm for arm in await first_shared_waits(conn, rules, rules.by_id, now) if arm.timer.due_at > now]
        await timers.set_all(conn, [timers.StoredTimer(arm.timer) for arm in arms])
        count = len(arms)
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
        engine, occasions = await batch.prepare(
            conn, rules, self._since, occasions, run_ids, self._budgets, now, self._readers
        )
        for kept in ripe:
            engine.effects.disarm((kept.timer.rule, kept.timer.key, kept.timer.kind))
        for kept, occasion in zip(ripe, occasions, strict=True):
            if kept.run:
                engine.ring(kept.run, kept.timer.meaning, kept.timer.due_at)
            for decision in occasion.decisions:
                engine.carry_out(decision, occasion.at)
        await write_at_once(conn, await self._written(conn, engine, now))

    async def _written(
        self, conn: Connection, engine: Engine, now: datetime, handover: Handover | None = None
    ) -> list[Part]:
        effects = engine.drain()
        for timer, _ in effects.timers.values():
            self.alarm.hear(timer.due_at)
        return await batch.written(conn, effects, now, handover)

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
            return periodic.occasion(rule, timer, await _seen(conn, self._readers, timer, rule), now)
        return [due(rule, timer, _view(known.get((timer.provider, timer.post or ""))), now)]


async def _seen(conn: Connection, readers: Readers, timer: Timer, rule: Rule) -> Sequence[Change] | Sequence[PostView]:
    """What a rule of the clock gathers, or the posts among which it lists some, as they stand now."""
    trigger = rule.trigger
    if isinstance(trigger, Every) and trigger.standing:
        wanted, states = trigger.standing, states_of_posts(rule, trigger.standing)
        until = timer.due_at + wanted.due if wanted.due else None
        entered = entered_upto(rule, wanted, timer.due_at)
        texts = await listed_posts.load(conn, states, entered, timer.due_at, until, MOST_LISTED)
        return [view(msgspec.json.decode(text, type=Post)) for text in texts]
    if not isinstance(trigger, Every) or not trigger.over:
        return []
    return await changes.gathered(conn, readers, trigger.over, periodic.since_of(timer), timer.due_at)


async def _shared(conn: Connection, rules: RuleIndex, due: timers.Ripe, subscription: str) -> timers.Ripe:
    """What is due where some rules are about what other buckets tell of, too: of them what these have come to as well.

    Who reacts to an event holds the key first and takes its timer away then; so the keys are held here before any timer
    is, with what throttled rules lock as a whole.
    """
    ripe = [kept.timer for kept in await timers.due(conn, due, DUE_AT_ONCE, held=False)]
    about = [(timer, rules.by_id[timer.rule]) for timer in ripe if timer.rule in rules.by_id]
    if not any(timer.rule in rules.shared for timer, _ in about):
        return replace(due, sure=EPOCH, shared=[*rules.shared])
    elsewhere = await subscriptions.caught_up_everywhere(conn, subscription, due.buckets)
    keys = {f"{timer.rule}\n{timer.key}" for timer, rule in about if rule.per not in OWN}
    keys |= {rule.id for _, rule in about if rule.throttle}
    if keys:
        await runs.lock_shared_keys(conn, keys)
    return replace(due, sure=min(elsewhere or due.now, due.now), shared=[*rules.shared])


def _view(kept: posts.StoredPost | None) -> PostView | None:
    return view(kept.post) if kept else None


async def armed(reacting: Reactor, conn: Connection) -> None:
    """Say of every rule that is new, or means something new, what has become of its timers."""
    for rule, (cancelled, begun) in (await reacting.arm_standing(conn)).items():
        log.info("rules.armed", rule=rule, timers=begun, cancelled=cancelled)
