"""The engine: what becomes of decisions, given all that went before. Pure: live, tests and backtests run just this.

Time is what the log says (`at`): a firing from a change happens when the change came in, one from a timer when it was
due. So a replay comes to the same end, however late it is done.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from tracker.domain.rules.decision import (
    Arm,
    Decision,
    Declined,
    Disarm,
    Failed,
    Fire,
    Recorded,
    Suppressed,
    Tallied,
    Timer,
)
from tracker.domain.rules.rule import Mode, Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.runs.admission import Admission, fate_of, joining, open_try, scope_of_run, sharing, with_fate
from tracker.domain.runs.engine_state import (
    OWN_BUDGET,
    PART,
    ROW_ENDED,
    ActionRequest,
    Effects,
    EngineState,
    Firing,
    Movement,
    Outcome,
    Pause,
)
from tracker.domain.runs.run import Phase, Run, RunState, begin, describe
from tracker.domain.runs.run_signals import (
    ActionFinished,
    ArmTimer,
    Cancelled,
    DisarmTimer,
    Hold,
    Intent,
    Label,
    Perform,
    Release,
    Repeated,
    Signal,
    Started,
    TimerDue,
    TriedAlready,
    Withdraw,
    remark_on,
    signal_of,
)
from tracker.domain.runs.steps_done import has_had_its_say
from tracker.domain.runs.workflow import advance
from tracker.domain.sentences import sentence

JOINED = (Mode.SINGLE, Mode.RESTART)
"""In these modes a firing begins no run beside one that goes on."""


class Engine:
    """Carries out decisions on `memory`; what is to be written gathers until `drain` gives it out."""

    def __init__(self, rules: RuleIndex, memory: EngineState) -> None:
        self.rules, self.memory, self.effects = rules, memory, Effects()
        self._admission = Admission(memory)
        self._later: deque[tuple[UUID, Signal]] = deque()

    def drain(self) -> Effects:
        """The effects that have gathered; from here on they gather anew."""
        effects, self.effects = self.effects, Effects()
        return effects

    def carry_out(self, decision: Decision, at: datetime) -> None:
        """Carry out one decision, in the light of all before it."""
        match decision:
            case Fire():
                self._fire(decision, at)
            case Declined(rule, subject, cause, context):
                if (rule.id, subject.key, cause) not in self.memory.known:
                    self._tell(rule, subject.key, Repeated(eligible=False, context=context), at)
            case Failed(detail=detail):
                self._record(decision, Outcome.ERROR, at, detail)
            case Suppressed(detail=detail):
                self._record(decision, Outcome.SUPPRESSED, at, detail)
            case Tallied(rule, subject):
                if rule.count and rule.count.share:
                    self._record(decision, Outcome.COUNTED, at, PART)
                elif rule.count and self.memory.tally(rule.id, subject.key, at - rule.count.window):
                    self._record(decision, Outcome.COUNTED, at, ROW_ENDED)
            case Arm(_, timer):
                self._wait(timer)
            case Disarm(rule, subject, kind):
                self.effects.disarm((rule.id, subject.key, kind))
            case _:
                self._tell(decision.rule, decision.subject.key, signal_of(decision), at)

    def ring(self, run_id: UUID, meaning: str, at: datetime) -> None:
        """A run's timer is due; while its rule is paused, a try waits until that is over."""
        run = self.memory.runs.get(run_id)
        pause = self.memory.holds.pause_of(run.rule, scope_of_run(run), at) if run else None
        if run and pause and run.phase is Phase.BACKOFF:
            self._arm(run, ArmTimer(pause.until, meaning))
        elif run and run.phase is Phase.BACKOFF and (there := open_try(self.rules, self.memory, run)):
            self.deliver_signal(run_id, there, at)
        else:
            self.deliver_signal(run_id, TimerDue(meaning), at)

    def deliver_signal(self, run_id: UUID, signal: Signal, at: datetime) -> None:
        """Advance a run, and whatever follows from that at once."""
        self._later.append((run_id, signal))
        run = self.memory.runs.get(run_id)
        if run and isinstance(signal, ActionFinished):
            self._later += [(other.id, signal) for other in sharing(self.memory, run, signal.action)]
        while self._later:
            self._advance(*self._later.popleft(), at)

    def _advance(self, run_id: UUID, signal: Signal, at: datetime) -> None:
        run = self.memory.runs.get(run_id)
        if run and run.state is RunState.QUEUED and isinstance(signal, Cancelled):
            self._end(run, RunState.CANCELLED, signal.by, at)
        if run is None or run.state is not RunState.ACTIVE:
            return
        rule = self.rules.by_id.get(run.rule)
        if rule is None:
            self._end(run, RunState.CANCELLED, sentence("rule_gone"), at)
            return
        moved = advance(run, rule, signal, at)
        self._keep(moved.run, at, run, remark_on(signal))
        for intent in moved.intents:
            self._intend(self.memory.runs[run_id], rule, intent, at)
        self._call_next(rule, moved.run)

    def _fire(self, fire: Fire, at: datetime) -> None:
        if (fire.rule.id, fire.subject.key, fire.cause) in self.memory.known:
            return
        verdict = self._admission.of(fire, at)
        if verdict.outcome:
            self._record(fire, verdict.outcome, at, verdict.detail)
            if verdict.tripped:
                self._trip(fire, verdict.tripped, at)
            return
        if verdict.count:
            fire = replace(fire, context={**fire.context, "run.count": verdict.count})
        self._start(fire, at, verdict.detail or None)

    def _start(self, fire: Fire, at: datetime, remark: str | None) -> None:
        rule, key = fire.rule, fire.subject.key
        active = self._make_room(rule, self.memory.active_of(rule.id, key), at)
        # Who waited for a run that has only to say that it is over would come too late.
        only_holds = bool(active) and self.memory.runs[active[0]].phase is Phase.HOLDING
        if active and (rule.mode in JOINED or (rule.mode is Mode.QUEUED and only_holds)):
            self._record(fire, Outcome.JOINED, at, remark, active[0])
            self.deliver_signal(active[0], Repeated(eligible=True, context=fire.context, anew=fire.anew), at)
            return
        waits = rule.mode is Mode.QUEUED and bool(active)
        starts_at, turn = self._admission.turn_of(rule, at)
        run = begin(fire, at, starts_at, queued=waits, shadow=self._is_canary(rule, at))
        self._record(fire, Outcome.QUEUED if waits or turn else Outcome.FIRED, at, turn or remark, run.id)
        self._keep(run, at)
        self.deliver_signal(run.id, Started(), at)

    def _make_room(self, rule: Rule, active: list[UUID], at: datetime) -> list[UUID]:
        """The active runs that go on although their rule fires once more; the others are ended.

        One that only waits for the end of an absence has had its say: another absence has begun. One whose turn has not
        come has nothing to begin anew.
        """
        for run_id in active:
            run = self.memory.runs[run_id]
            if rule.mode is Mode.RESTART and run.phase is not Phase.NEW:
                self.deliver_signal(run_id, Cancelled(sentence("anew")), at)
            elif rule.mode is Mode.SINGLE and has_had_its_say(run, rule):
                self._end(run, run.ending, sentence("anew"), at)
        return [run_id for run_id in active if self.memory.runs[run_id].state is RunState.ACTIVE]

    def _is_canary(self, rule: Rule, at: datetime) -> bool:
        since = self.memory.in_force_since.get(rule.id)
        return bool(rule.canary and (since is None or at < since + rule.canary))

    def _trip(self, fire: Fire, span: timedelta, at: datetime) -> None:
        """The rule has used up its budget: it is held as a whole, and its people are told once."""
        until = at + span
        self._hold(Pause(fire.rule.id, "", until, OWN_BUDGET, at))
        channel = self._admission.channel_of(fire.rule)
        if channel:
            action = self._admission.warning(fire, channel, until, at)
            rule, subject = fire.rule, fire.subject
            asked = ActionRequest(action, rule.id, rule.revision, None, subject.provider, subject.post)
            self.effects.actions[action.id] = asked

    def _tell(self, rule: Rule, key: str, signal: Signal, at: datetime) -> None:
        for run in self.memory.active_of(rule.id, key):
            self.deliver_signal(run, signal, at)

    def _record(
        self, decision: Recorded, outcome: Outcome, at: datetime, detail: str | None, run: UUID | None = None
    ) -> None:
        rule, subject = decision.rule, decision.subject
        firing = Firing(
            rule.id, subject.key, decision.cause, rule.revision, outcome, detail, subject.provider, subject.post, run,
            at, decision.occurred_at,
        )  # fmt: skip
        if firing.identity not in self.memory.known:
            self.memory.keep_firing(firing)
            self.effects.firings.append(firing)

    def _keep(self, run: Run, at: datetime, before: Run | None = None, remark: str = "") -> None:
        self.memory.keep_run(run)
        if run == before:
            return
        self.effects.runs[run.id] = run
        if before:
            self.effects.movements.append(Movement(run.id, run.moves, at, f"{describe(run, before)}{remark}"))

    def _end(self, run: Run, state: RunState, why: str, at: datetime) -> None:
        self._disarm(run)
        self._keep(replace(run, state=state, phase=Phase.OVER, why=why, updated_at=at, moves=run.moves + 1), at, run)

    def _call_next(self, rule: Rule, ended: Run) -> None:
        """A key that is free goes to the run that has waited longest."""
        key = (ended.rule, ended.key)
        if ended.state is RunState.ACTIVE or rule.mode is not Mode.QUEUED or self.memory.active.get(key):
            return
        for waiting in self.memory.queued.get(key, [])[:1]:
            run = replace(self.memory.runs[waiting], state=RunState.ACTIVE)
            self.memory.keep_run(run)
            self.effects.runs[run.id] = run
            self._later.append((run.id, Started()))

    def _intend(self, run: Run, rule: Rule, intent: Intent, at: datetime) -> None:
        match intent:
            case Perform():
                self._ask(run, rule, intent, at)
            case ArmTimer():
                self._arm(run, intent)
            case DisarmTimer():
                self._disarm(run)
            case Withdraw(ids):
                shared = [action for action in ids if any(sharing(self.memory, run, action))]
                for action in ids:
                    if action not in shared:
                        self.effects.withdraw(action)
            case Hold(held, until) if not run.shadow:
                self._hold(Pause(held, scope_of_run(run).scope, until, run.rule, at))
            case Release(held) if not run.shadow:
                self._release(held, scope_of_run(run).scope)
            case Label() if not run.shadow:
                self.effects.labels.append((intent, run, at))

    def _ask(self, run: Run, rule: Rule, intent: Perform, at: datetime) -> None:
        asked = fate_of(self.rules, self.memory, run, rule, intent.action, at)
        self.effects.actions.setdefault(asked.action.id, asked)
        told = with_fate(run, asked)
        if told != run:
            self.memory.keep_run(told)
            self.effects.runs[run.id] = told
        if asked.fate == "shadow":
            self._later.append((run.id, ActionFinished(asked.action.id, "done")))
        elif asked.action.verb == "retry":
            already = TriedAlready(asked.action.id, run.rule)
            self._later += [(other.id, already) for other in joining(self.rules, self.memory, run, at)]

    def _arm(self, run: Run, intent: ArmTimer) -> None:
        timer = Timer(
            run.rule, run.key, _timer_kind(run), intent.due_at, intent.meaning, run.cause, run.provider, run.post,
            run.target, {},
        )  # fmt: skip
        self.effects.arm(timer, run.id)

    def _wait(self, timer: Timer) -> None:
        if not self.memory.is_told(timer):
            self.effects.arm(timer)

    def _disarm(self, run: Run) -> None:
        self.effects.disarm((run.rule, run.key, _timer_kind(run)))

    def _hold(self, pause: Pause) -> None:
        self.memory.holds.pauses.append(pause)
        self.effects.pauses.append(pause)

    def _release(self, rule: str, scope: str) -> None:
        pauses = self.memory.holds.pauses
        pauses[:] = [pause for pause in pauses if (pause.rule, pause.scope) != (rule, scope)]
        self.effects.pauses = [pause for pause in self.effects.pauses if (pause.rule, pause.scope) != (rule, scope)]
        self.effects.released.append((rule, scope))


def _timer_kind(run: Run) -> str:
    return f"run {run.id}"
