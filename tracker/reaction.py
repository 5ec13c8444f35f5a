"""One batch of reactions: read once what it touches, worked out in memory, written in a handful of statements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracker.domain.decision import Arm, Cancel, Declined, Disarm, Failed, Fire, Resolve, Settle, Suppressed, Timer
from tracker.domain.run import RunState, begin
from tracker.domain.signal import (
    Again,
    ArmTimer,
    Cancelled,
    DisarmTimer,
    Perform,
    Resolved,
    Settled,
    Started,
    Withdraw,
)
from tracker.domain.subject import Per
from tracker.domain.workflow import advance
from tracker.store import actions, firings, runs, timers
from tracker.store.firings import Firing
from tracker.store.timers import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.action import ActionSpec
    from tracker.domain.decision import Decision
    from tracker.domain.rule import RuleIndex
    from tracker.domain.run import Run
    from tracker.domain.signal import Intent, Signal
    from tracker.store.database import Connection
    from tracker.store.firings import Identity

SHARED = frozenset({Per.ACCOUNT, Per.PLATFORM, Per.PROVIDER})


class Reaction:
    """Collects what follows from decisions and signals; nothing is written before `write`."""

    def __init__(self, rules: RuleIndex, now: datetime) -> None:
        self._rules, self._now = rules, now
        self._known: set[Identity] = set()
        self._runs: dict[UUID, Run] = {}
        self._active: dict[tuple[str, str], UUID] = {}
        self._changed: dict[UUID, Run] = {}
        self._firings: dict[Identity, Firing] = {}
        self._set: dict[timers.Key, Kept] = {}
        self._removed: set[timers.Key] = set()
        self._intended: dict[UUID, tuple[ActionSpec, Run]] = {}
        self._withdrawn: list[UUID] = []

    async def prepare(self, conn: Connection, decisions: Iterable[Decision], run_ids: Sequence[UUID]) -> None:
        """Read the firings and runs that the decisions may touch, and hold the keys that buckets share."""
        decisions = list(decisions)
        keys = {(d.rule.id, _key(d)) for d in decisions}
        if shared := {f"{d.rule.id}\n{_key(d)}" for d in decisions if d.rule.per in SHARED}:
            await firings.lock_shared_keys(conn, shared)
        causes = {
            (d.rule.id, d.subject.key, d.cause)
            for d in decisions
            if isinstance(d, Fire | Failed | Suppressed | Declined)
        }
        self._known = await firings.known(conn, causes)
        for run in await runs.load_active(conn, keys):
            self._keep(run)
        for run in await runs.load(conn, [run for run in run_ids if run not in self._runs]):
            self._keep(run)

    def drop_timers(self, ripe: Iterable[Kept]) -> None:
        """They have come; whatever still waits is armed anew."""
        self._removed |= {(kept.timer.rule, kept.timer.key, kept.timer.kind) for kept in ripe}

    def carry_out(self, decision: Decision) -> None:
        """One decision, in the light of all before it."""
        match decision:
            case Fire():
                self._fire(decision)
            case Declined(rule, subject, cause, context):
                if self._new(rule.id, subject.key, cause):
                    self._tell(rule.id, subject.key, Again(eligible=False, context=context))
            case Failed(_, _, _, detail, _):
                self._record(decision, "error", detail)
            case Suppressed(_, _, _, detail):
                self._record(decision, "suppressed", detail)
            case Arm(_, timer):
                self._arm(Kept(timer))
            case Disarm(rule, subject, kind):
                self._disarm((rule.id, subject.key, kind))
            case Cancel(rule, subject, by):
                self._tell(rule.id, subject.key, Cancelled(by))
            case Settle(rule, subject, state):
                self._tell(rule.id, subject.key, Settled(state))
            case Resolve(rule, subject):
                self._tell(rule.id, subject.key, Resolved())

    def hear(self, run_id: UUID, signal: Signal) -> None:
        """Advance a run; where its rule is gone, the run ends."""
        run = self._runs.get(run_id)
        if run is None or run.state is not RunState.ACTIVE:
            return
        rule = self._rules.by_id.get(run.rule)
        if rule is None:
            self._keep(replace(run, state=RunState.CANCELLED, why="the rule was removed or switched off"), changed=True)
            self._disarm((run.rule, run.key, "run"))
            return
        moved = advance(run, rule, signal, self._now)
        self._keep(moved.run, changed=True)
        for intent in moved.intents:
            self._intend(moved.run, intent)

    async def write(self, conn: Connection) -> None:
        """Everything that was collected."""
        await firings.record(conn, list(self._firings.values()), self._now)
        await runs.save(conn, self._changed.values())
        await timers.remove(conn, self._removed - self._set.keys())
        await timers.set_all(conn, self._set.values())
        if self._withdrawn:
            await actions.withdraw(conn, self._withdrawn, self._now)
        if self._intended:
            wanted = [(a, r.rule, r.revision, r.id, r.provider, r.post) for a, r in self._intended.values()]
            await actions.intend(conn, wanted, self._now)

    def _fire(self, fire: Fire) -> None:
        if not self._new(fire.rule.id, fire.subject.key, fire.cause):
            return
        active = self._active.get((fire.rule.id, fire.subject.key))
        if active:
            self._record(fire, "joined", None, active)
            self.hear(active, Again(eligible=True, context=fire.context))
            return
        run = begin(fire, self._now)
        self._record(fire, "fired", None, run.id)
        self._keep(run, changed=True)
        self.hear(run.id, Started())

    def _tell(self, rule: str, key: str, signal: Signal) -> None:
        if run := self._active.get((rule, key)):
            self.hear(run, signal)

    def _new(self, rule: str, key: str, cause: str) -> bool:
        return (rule, key, cause) not in self._known and (rule, key, cause) not in self._firings

    def _record(
        self, decision: Fire | Failed | Suppressed, outcome: str, detail: str | None, run: UUID | None = None
    ) -> None:
        rule, subject = decision.rule, decision.subject
        firing = Firing(
            rule.id, subject.key, decision.cause, rule.revision, outcome, detail, subject.provider, subject.post, run
        )
        if firing.identity not in self._known:
            self._firings.setdefault(firing.identity, firing)

    def _keep(self, run: Run, *, changed: bool = False) -> None:
        self._runs[run.id] = run
        if run.state is RunState.ACTIVE:
            self._active[run.rule, run.key] = run.id
        elif self._active.get((run.rule, run.key)) == run.id:
            del self._active[run.rule, run.key]
        if changed:
            self._changed[run.id] = run

    def _intend(self, run: Run, intent: Intent) -> None:
        match intent:
            case Perform(action):
                self._intended.setdefault(action.id, (action, run))
            case ArmTimer(due_at, meaning):
                timer = Timer(
                    run.rule, run.key, "run", due_at, meaning, run.cause, run.provider, run.post, run.target, {}
                )
                self._arm(Kept(timer, run.id))
            case DisarmTimer():
                self._disarm((run.rule, run.key, "run"))
            case Withdraw(ids):
                self._withdrawn += [action for action in ids if self._intended.pop(action, None) is None]

    def _arm(self, kept: Kept) -> None:
        self._set[kept.timer.rule, kept.timer.key, kept.timer.kind] = kept

    def _disarm(self, key: timers.Key) -> None:
        self._set.pop(key, None)
        self._removed.add(key)


def _key(decision: Decision) -> str:
    return decision.timer.key if isinstance(decision, Arm) else decision.subject.key
