"""One change as rules look at it: whatever several of them ask about it is worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from tracker.domain.posts.change import Change, Move
from tracker.domain.rules.event_pattern import EventPattern, happened
from tracker.domain.rules.grouping import Environment, Group, Per, environment, group_of, groups_of, moves_for
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
