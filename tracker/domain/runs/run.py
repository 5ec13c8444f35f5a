"""A run: how far one rule has come with one subject. Plain data that survives any restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self, get_args
from uuid import UUID, uuid5

from msgspec import Struct, convert, field
from msgspec.structs import replace

from tracker.domain.rules.decision import Fire
from tracker.domain.rules.grouping import OWN, Environment
from tracker.domain.rules.match_context import from_plain
from tracker.domain.rules.periodic import MOST_ITEMS
from tracker.domain.rules.rule import Mode, On, Rule
from tracker.domain.rules.step import ProviderStep, RetryStep, SendStep, Step, WaitStep
from tracker.domain.sentences import SENTENCES

STEP, LEFT_OUT = SENTENCES["step"], SENTENCES["left_out"]
_RUNS = UUID("0b1de5a4-7c3f-5f0e-8a2d-6d4f8e1c9b70")


class RunState(StrEnum):
    """How a run stands: a queued one waits until its key is free, and only an active one does anything."""

    QUEUED = "queued"
    ACTIVE = "active"
    DONE = "done"
    CANCELLED = "cancelled"
    EXHAUSTED = "exhausted"


class Phase(StrEnum):
    """What an active run waits for."""

    NEW = "new"
    BACKOFF = "backoff"
    ACTING = "acting"
    WATCHING = "watching"
    WAITING = "waiting"
    HOLDING = "holding"
    OVER = "over"


TRYING = frozenset({Phase.BACKOFF, Phase.ACTING, Phase.WATCHING})
"""What a run waits for at a retry; `ACTING` also at other steps that wait for what becomes of an action."""


ANSWERS = "run.answers"
"""Under which no text reads them: each of them is a noun of its own."""

STANDS_AT: Mapping[Phase, tuple[type[Step], ...]] = {
    Phase.BACKOFF: (RetryStep,),
    Phase.WATCHING: (RetryStep,),
    Phase.ACTING: (RetryStep, SendStep, *get_args(ProviderStep)),
    Phase.WAITING: (WaitStep,),
}
"""The steps at which a run can stand in a phase."""


class Notice(Struct, frozen=True, omit_defaults=True):
    """An alert that was raised, and what is owed to those who got it: its end, its repetition, or a correction.

    `hidden`: nobody got it. `action` is the one that raised it. It is repeated at most `repetitions` times, next at
    `next_at`, and was so `again` times. `owner` and `runbook` are those of the rule. `acknowledge`: it is still to be
    acknowledged.
    """

    step: str
    channel: str
    title: str
    severity: str
    action: UUID
    resolves: bool = False
    repeat: timedelta | None = None
    hidden: bool = False
    repetitions: int | None = None
    acknowledge: bool = False
    again: int = 0
    next_at: datetime | None = None
    owner: str = ""
    runbook: str = ""

    def timed(self, now: datetime) -> Notice:
        """The notice with the time of its next repetition: the one that it has, or counted from now; or with none."""
        if self.repeat is None or (self.repetitions is not None and self.again >= self.repetitions):
            return replace(self, next_at=None)
        return self if self.next_at else replace(self, next_at=now + self.repeat)


class Run(Struct, frozen=True, omit_defaults=True):
    """`branch` and `step` say where in the rule it is, `phase` what it waits for, `pending` for which action.

    `tries` counts the tries of the present retry step, `count` the firings that joined; `heard` is what happened
    again while an action was still under way (and whether trying may go on); `seen` are the awaited words that came
    before anybody waited for them; `asked` are the actions so far; `again` counts the repetitions of its alerts;
    `ending` is how it will end, `why` the reason when it did. `fired_at` is when what it is about was true. A run in
    the `shadow` is only recorded: nothing that it asks for is done. `over`: what it is about has ended. `left_out`
    tells, by the path of each condition of a step that did not hold, why. `answers` are what other systems have said,
    by the nouns of the steps that told them. `starts_at` is when its steps begin, where its rule throttles or
    debounces: until then it is NEW.
    """

    id: UUID
    rule: str
    revision: str
    key: str
    cause: str
    provider: str
    post: str | None
    target: str | None
    started_at: datetime
    updated_at: datetime
    context: Mapping[str, object] = field(default_factory=dict)
    state: RunState = RunState.ACTIVE
    phase: Phase = Phase.NEW
    branch: str = "do"
    step: int = 0
    tries: int = 0
    count: int = 1
    pending: UUID | None = None
    asked: tuple[UUID, ...] = ()
    heard: bool | None = None
    seen: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    again: int = 0
    moves: int = 0
    per: str = "post"
    alone: bool = True
    shadow: bool = False
    over: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    fired_at: datetime | None = None
    starts_at: datetime | None = None
    ending: RunState = RunState.DONE
    why: str = ""

    @property
    def is_unacknowledged(self) -> bool:
        """Whether somebody can still acknowledge what it has told."""
        return self.state is RunState.ACTIVE and any(notice.acknowledge for notice in self.notices)

    @property
    def path(self) -> str:
        """The present step, as idempotency keys and histories name it."""
        return str(self.step) if self.branch == "do" else f"{self.branch}.{self.step}"

    @property
    def kept(self) -> Self:
        """The run as it is kept: one that is over has no more need of what its steps have read."""
        is_open = self.state in (RunState.ACTIVE, RunState.QUEUED)
        return self if is_open else replace(self, context={}, seen=())

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> Run:
        """The run whose JSON, in which defaults are left out, was read as these plain values."""
        return convert(data, cls)


def begin(
    fire: Fire, now: datetime, starts_at: datetime | None = None, *, queued: bool = False, shadow: bool = False
) -> Run:
    """The run that a firing starts. Its id follows from the firing, so that a replay makes the same run."""
    return Run(
        id=run_id(fire.rule.id, fire.subject.key, fire.cause),
        rule=fire.rule.id,
        revision=fire.rule.revision,
        key=fire.subject.key,
        cause=fire.cause,
        provider=fire.subject.provider,
        post=fire.subject.post,
        target=fire.subject.target,
        started_at=now,
        updated_at=now,
        context=fire.context,
        state=RunState.QUEUED if queued else RunState.ACTIVE,
        per=str(fire.rule.per),
        alone=fire.rule.mode is not Mode.PARALLEL,
        seen=fire.earlier,
        shadow=shadow,
        fired_at=fire.occurred_at,
        starts_at=starts_at,
    )


def joined(run: Run, context: Mapping[str, object] | None) -> Run:
    """A firing that joins a run brings the newest values with it, and one more item as long as the run gathers them."""
    known = run.context
    if context and run.phase is Phase.NEW and "run.items" in known:
        items = [*_items(known), *_items(context)][-MOST_ITEMS:]
        context = {**context, "run.since": known["run.since"], "run.items": items}
    return replace(run, count=run.count + 1, context=context or known)


def _items(context: Mapping[str, object]) -> list[object]:
    items = context.get("run.items")
    return items if isinstance(items, list) else []


def can_stand(rule: Rule, phase: Phase, branch: str, step: int) -> bool:
    """Whether the rule, as it is now, has the step at which a run stands."""
    steps = rule.steps(branch)
    return phase not in STANDS_AT or (step < len(steps) and isinstance(steps[step], STANDS_AT[phase]))


def is_of_before(run: Run, rule: Rule, occurred_at: datetime) -> bool:
    """Whether what is over by then is none of the run's: posts that share something tell of it in any order."""
    if rule.per in OWN or run.fired_at is None:
        return False
    if rule.is_silence:
        return occurred_at + rule.span <= run.fired_at
    told = str(run.context.get("event.occurred_at", ""))
    return isinstance(rule.trigger, On) and bool(told) and occurred_at <= datetime.fromisoformat(told)


def values_of(run: Run) -> Environment:
    """The variables that the run's texts can read."""
    known = from_plain(run.context)
    known["run.rule"], known["run.tries"] = run.rule, run.tries
    known["run.count"] = run.context.get("run.count", run.count)
    known[ANSWERS] = run.answers
    return known


def describe(run: Run, before: Run) -> str:
    """Where the run has come to, for its history, and what it has left out since."""
    left_out = [
        f"; {LEFT_OUT.format(path=path, why=why)}" for path, why in run.left_out.items() if path not in before.left_out
    ]
    reason = f"{f': {run.why}' if run.why else ''}{''.join(left_out)}"
    if run.state is not RunState.ACTIVE:
        return f"{run.state}{reason}"
    return f"{STEP.format(path=run.path, phase=run.phase)}{reason}"


def run_id(rule: str, key: str, cause: str) -> UUID:
    """The id of the run that this firing starts."""
    return uuid5(_RUNS, f"{rule}\n{key}\n{cause}")
