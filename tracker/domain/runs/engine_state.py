"""What the engine works on: firings, runs, timers, pauses, silences; and what it has come to want for its driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from uuid import UUID

from msgspec import Struct

from tracker.domain.actions import ActionSpec
from tracker.domain.rules.decision import SILENCE, Timer
from tracker.domain.rules.grouping import Group
from tracker.domain.runs.run import TRYING, Run, RunState
from tracker.domain.runs.run_signals import Label
from tracker.domain.sentences import sentence

Identity = tuple[str, str, str]


class Outcome(StrEnum):
    """What became of a firing: a run began, an active one heard of it, it waits its turn, or nothing was done."""

    FIRED = "fired"
    JOINED = "joined"
    QUEUED = "queued"
    COUNTED = "counted"
    SUPPRESSED = "suppressed"
    ERROR = "error"


PART, ROW_ENDED = sentence("part"), sentence("row_ended")
"""The details of firings that are none: before the one, what was counted in a row counts no more."""

MOST_RECENT = 2000
"""So many firings of a rule and key are looked back at, the newest."""

ACTED = frozenset({Outcome.FIRED, Outcome.JOINED, Outcome.QUEUED})


class Firing(Struct, frozen=True):
    """What a rule made of a cause, decided `at` (by the log); what it is about was true at `occurred_at`."""

    rule: str
    key: str
    cause: str
    revision: str
    outcome: Outcome
    detail: str | None
    provider: str
    post: str | None
    run: UUID | None
    at: datetime
    occurred_at: datetime

    @property
    def identity(self) -> Identity:
        """What is unique about the firing: rule, key and cause."""
        return (self.rule, self.key, self.cause)


MATCHED = ("rule", "channel", "severity", "provider", "platform", "account", "post")
"""What a silence can demand of an alert."""


OWN_BUDGET = "its budget"
"""By whom a rule is paused that has used it up."""


class Pause(Struct, frozen=True):
    """`rule` does not fire, nor does it try again, for anything within `scope` (a key; "" is everything).

    `since` is when it was set, as far as that is known.
    """

    rule: str
    scope: str
    until: datetime
    by: str
    since: datetime | None = None

    def covers(self, rule: str, subject: Group, at: datetime) -> bool:
        return self.rule == rule and at < self.until and (not self.scope or self.scope in subject.within)


class Silence(Struct, frozen=True):
    """Alerts that fit all of `match` (values or globs by name) are kept from people until `until`."""

    id: UUID
    match: Mapping[str, str]
    since: datetime
    until: datetime
    by: str = ""
    reason: str = ""

    def hides(self, alert: Mapping[str, Iterable[str]], at: datetime) -> bool:
        """Whether an alert with these values is hidden at that time."""
        if not self.since <= at < self.until:
            return False
        return all(any(fnmatchcase(value, word) for value in alert.get(name, ())) for name, word in self.match.items())


@dataclass
class Holds:
    """The pauses of rules and the silences that hold at present."""

    pauses: list[Pause] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)

    def pause_of(self, rule: str, subject: Group, at: datetime) -> Pause | None:
        """The pause that holds the rule for the subject the longest; None: it is not held."""
        found = [pause for pause in self.pauses if pause.covers(rule, subject, at)]
        return max(found, key=lambda pause: pause.until, default=None)

    def silence_of(self, alert: Mapping[str, Iterable[str]], at: datetime) -> Silence | None:
        """A silence that hides an alert with these values; None: it is to be heard."""
        return next((silence for silence in self.silences if silence.hides(alert, at)), None)


PostKey = tuple[str, str]
RuleKey = tuple[str, str]
TimerKey = tuple[str, str, str]
OPEN = frozenset({RunState.ACTIVE, RunState.QUEUED})


class ActionRequest(Struct, frozen=True):
    """An action that was asked for. `fate` is pending, shadow (a canary's) or hidden, with the reason in `why`."""

    action: ActionSpec
    rule: str
    revision: str
    run: UUID | None
    provider: str
    post: str | None
    fate: str = "pending"
    why: str | None = None


class Movement(Struct, frozen=True):
    """One move of a run, for its history: `number` counts from 1 in the run, `said` is in words."""

    run: UUID
    number: int
    at: datetime
    said: str


@dataclass
class EngineState:
    """All firings, runs and holds that the engine decides by; live, only those that a batch may touch."""

    known: set[Identity] = field(default_factory=set)
    recent: dict[RuleKey, list[Firing]] = field(default_factory=dict)
    """The firings of a rule and key as far back as its count and its cooldown look."""
    ahead: dict[RuleKey, datetime] = field(default_factory=dict)
    """Firings that a clock dated ahead of what is right now; they count as none."""
    spent: dict[str, list[datetime]] = field(default_factory=dict)
    """When runs of a rule began, as far back as its budget looks."""
    starts: dict[str, list[datetime]] = field(default_factory=dict)
    """When the last runs of a throttled rule begin their steps, in this order, as many as its rate allows at once."""
    runs: dict[UUID, Run] = field(default_factory=dict)
    active: dict[RuleKey, list[UUID]] = field(default_factory=dict)
    queued: dict[RuleKey, list[UUID]] = field(default_factory=dict)
    holds: Holds = field(default_factory=Holds)
    trying: dict[PostKey, set[UUID]] = field(default_factory=dict)
    """The active runs that are at a try of a post, or wait for one."""
    in_force_since: Mapping[str, datetime] = field(default_factory=dict)
    """When each rule's present revision was put in force."""

    def keep_run(self, run: Run) -> None:
        """Remember the run as it is now."""
        self.runs[run.id] = run
        key = (run.rule, run.key)
        for state, shelf in ((RunState.ACTIVE, self.active), (RunState.QUEUED, self.queued)):
            ids = shelf.setdefault(key, [])
            if run.state is state and run.id not in ids:
                ids.append(run.id)
            elif run.state is not state and run.id in ids:
                ids.remove(run.id)
        post = (run.provider, run.post or "")
        if run.state is RunState.ACTIVE and run.phase in TRYING:
            self.trying.setdefault(post, set()).add(run.id)
        elif run.id in (known := self.trying.get(post, set())):
            known.remove(run.id)

    def beside(self, run: Run) -> list[Run]:
        """The other runs that try the same post, the oldest first; those of a canary try nothing."""
        ids = self.trying.get((run.provider, run.post or ""), ()) if not run.shadow else ()
        others = [self.runs[other] for other in ids if other != run.id]
        return sorted((one for one in others if not one.shadow), key=lambda one: (one.started_at, one.id))

    def keep_firing(self, firing: Firing) -> None:
        """Remember the firing."""
        self.known.add(firing.identity)
        self.recent.setdefault((firing.rule, firing.key), []).append(firing)
        if firing.outcome in (Outcome.FIRED, Outcome.QUEUED):
            self.spent.setdefault(firing.rule, []).append(firing.at)

    def active_of(self, rule: str, key: str) -> list[UUID]:
        """The active runs of a rule for a key, the oldest first."""
        return list(self.active.get((rule, key), ()))

    def last_acted(self, rule: str, key: str, at: datetime, within: timedelta) -> Firing | None:
        """The rule's latest firing for the key, less than that from `at`, that was more than counted or suppressed.

        One that lies further ahead was dated by a clock that was, and must hold nothing back for as long.
        """
        firings = self.recent.get((rule, key), ())
        near = [firing for firing in firings if firing.outcome in ACTED and abs(at - firing.at) < within]
        return max(near, key=lambda firing: firing.at, default=None)

    def is_told(self, timer: Timer) -> bool:
        """Whether a silence that began later has come to its end already."""
        known = self.recent.get((timer.rule, timer.key), ()) if timer.kind == SILENCE else ()
        return any(firing.at > timer.due_at for firing in known)

    def tally(self, rule: str, key: str, since: datetime) -> list[datetime]:
        """When what is counted happened, as far as it was decided since that moment and the rule has not acted since.

        What is older is of no account, however much of it is remembered.
        """
        return self.tallied(rule, key, since)[0]

    def row(self, rule: str, key: str, since: datetime, latest: datetime) -> list[datetime] | None:
        """When what is counted happened after the last success; None where the `latest` happened before that."""
        times, succeeded = self.tallied(rule, key, since)
        last = max(succeeded, default=None)
        if last and latest <= last:
            return None
        return [moment for moment in times if not last or moment > last]

    def tallied(self, rule: str, key: str, since: datetime) -> tuple[list[datetime], list[datetime]]:
        """When what is counted happened, and when what its count keeps in mind beside that."""
        times: list[datetime] = []
        beside: list[datetime] = []
        for firing in self.recent.get((rule, key), [])[: -MOST_RECENT - 1 : -1]:
            if firing.outcome in ACTED:
                break
            if firing.at >= since:
                (beside if firing.detail in (ROW_ENDED, PART) else times).append(firing.occurred_at)
        return times, beside

    def forget(self, before: datetime) -> None:
        """Let go of runs that have ended, and of firings that were decided before; that they were is still known."""
        self.runs = {name: run for name, run in self.runs.items() if run.state in OPEN}
        self.active = {key: ids for key, ids in self.active.items() if ids}
        self.queued = {key: ids for key, ids in self.queued.items() if ids}
        self.trying = {post: ids for post, ids in self.trying.items() if ids}
        recent = {key: [one for one in firings if one.at >= before] for key, firings in self.recent.items()}
        self.recent = {key: firings for key, firings in recent.items() if firings}
        self.spent = {rule: [at for at in times if at >= before] for rule, times in self.spent.items()}


@dataclass
class Effects:
    """All that the engine wants written, since it was last drained."""

    firings: list[Firing] = field(default_factory=list)
    runs: dict[UUID, Run] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    timers: dict[TimerKey, tuple[Timer, UUID | None]] = field(default_factory=dict)
    disarmed: set[TimerKey] = field(default_factory=set)
    actions: dict[UUID, ActionRequest] = field(default_factory=dict)
    withdrawn: list[UUID] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    released: list[tuple[str, str]] = field(default_factory=list)
    labels: list[tuple[Label, Run, datetime]] = field(default_factory=list)

    def arm(self, timer: Timer, run: UUID | None = None) -> None:
        """Set the timer, in place of what stands under its key."""
        there, _ = self.timers.get((timer.rule, timer.key, timer.kind), (None, None))
        if not (there and timer.is_earlier(there)):
            self.timers[timer.rule, timer.key, timer.kind] = (timer, run)

    def disarm(self, key: TimerKey) -> None:
        """Take the timer away, whether it was set before or just now."""
        self.timers.pop(key, None)
        self.disarmed.add(key)

    def withdraw(self, action: UUID) -> None:
        """Do not do the action, if nobody has begun."""
        if self.actions.pop(action, None) is None:
            self.withdrawn.append(action)
