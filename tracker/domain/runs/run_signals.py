"""What a run can hear, and what it can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct, field

from tracker.domain.actions import ActionSpec
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import State
from tracker.domain.rules.decision import Came, Cancel, Resolve, Settle
from tracker.domain.rules.event_pattern import ACKNOWLEDGED
from tracker.domain.sentences import sentence


class Started(Struct, frozen=True):
    """The run has been stored and may begin."""


class TimerDue(Struct, frozen=True):
    """The run's own timer came; `meaning` is what it was armed with."""

    meaning: str


class ActionFinished(Struct, frozen=True):
    """An action of the run ended: `outcome` is done, dead, unknown or discarded, `reason` a reason code.

    `answer` is what another system has said to it, where that was asked for.
    """

    action: UUID
    outcome: str
    reason: str = ""
    answer: Mapping[str, object] = field(default_factory=dict)


class Repeated(Struct, frozen=True):
    """The rule's event came again for this key; `eligible` tells whether its condition still agrees.

    `anew`: a state was entered once more, and not only said again.
    """

    eligible: bool
    context: Mapping[str, object] | None = None
    anew: bool = False


class Settled(Struct, frozen=True):
    """The subject reached a state that ends a retry, for better or worse."""

    state: State


class Resolved(Struct, frozen=True):
    """What the run is about is over, since `occurred_at`; not `well`: only the state that lasted has been left."""

    occurred_at: datetime
    well: bool = True


class EventsArrived(Struct, frozen=True):
    """Some of what the run's steps wait for has happened."""

    words: tuple[str, ...]


class Cancelled(Struct, frozen=True):
    """The run shall stop; `by` names the event or the person."""

    by: str


class TriedAlready(Struct, frozen=True):
    """Another run has just had the same post tried again (`action`): that counts as a try of this one too."""

    action: UUID
    rule: str

    def __str__(self) -> str:
        return sentence("joins", rule=self.rule)


Signal = Started | TimerDue | ActionFinished | Repeated | Settled | Resolved | EventsArrived | Cancelled | TriedAlready


def signal_of(decision: Cancel | Settle | Resolve | Came) -> Signal:
    """What a rule's decision about its runs tells each of them."""
    match decision:
        case Cancel(by=by):
            return Cancelled(by)
        case Settle(state=state):
            return Settled(state)
        case Resolve(occurred_at=occurred_at, well=well):
            return Resolved(occurred_at, well)
        case Came(words=words):
            return EventsArrived(words)


def remark_on(signal: Signal) -> str:
    """What the history of a run adds to the move that such a signal caused."""
    if isinstance(signal, TriedAlready):
        return f": {signal}"
    return ": acknowledged" if isinstance(signal, EventsArrived) and ACKNOWLEDGED in signal.words else ""


class Perform(Struct, frozen=True):
    """Store the action; the worker does it from `action.due_at` on."""

    action: ActionSpec


class ArmTimer(Struct, frozen=True):
    """Set the run's one timer; `meaning` comes back with `TimerDue`."""

    due_at: datetime
    meaning: str


class DisarmTimer(Struct, frozen=True):
    """Take the run's timer away."""


class Withdraw(Struct, frozen=True):
    """Discard those of these actions that nobody has claimed yet."""

    actions: tuple[UUID, ...]


class Hold(Struct, frozen=True):
    """Pause another rule, within what the run is about, until then."""

    rule: str
    until: datetime


class Release(Struct, frozen=True):
    """End the pauses of another rule within what the run is about."""

    rule: str


class Label(Struct, frozen=True):
    """Put labels on the run's post; `key` is the same however often it is asked for."""

    labels: Mapping[str, str]
    key: str


Intent = Perform | ArmTimer | DisarmTimer | Withdraw | Hold | Release | Label


CANCELLED = "run.cancelled"
"""Somebody has cancelled a run."""

OUTCOMES = frozenset({"action.done", "action.dead", "action.unknown", "action.discarded"})

TELLING = frozenset({"action", "manual"})
"""The sources of facts that concern one run; what others call so is theirs."""


def result_of(change: Change) -> tuple[UUID, ActionFinished | Cancelled | EventsArrived] | None:
    """The run's id, and what the change tells it: how an action of it ended, or what somebody has made of it."""
    said = change.detail or {}
    if change.source not in TELLING or not said.get("run"):
        return None
    run = UUID(str(said["run"]))
    if change.event == CANCELLED:
        return run, Cancelled(sentence("by_hand"))
    if change.event == ACKNOWLEDGED:
        return run, EventsArrived((ACKNOWLEDGED,))
    if change.event not in OUTCOMES:
        return None
    answer = said.get("answer")
    heard = answer if isinstance(answer, dict) else {}
    return run, ActionFinished(UUID(str(said["action"])), str(said["outcome"]), str(said["reason"]), heard)
