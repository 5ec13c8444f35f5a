"""The reactor: matches changes and due timers against the rules, and starts, advances and cancels runs.

What it decides, and how far it has read, are committed together. A timer is looked at only when both the projector
and the reactor are complete up to its time, so that a backlog never passes for silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from tracker.domain.change import Change
from tracker.domain.decide import decide
from tracker.domain.post import Post, view
from tracker.domain.signal import ActionFinished, TimerDue
from tracker.domain.timing import due, standing
from tracker.reaction import Reaction
from tracker.store import posts, subscriptions, timers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.change import PostView
    from tracker.domain.rule import RuleIndex
    from tracker.store.database import Connection, Row
    from tracker.store.snapshot import Checkpoint
    from tracker.store.timers import Kept

NAME = "reactor"
UPSTREAM = "projector"
DUE_AT_ONCE = 500
POSTS_AT_ONCE = 1000
OUTCOMES = {"action.done", "action.dead", "action.unknown", "action.discarded"}


class Reactor:
    """Handles batches of changes; `rules` answers with the rules in force at each call."""

    def __init__(self, rules: Callable[[], RuleIndex], clock: Callable[[], datetime]) -> None:
        self._rules, self._clock = rules, clock

    async def handle(self, conn: Connection, rows: Sequence[Row], seen: Checkpoint, done: Sequence[Row]) -> None:
        """Let every rule see every change, in the order in which they were recorded."""
        rules, now = self._rules(), self._clock()
        reaction = Reaction(rules, now)
        changes = [_change(row) for row in sorted(rows, key=lambda row: row["id"])]
        decisions = [decide(rules, change) for change in changes]
        results = [_result(change) for change in changes]
        await reaction.prepare(
            conn, [one for made in decisions for one in made], [run for run, _ in filter(None, results)]
        )
        for made, result in zip(decisions, results, strict=True):
            if result:
                reaction.hear(*result)
            for decision in made:
                reaction.carry_out(decision)
        await reaction.write(conn)

    async def upstream(self, conn: Connection, buckets: Sequence[int], now: datetime) -> Mapping[int, datetime]:
        """Up to when the projector has turned the log into changes."""
        reached = await subscriptions.caught_up_at(conn, UPSTREAM, buckets)
        return {bucket: min(moment, now) for bucket, moment in reached.items() if moment}

    async def caught_up(self, conn: Connection, complete: Mapping[int, datetime], now: datetime) -> bool:
        """Look at the timers that are due by what is known for certain."""
        if not complete:
            return False
        ripe = await timers.due(conn, complete, DUE_AT_ONCE)
        if ripe:
            await self._ring(conn, ripe, now)
        return len(ripe) == DUE_AT_ONCE

    async def arm_standing(self, conn: Connection) -> None:
        """Let rules that are new wait for the posts that are there already."""
        rules = self._rules()
        armed = await timers.armed_revisions(conn)
        new = {rule.id for rule in rules if armed.get(rule.id) != rule.revision}
        if not new:
            return
        after = ("", "")
        while page := await timers.open_posts(conn, after, POSTS_AT_ONCE):
            found = [msgspec.json.decode(text, type=Post) for text in page]
            after = (found[-1].provider, found[-1].id)
            arms = [arm for post in found for arm in standing(rules, view(post)) if arm.rule.id in new]
            await timers.set_all(conn, [timers.Kept(arm.timer) for arm in arms])
        for rule in rules:
            if rule.id in new:
                await timers.note_revision(conn, rule.id, rule.revision)

    async def _ring(self, conn: Connection, ripe: Sequence[Kept], now: datetime) -> None:
        rules = self._rules()
        reaction = Reaction(rules, now)
        reaction.drop_timers(ripe)
        version = await posts.current_projection(conn)
        known = await posts.load(conn, version, [(k.timer.provider, k.timer.post) for k in ripe if k.timer.post])
        decisions = [
            due(
                rules.by_id[kept.timer.rule],
                kept.timer,
                _view(known.get((kept.timer.provider, kept.timer.post or ""))),
                now,
            )
            for kept in ripe
            if kept.run is None and kept.timer.rule in rules.by_id
        ]
        await reaction.prepare(conn, decisions, [kept.run for kept in ripe if kept.run])
        for kept in ripe:
            if kept.run:
                reaction.hear(kept.run, TimerDue(kept.timer.meaning))
        for decision in decisions:
            reaction.carry_out(decision)
        await reaction.write(conn)


def _view(kept: posts.Kept | None) -> PostView | None:
    return view(kept.post) if kept else None


def _change(row: Row) -> Change:
    return msgspec.convert({**row, "cause": row["cause"]}, Change)


def _result(change: Change) -> tuple[UUID, ActionFinished] | None:
    """How an action of a run ended, where that is what the change tells."""
    said = change.detail or {}
    if change.event not in OUTCOMES or not said.get("run"):
        return None
    outcome, reason = str(said["outcome"]), str(said["reason"])
    return UUID(str(said["run"])), ActionFinished(UUID(str(said["action"])), outcome, reason)
