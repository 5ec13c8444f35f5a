"""One batch of reactions: what it may touch is read, the engine works it out, and what follows is written.

Reading and writing take a handful of statements, however many decisions a batch holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from tracker.domain.clock import is_ahead
from tracker.domain.payloads import AlertPayload
from tracker.domain.rules.decide import words_heard
from tracker.domain.rules.decision import Arm, Declined, Failed, Fire, Suppressed
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.runs.alerting import muting_keys, scope_of_run
from tracker.domain.runs.engine import Engine
from tracker.domain.runs.engine_state import EngineState
from tracker.facts.own_facts import labelled
from tracker.store.actions import actions
from tracker.store.log import event_log
from tracker.store.posts import changes
from tracker.store.reactions import firings, rule_pauses, runs, timers
from tracker.store.reactions.timers import StoredTimer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.rules.decision import Decision
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.domain.runs.engine_state import ActionRequest, Effects, RuleKey
    from tracker.domain.runs.firing import Identity
    from tracker.process.budgets import Budgets
    from tracker.store.database import Connection

log = structlog.get_logger(__name__)

SHARED = frozenset({GroupBy.ACCOUNT, GroupBy.PLATFORM, GroupBy.PROVIDER})


@dataclass(frozen=True, slots=True)
class Occasion:
    """Decisions that follow from one thing, which the log has at `at`; `cause` is its place there, 0 for a timer."""

    at: datetime
    decisions: Sequence[Decision]
    cause: int = 0


async def prepare(
    conn: Connection,
    rules: RuleIndex,
    since: Mapping[str, datetime],
    occasions: Sequence[Occasion],
    run_ids: Iterable[UUID],
    budgets: Budgets,
    now: datetime,
) -> tuple[Engine, list[Occasion]]:
    """An engine that remembers all that the occasions may touch, and the occasions with what was looked up for them.

    What was decided at a moment that is still to come holds nothing back: a clock was ahead that is right `now`.
    """
    occasions = [await _looked_back(conn, one) if _looks_back(one) else one for one in occasions]
    decisions = [decision for occasion in occasions for decision in occasion.decisions]
    fires = [decision for decision in decisions if isinstance(decision, Fire)]
    keys = {(d.rule.id, _key(d)) for d in decisions}
    if shared := {f"{d.rule.id}\n{_key(d)}" for d in decisions if d.rule.per in SHARED}:
        await firings.lock_shared_keys(conn, shared)
    earliest = min((occasion.at for occasion in occasions), default=None)
    memory = EngineState(in_force_since=since)
    memory.known = await firings.known(conn, _identities(decisions))
    for run in await runs.load(conn, list(run_ids)):
        memory.keep_run(run)
        keys.add((run.rule, run.key))
    for run in await runs.load_open(conn, keys):
        memory.keep_run(run)
    muting = {key for fire in fires for key in muting_keys(rules, fire.rule.id, fire.subject)}
    muted = [run for run in memory.runs.values() if run.rule in rules.muting]
    muting |= {key for run in muted for key in muting_keys(rules, run.rule, scope_of_run(run))}
    for run in await runs.load_open(conn, muting - keys):
        memory.keep_run(run)
    if earliest and (decisions or memory.runs):
        memory.holds = await rule_pauses.in_force(conn, earliest, now)
        for firing in await firings.recent(conn, _looked_at(fires, earliest)):
            if is_ahead(firing.at, now):
                log.warning("rules.clock_was_ahead", rule=firing.rule, key=firing.key, fired_at=firing.at.isoformat())
            else:
                memory.recent.setdefault((firing.rule, firing.key), []).append(firing)
        memory.spent = await budgets.spent(conn, fires, earliest, now)
    return Engine(rules, memory), occasions


async def write(conn: Connection, effects: Effects, now: datetime) -> None:
    """Everything that the engine has come to want."""
    await firings.record(conn, effects.firings)
    await runs.save(conn, effects.runs.values())
    await runs.record_moves(conn, effects.movements)
    await timers.remove(conn, effects.disarmed - effects.timers.keys())
    await timers.set_all(conn, [StoredTimer(timer, run) for timer, run in effects.timers.values()])
    await rule_pauses.release(conn, effects.released)
    await rule_pauses.hold(conn, effects.pauses)
    unsaid = await actions.withdraw(conn, effects.withdrawn, now)
    if asked := [one for one in effects.actions.values() if not _about(one, unsaid)]:
        await actions.intend(conn, asked, now)
    if effects.labels:
        await event_log.append(conn, [labelled(label, run, at, now) for label, run, at in effects.labels])


def _looks_back(occasion: Occasion) -> bool:
    return any(isinstance(one, Fire) and one.rule.waits_for for one in occasion.decisions)


async def _looked_back(conn: Connection, occasion: Occasion) -> Occasion:
    """A rule that waits for something may find that it has come already."""
    return Occasion(
        occasion.at, [await _with_earlier(conn, one, occasion) for one in occasion.decisions], occasion.cause
    )


async def _with_earlier(conn: Connection, decision: Decision, occasion: Occasion) -> Decision:
    if not isinstance(decision, Fire) or not decision.rule.waits_for:
        return decision
    subject, since, before = decision.subject, decision.occurred_at, occasion.cause or 2**62
    if decision.rule.per in SHARED:
        found = await changes.of_provider(conn, subject.provider, since, before)
    elif subject.post:
        found = await changes.of_post(conn, subject.provider, subject.post, since, before)
    else:
        return decision
    return decision.having_heard(words_heard(decision.rule, subject.key, found))


def _identities(decisions: Iterable[Decision]) -> set[Identity]:
    return {
        (d.rule.id, d.subject.key, d.cause) for d in decisions if isinstance(d, Fire | Failed | Suppressed | Declined)
    }


def _looked_at(fires: Iterable[Fire], earliest: datetime) -> dict[RuleKey, datetime]:
    """How far back the counts and cooldowns of these firings look."""
    wanted: dict[RuleKey, datetime] = {}
    for fire in fires:
        rule, key = fire.rule, (fire.rule.id, fire.subject.key)
        since = [min(earliest, fire.occurred_at) - rule.count.window] if rule.count else []
        since += [earliest - rule.once] if rule.once else []
        if since:
            wanted[key] = min(*since, wanted.get(key, earliest))
    return wanted


def _about(one: ActionRequest, unsaid: set[UUID]) -> bool:
    """Whether it follows an alert that was taken back before anybody got it."""
    said = one.action.payload
    return isinstance(said, AlertPayload) and said.of in unsaid


def _key(decision: Decision) -> str:
    return decision.timer.key if isinstance(decision, Arm) else decision.subject.key
