"""Why a decision came to nothing, told to whoever asks; the service does not ask.

With a trace every rule is tried, those too that the indexes of rules would have passed over.
"""

from __future__ import annotations

from typing import Protocol

from tracker.domain.posts.value import value
from tracker.domain.rules.decision import Arm, Disarm, Failed, Fire, Suppressed, Timer
from tracker.domain.rules.grouping import Environment, Group
from tracker.domain.rules.match_context import Occurrence
from tracker.domain.rules.rule import Match, Rule


class Refusal:
    """Why nothing follows for a rule."""

    __slots__ = ()


@value(frozen=True, slots=True)
class NotMatched(Refusal):
    """The first clause of `match` that does not admit the subject."""

    clause: Match


@value(frozen=True, slots=True)
class ConditionFalse(Refusal):
    """`when` does not hold, with these values."""

    values: Environment


@value(frozen=True, slots=True)
class NoWait(Refusal):
    """The state is another one, what is expected has come, or the post lacks the time (`of`) to wait from."""

    of: str | None = None


OVER = NoWait()
CameTo = Fire | Failed | Suppressed | Arm | Refusal


class Trace(Protocol):
    """Hears what rules made of all that they looked at."""

    def occurred(self, rule: Rule, occurrence: Occurrence, came_to: CameTo | None) -> None:
        """Something that the rule reacts to has happened; None: it is gathered for the rule's next time."""

    def stands(self, rule: Rule, subject: Group, refusal: Refusal) -> None:
        """As the subject stands, the rule does not wait."""

    def ended(self, timer: Timer, by: Arm | Disarm) -> None:
        """The timer is taken away, or another (or the same once more) takes its place, before its time has come."""

    def rang(self, rule: Rule, timer: Timer, subject: Group, came_to: CameTo) -> None:
        """The timer's time has come."""
