"""What the rules make of a change or of a due timer, as values; and why they made nothing, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from tracker.domain.posts.event import State
from tracker.domain.rules.grouping import Environment, Group
from tracker.domain.rules.match_context import Occurrence
from tracker.domain.rules.rule import Match, Rule

SILENCE = "silence"
"""The kind of timers that another of their rule and key replaces only where it is due later, in whatever order."""


class Timer(Struct, frozen=True):
    """A moment (`due_at`) to look again; each rule and key has one of a kind: `while`, `expect`, `every` or SILENCE.

    `meaning` is the rule's revision and `cause` what started the wait; `data` is plain JSON.
    """

    rule: str
    key: str
    kind: str
    due_at: datetime
    meaning: str
    cause: str
    provider: str
    post: str | None
    target: str | None
    data: Mapping[str, object]

    def is_earlier(self, there: Timer) -> bool:
        """Whether it leaves the one alone that is there under its rule, key and kind."""
        return self.kind == SILENCE and self.due_at <= there.due_at and self.meaning == there.meaning


class Fire(Struct, frozen=True):
    """The rule fires: a run starts, or an active one of its key hears of it. `context`, plain JSON, is for texts."""

    rule: Rule
    subject: Group
    cause: str
    context: Mapping[str, object]
    occurred_at: datetime
    earlier: tuple[str, ...] = ()
    """What the rule waits for and what had already happened by then."""
    anew: bool = True
    """Whether a state was entered or has lasted too long, and not only an event came, or came again."""

    def having_heard(self, words: tuple[str, ...]) -> Fire:
        """This firing, with the awaited words that had already happened."""
        return replace(self, earlier=words)


class Declined(Struct, frozen=True):
    """The event came again during a retry, but the rule's condition does not hold any more: trying is over."""

    rule: Rule
    subject: Group
    cause: str
    context: Mapping[str, object]


class Failed(Struct, frozen=True):
    """The condition could not be evaluated, so the rule does not fire; `detail` says why."""

    rule: Rule
    subject: Group
    cause: str
    detail: str
    context: Mapping[str, object]
    occurred_at: datetime


class Suppressed(Struct, frozen=True):
    """It would have fired, but for `detail`."""

    rule: Rule
    subject: Group
    cause: str
    detail: str
    occurred_at: datetime


class Arm(Struct, frozen=True):
    """Set the timer, in place of the one that stands under its rule, key and kind."""

    rule: Rule
    timer: Timer


class Disarm(Struct, frozen=True):
    """Take the timer away, if there is one."""

    rule: Rule
    subject: Group
    kind: str


class Cancel(Struct, frozen=True):
    """One of the rule's `cancel_on` happened: an active run of this key ends."""

    rule: Rule
    subject: Group
    by: str


class Settle(Struct, frozen=True):
    """The post or target that a run retries reached `state`, which ends the retry."""

    rule: Rule
    subject: Group
    state: State


class Resolve(Struct, frozen=True):
    """What the rule's runs for this key are about is over, since `occurred_at`.

    Not `well`: the state that lasted too long has only been left for another that is no good end.
    """

    rule: Rule
    subject: Group
    occurred_at: datetime
    well: bool = True


class Tallied(Struct, frozen=True):
    """What a count keeps in mind beside what it counts: a success that ends a row, or one of what it is a share of."""

    rule: Rule
    subject: Group
    cause: str
    occurred_at: datetime


class Came(Struct, frozen=True):
    """The `words` that a rule's steps may wait for have happened to the subject."""

    rule: Rule
    subject: Group
    words: tuple[str, ...]


Recorded = Fire | Failed | Suppressed | Tallied
Decision = Fire | Declined | Failed | Suppressed | Arm | Disarm | Cancel | Settle | Resolve | Tallied | Came


class Refusal(Struct, frozen=True):
    """Why nothing follows for a rule: NotMatched, ConditionFalse or NoWait."""


class NotMatched(Refusal, frozen=True):
    """The first clause of `match` that does not admit the subject."""

    clause: Match


class ConditionFalse(Refusal, frozen=True):
    """`when` does not hold, with these values."""

    values: Environment


class NoWait(Refusal, frozen=True):
    """The state is another one, what is expected has come, or the post lacks the time (`of`) to wait from."""

    of: str | None = None


OVER = NoWait()
CameTo = Fire | Failed | Suppressed | Arm | Refusal


class Trace(Protocol):
    """Hears what rules made of all that they looked at."""

    def occurred(self, rule: Rule, occurrence: Occurrence, came_to: CameTo | None) -> None:
        """Something that the rule reacts to has happened; None: it is gathered for the rule's next time."""

    def stands(self, rule: Rule, subject: Group, refusal: Refusal) -> None:
        """The rule does not wait for the subject as it stands."""

    def ended(self, timer: Timer, by: Arm | Disarm) -> None:
        """The timer is taken away, or another (or the same once more) takes its place, before its time has come."""

    def rang(self, rule: Rule, timer: Timer, subject: Group, came_to: CameTo) -> None:
        """The timer's time has come."""
