"""One change as rules look at it: whatever several of them ask about it is worked out once.

What they read about it is kept with a run as plain JSON, taken from there again, and told to other systems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from tracker.domain.posts.change import Change, Move
from tracker.domain.rules.event_pattern import EventPattern, happened
from tracker.domain.rules.grouping import DEFAULTS, Environment, Group, Per, environment, group_of, groups_of, moves_for
from tracker.domain.rules.rule import Rule


class Occurrence(Struct):
    """One thing that happened to a subject: `move`, or (None) only the event's name; `cause` identifies it for ever.

    `superseded`: it came to light only after the subject had moved on. `values` are what conditions read about it,
    once somebody has asked for them.
    """

    subject: Group
    move: Move | None
    cause: str
    superseded: bool
    values: Environment | None = None


class MatchContext(Struct):
    """A change, and what has been worked out about it so far."""

    change: Change
    _moves: dict[Per, tuple[Move, ...]] = field(default_factory=dict)
    _subjects: dict[tuple[Per, str | None], Group] = field(default_factory=dict)
    _found: dict[str, list[Occurrence]] = field(default_factory=dict)

    def moves(self, per: Per) -> tuple[Move, ...]:
        """The change's moves that concern subjects of that kind."""
        found = self._moves.get(per)
        if found is None:
            found = self._moves[per] = moves_for(per, self.change)
        return found

    def subject(self, per: Per, target: str | None) -> Group:
        """What such a rule is about where that target (None: the post as a whole) has moved."""
        found = self._subjects.get((per, target))
        if found is None:
            change = self.change
            found = group_of(per, change.provider, change.post, change.context, target)
            self._subjects[per, target] = found
        return found

    def reasons_to_fire(self, rule: Rule) -> list[Occurrence]:
        """Everything in the change that the rule reacts to, in hindsight too."""
        found = self._found.get(rule.reacts_to)
        if found is None:
            found = self._found[rule.reacts_to] = list(self._occurrences(rule.per, rule.starting_words))
        return found

    def occurrences(self, rule: Rule, words: Iterable[EventPattern]) -> Iterator[Occurrence]:
        """Each subject of the rule to which one of the words has happened."""
        return self._occurrences(rule.per, words)

    def values(self, occurrence: Occurrence) -> Environment:
        """The variables that conditions read about the occurrence, worked out once."""
        found = occurrence.values
        if found is None:
            found = occurrence.values = environment(self.change, occurrence.move, occurrence.subject)
        return found

    def _occurrences(self, per: Per, words: Iterable[EventPattern]) -> Iterator[Occurrence]:
        change = self.change
        for move in happened(words, change, self.moves(per)):
            if move:
                yield Occurrence(self.subject(per, move.target), move, move.cause, move.superseded)
                continue
            for subject in groups_of(per, change):
                yield Occurrence(subject, None, f"{change.fact}:{change.event}", superseded=False)


def to_plain(values: Mapping[str, object]) -> dict[str, object]:
    """The values that are not absent, as plain JSON: small enough to keep with a run."""
    return {name: _plain(value) for name, value in values.items() if value != DEFAULTS[name]}


def from_plain(plain: Mapping[str, object]) -> Environment:
    """The inverse of `to_plain`; what this version does not know is dropped."""
    values = Environment(DEFAULTS)
    for name in DEFAULTS.keys() & plain.keys():
        values[name] = _typed(DEFAULTS[name], plain[name])
    return values


def to_nested(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The values as other systems get them: one object for each noun, null for what is absent, no run in it."""
    nouns: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        noun, _, field = name.partition(".")
        absent = isinstance(value, datetime | str) and value == DEFAULTS[name]
        nouns.setdefault(noun, {})[field] = None if absent else _plain(value)
    nouns["post"].pop("link", None)  # who reads the post's page of ours is a person, and a text can name it
    unsaid = {"run"} if values["action.verb"] else {"run", "action"}
    return {noun: fields for noun, fields in nouns.items() if noun not in unsaid}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


def _typed(default: object, value: object) -> object:
    if isinstance(default, datetime):
        return datetime.fromisoformat(str(value))
    if isinstance(default, timedelta):
        return timedelta(seconds=float(str(value)))
    return value
