"""What can be answered to "why?" and "why not?": one explanation for each thing that a rule could have acted on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tracker.domain.duration import format_duration
from tracker.domain.posts.change import Change
from tracker.domain.posts.lifecycle import WITHDRAWN
from tracker.domain.rules.decision import Timer
from tracker.domain.rules.descriptions import either
from tracker.domain.rules.grouping import Group
from tracker.domain.rules.match_context import Occurrence
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.trace import ConditionFalse, NotMatched, NoWait, Refusal
from tracker.domain.rules.trigger import While
from tracker.domain.runs.firing import ACTED, Firing, Outcome
from tracker.rulebook.cel_conjuncts import first_unmet

FALSE, WAITING, UNSEEN, OFF, CLOCK, GATHERED = "false", "waiting", "unseen", "off", "clock", "gathered"
"""What became of it where no firing is on record: a clause did not hold, a timer is under way, nobody has decided on
it, the rule is switched off, it goes by the clock alone, or it will be in the next digest."""

_FIRST_TO_LAST = ("when", "for", "expect", "match", "of", "while", "on", "over")
"""Clauses by how far a rule has come that fails at one of them."""

_SAID = {
    Outcome.FIRED: "fired",
    Outcome.JOINED: "joined the run that was under way",
    Outcome.QUEUED: "fired, and waited its turn behind an earlier run",
    Outcome.COUNTED: "counted, but not yet often enough: ",
    Outcome.SUPPRESSED: "held back: ",
    Outcome.ERROR: "its condition could not be evaluated: ",
}


@dataclass(frozen=True, slots=True)
class Clause:
    """The clause that decided: its key in the rule (as in "match.platform"), what it wants, and what it met."""

    key: str
    wanted: str
    was: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a rule made of one thing that happened, in words and as data.

    `outcome` is that of the firing on record, or one of the words above. `event` names what happened, `at` when we
    knew it; `due_at` is when a wait is over. `subject` is the key of what it is about.
    """

    outcome: str
    text: str
    at: datetime | None = None
    event: str = ""
    subject: str = ""
    clause: Clause | None = None
    firing: Firing | None = None
    due_at: datetime | None = None

    @property
    def rank(self) -> tuple[int, float]:
        """The most telling ones first: what fired, then what came closest; among equals the newest."""
        return self._closeness(), -self.at.timestamp() if self.at else 0.0

    def _closeness(self) -> int:
        if self.firing:
            return 0 if self.firing.outcome in ACTED else 1
        if self.outcome in (UNSEEN, Outcome.ERROR):
            return 1
        if self.clause is None:
            return 2
        return 3 + _FIRST_TO_LAST.index(self.clause.key.partition(".")[0])


def on_record(firing: Firing, event: str) -> Explanation:
    """A firing that was recorded."""
    text = _SAID[firing.outcome] + (firing.detail or "")
    return Explanation(str(firing.outcome), text, firing.at, event, firing.key, None, firing)


def false(clause: Clause, subject: str, at: datetime | None = None, event: str = "") -> Explanation:
    """A clause did not hold."""
    given = f", with {shown(clause.values)}" if clause.values else ""
    text = f"{clause.key}: wants {clause.wanted}, but {clause.was}{given}"
    return Explanation(FALSE, text, at, event, subject, clause)


def refused(rule: Rule, subject: Group, refusal: Refusal) -> Clause:
    """The clause for which nothing follows."""
    match refusal:
        case NotMatched(clause):
            was = " and ".join(f'"{value}"' for value in clause.values(subject) if value) or "nothing"
            return Clause(f"match.{clause.field}", " or ".join(f'"{word}"' for word in clause.words), f"it is {was}")
        case ConditionFalse(values):
            return _unmet_when(rule, values)
        case NoWait(of) if of:
            return Clause("of", f"post.{of}", "no such time is known")
    return _nothing_left(rule, subject)


def left(rule: Rule, timer: Timer, subject: Group, change: Change) -> Explanation:
    """A wait was over before its time."""
    after = max(change.occurred_at - timer.due_at + rule.span, timedelta(0))
    if not isinstance(rule.trigger, While):
        return false(_nothing_left(rule, subject, after), timer.key, change.received_at, happened([change]))
    state, span = _state(timer), format_duration(rule.span)
    said = f"{state} was left for {subject.state} after {format_duration(after)}"
    clause = Clause("for", span, said, {"post.state": str(subject.state)})
    return false(clause, timer.key, change.received_at, f"{state} -> {subject.state}")


def goes_on(rule: Rule, timer: Timer) -> Explanation:
    """A timer is under way."""
    what = f"{_state(timer)} lasts" if isinstance(rule.trigger, While) else "nothing of it has come"
    text = f"fires at {moment(timer.due_at)} if {what} until then"
    return Explanation(WAITING, text, timer.due_at - rule.span, "", timer.key, None, None, timer.due_at)


def _state(timer: Timer) -> str:
    return timer.cause.partition(":")[0]


def _nothing_left(rule: Rule, subject: Group, after: timedelta | None = None) -> Clause:
    """What is watched for is over, or has come (so long `after` the wait began)."""
    trigger = rule.trigger
    if isinstance(trigger, While):
        return Clause("while", " or ".join(sorted(trigger.states)), f"it is {subject.state}")
    wanted = f"no {either(getattr(trigger, 'words', ()))} within {format_duration(rule.span)}"
    if subject.state in WITHDRAWN:
        return Clause("expect", wanted, f"the post was {subject.state}, and nothing is left to expect")
    soon = f" {format_duration(after)} after" if after else ""
    return Clause("expect", wanted, f"it came{soon}: the state is {subject.state}")


def _unmet_when(rule: Rule, values: Mapping[str, object]) -> Clause:
    """The first clause of a condition that does not hold."""
    if rule.when is None:
        raise TypeError(f"{rule.id} has no condition")
    unmet = first_unmet(rule.when, values)
    was = "it is false" if unmet.verdict.kind == "false" else f"it cannot be evaluated: {unmet.verdict.detail}"
    return Clause("when", unmet.text, was, unmet.values)


def event_of(change: Change, one: Occurrence) -> str:
    """What happened: a transition, or an event by its name."""
    return f"{one.move.before or 'nothing'} -> {one.move.after}" if one.move else change.event


def happened(changes: Iterable[Change]) -> str:
    """The states that a post has come into, and whatever else was told of it, the first one first."""
    words = (
        [f"post.{move.after}" for move in change.moves if not move.superseded] or [change.event] for change in changes
    )
    return ", ".join(dict.fromkeys(word for some in words for word in some)) or "nothing"


def moment(at: datetime) -> str:
    """A time as it is told."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shown(values: Mapping[str, object]) -> str:
    """Values by name, as they would be written in a condition."""
    return ", ".join(f"{name} = {_written(value)}" for name, value in values.items())


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return format_duration(value) if isinstance(value, timedelta) else json.dumps(value, ensure_ascii=False)
