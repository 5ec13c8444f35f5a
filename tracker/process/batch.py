"""One batch of reactions: what it may touch is read, the engine works it out, and what follows is written.

Reading and writing take a handful of statements, however many decisions a batch holds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from tracker.domain.duration import TOLERANCE, is_ahead
from tracker.domain.payloads import AlertPayload
from tracker.domain.rules.decide import words_heard
from tracker.domain.rules.decision import SILENCE, Arm, Declined, Fire, Recorded, Tallied
from tracker.domain.rules.grouping import OWN
from tracker.domain.runs.admission import muting_keys, scope_of_run
from tracker.domain.runs.engine import Engine
from tracker.domain.runs.engine_state import OPEN, EngineState
from tracker.domain.runs.run import TRYING
from tracker.facts.own_facts import labelled
from tracker.runtime.logger import Logger
from tracker.store.actions import actions
from tracker.store.log import event_log, look_back
from tracker.store.reactions import holds, runs, timers
from tracker.store.reactions.timers import StoredTimer
from tracker.store.session import require_transaction
from tracker.stream import changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.rate import Rate
    from tracker.domain.rules.decision import Decision
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.domain.runs.engine_state import ActionRequest, Effects, Identity, RuleKey
    from tracker.domain.runs.run import Run
    from tracker.store.actions.actions import Handover
    from tracker.store.database import Connection
    from tracker.store.session import Part
    from tracker.stream.changes import Readers

MARGIN = timedelta(minutes=1)
"""Batches do not begin strictly in the order of time; what was counted this much further back still counts."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """What there was since that moment, when the rule had fired `total` times in all."""

    since: datetime
    spent: int
    total: int


class Budgets:
    """What one process knows of how much of their budgets rules have spent, so that few batches must count."""

    def __init__(self) -> None:
        self._counted: dict[str, _Counted] = {}

    async def spent(
        self,
        conn: Connection,
        fires: Sequence[Fire],
        totals: dict[str, int],
        earliest: datetime,
        now: datetime | None = None,
    ) -> dict[str, list[datetime]]:
        """When rules fired within the span of their budgets, of those whose budget these firings could use up.

        `totals` are how often rules have ever fired. Firings that are dated later than `now` are none: a clock was
        ahead.
        """
        budgets = {fire.rule.id: fire.rule.budget for fire in fires if fire.rule.budget}
        if not budgets:
            return {}
        more = Counter(fire.rule.id for fire in fires)
        near = {
            rule: budget
            for rule, budget in budgets.items()
            if self._at_most(rule, budget, totals.get(rule, 0), earliest) + more[rule] >= budget.times
        }
        await self._count(conn, near, totals, earliest)
        close = {
            rule: budget for rule, budget in near.items() if self._counted[rule].spent + more[rule] >= budget.times
        }
        return await runs.spent(conn, close, earliest, (now or earliest) + TOLERANCE)

    def _at_most(self, rule: str, budget: Rate, total: int, earliest: datetime) -> int:
        known = self._counted.get(rule)
        if known is None or earliest - budget.per < known.since:
            return budget.times
        return known.spent + total - known.total

    async def _count(
        self, conn: Connection, budgets: dict[str, Rate], totals: dict[str, int], earliest: datetime
    ) -> None:
        """The totals were read before, so that what is added between the two is counted twice, and never not at all."""
        since = {rule: earliest - budget.per - MARGIN for rule, budget in budgets.items()}
        spent = await runs.counts(conn, since, [budget.times for budget in budgets.values()])
        for rule in budgets:
            self._counted[rule] = _Counted(since[rule], spent[rule], totals.get(rule, 0))


log = Logger(__name__)


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
    readers: Readers,
) -> tuple[Engine, list[Occasion]]:
    """An engine that remembers all that the occasions may touch, and the occasions with what was looked up for them.

    What was decided at a moment that is still to come holds nothing back: a clock was ahead that is right `now`.
    """
    # What a rule waits for may have come before it fired: only the history knows.
    occasions = [await _looked_back(conn, readers, one) if _looks_back(one) else one for one in occasions]
    decisions = [decision for occasion in occasions for decision in occasion.decisions]
    fires = [decision for decision in decisions if isinstance(decision, Fire)]
    keys = {(d.rule.id, _key(d)) for d in decisions}
    # Keys of accounts, platforms and providers are shared with other buckets, which other nodes handle at this moment.
    # They are locked before anything is read about them, so that what is read holds what those nodes have written; and
    # so are rules that are throttled as a whole.
    shared = {f"{d.rule.id}\n{_key(d)}" for d in decisions if d.rule.per not in OWN and not _is_part(d)}
    throttled = {fire.rule.id: fire.rule.throttle for fire in fires if fire.rule.throttle}
    if shared := shared | throttled.keys():
        require_transaction(conn)
        await runs.lock_shared_keys(conn, shared)
    earliest = min(occasion.at for occasion in occasions)
    memory = EngineState(in_force_since=since)
    # A batch that was handled before, or a fact that came late, brings firings once more that are on record. The runs
    # that are told something come first, for their keys count too: when one ends, the next of its key begins.
    budgeted = {fire.rule.id for fire in fires if fire.rule.budget}
    found = await runs.recall(conn, _identities(decisions), [*run_ids], keys, budgeted, earliest)
    memory.known = found.known
    if any(run.rule in rules.by_id and rules.by_id[run.rule].per not in OWN for run in found.told):
        require_transaction(conn)
    for run in found.told:
        keys.add((run.rule, run.key))
    for run in (*found.told, *found.open):
        memory.keep_run(run)
    # A post has one open retry, which runs of other rules and targets may share, or may be about to want.
    tried = {(run.provider, run.post) for run in memory.runs.values() if run.post and _may_try(run, rules)}
    beside = [run for run in await runs.load_trying(conn, tried) if run.id not in memory.runs]
    for run in [*beside, *await runs.load_open(conn, {(run.rule, run.key) for run in beside} - keys)]:
        memory.keep_run(run)
    # Alerts of these firings, and of the runs loaded so far, may be muted by open runs of other rules.
    muting = {key for fire in fires for key in muting_keys(rules, fire.rule.id, fire.subject)}
    muted = [run for run in memory.runs.values() if run.state in OPEN and run.rule in rules.muting]
    muting |= {key for run in muted for key in muting_keys(rules, run.rule, scope_of_run(run))}
    for run in await runs.load_open(conn, muting - keys):
        memory.keep_run(run)
    # Pauses, silences, counts and budgets are asked for only where something may be held back by them; as of the
    # earliest occasion, for time is what the log says, and a replay must come to the same end.
    if found.is_held:
        memory.holds = await holds.in_force(conn, earliest, now)
    for firing in await runs.recent(conn, _looked_at(decisions, earliest, now)):
        if is_ahead(firing.at, now):
            log.warning("rules.clock_was_ahead", rule=firing.rule, key=firing.key, fired_at=firing.at.isoformat())
            memory.ahead[firing.rule, firing.key] = firing.at
        else:
            memory.recent.setdefault((firing.rule, firing.key), []).append(firing)
    memory.spent = await budgets.spent(conn, fires, found.totals, earliest, now)
    if throttled:
        memory.starts = await runs.starts(conn, throttled, now + TOLERANCE)
    return Engine(rules, memory), occasions


async def written(conn: Connection, effects: Effects, now: datetime, handover: Handover | None = None) -> list[Part]:
    """What is left to write of all that the engine wants, in one statement; what few want has been written then.

    That takes a transaction. With the commit whoever waits for it is woken.
    """
    if effects.released or effects.pauses or effects.labels or effects.withdrawn:
        require_transaction(conn)
        await holds.release(conn, effects.released)
        await holds.hold(conn, effects.pauses)
    if effects.labels:
        await event_log.append(conn, [labelled(label, run, at, now) for label, run, at in effects.labels])
    unsaid = await actions.withdraw(conn, effects.withdrawn, now)
    asked = [one for one in effects.actions.values() if not _about(one, unsaid)]
    return [
        *runs.recording(effects.firings),
        *runs.saving(effects.runs.values(), effects.movements),
        *timers.removing(effects.disarmed - effects.timers.keys()),
        *timers.setting([StoredTimer(timer, run) for timer, run in effects.timers.values()]),
        *actions.intending(conn, asked, now, handover),
    ]


def _may_try(run: Run, rules: RuleIndex) -> bool:
    rule = rules.by_id.get(run.rule)
    return run.phase in TRYING or (run.state not in OPEN and (rule is None or rule.retries))


def _looks_back(occasion: Occasion) -> bool:
    return any(isinstance(one, Fire) and one.rule.waits_for for one in occasion.decisions)


async def _looked_back(conn: Connection, readers: Readers, occasion: Occasion) -> Occasion:
    """The occasion, in which firings know which of the words that their rules wait for had come already."""
    decisions = [await _with_earlier(conn, readers, one, occasion) for one in occasion.decisions]
    return Occasion(occasion.at, decisions, occasion.cause)


async def _with_earlier(conn: Connection, readers: Readers, decision: Decision, occasion: Occasion) -> Decision:
    if not isinstance(decision, Fire) or not decision.rule.waits_for:
        return decision
    subject, since, before = decision.subject, decision.occurred_at, occasion.cause or look_back.ALL
    if decision.rule.per not in OWN:
        rows = await look_back.of_provider(conn, subject.provider, since, before)
        found = await changes.of_events(conn, readers, rows)
    elif subject.post:
        found = await changes.of_post(conn, readers, (subject.provider, subject.post), before)
    else:
        return decision
    lately = [change for change in found if change.occurred_at >= since]
    return decision.having_heard(words_heard(decision.rule, subject.key, lately))


def _is_part(decision: Decision) -> bool:
    """Whether it is only kept, as one of what a share is of: nothing about its key is read."""
    return isinstance(decision, Tallied) and bool(decision.rule.count and decision.rule.count.share)


def _identities(decisions: Iterable[Decision]) -> set[Identity]:
    return {(d.rule.id, d.subject.key, d.cause) for d in decisions if isinstance(d, Recorded | Declined)}


def _looked_at(decisions: Iterable[Decision], earliest: datetime, now: datetime) -> dict[RuleKey, datetime]:
    """How far back the counts and cooldowns of these firings, and of what ends a row, look, by (rule, key).

    So does a silence that is over when its beginning is told.
    """
    wanted: dict[RuleKey, datetime] = {}
    for fire in decisions:
        if isinstance(fire, Arm) and fire.timer.kind == SILENCE and fire.timer.due_at <= now:
            key = (fire.rule.id, fire.timer.key)
            wanted[key] = min(fire.timer.due_at, wanted.get(key, fire.timer.due_at))
        if not isinstance(fire, Fire | Tallied) or _is_part(fire):
            continue
        rule, key = fire.rule, (fire.rule.id, fire.subject.key)
        since = [min(earliest, fire.occurred_at) - rule.count.window] if rule.count else []
        since += [earliest - rule.once] if rule.once else []
        if since:
            wanted[key] = min(*since, wanted.get(key, earliest))
    return wanted


def _about(one: ActionRequest, unsaid: set[UUID]) -> bool:
    """Whether the action is about an alert that was taken back before anybody got it."""
    said = one.action.payload
    return isinstance(said, AlertPayload) and said.of in unsaid


def _key(decision: Decision) -> str:
    return decision.timer.key if isinstance(decision, Arm) else decision.subject.key
