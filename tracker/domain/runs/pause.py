"""What is held for a while: a rule that is paused, and alerts that somebody has silenced. Both always have an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from uuid import UUID

from msgspec import Struct

from tracker.domain.rules.grouping import Group

MATCHED = ("rule", "channel", "severity", "provider", "platform", "account", "post")
"""What a silence can demand of an alert."""


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
