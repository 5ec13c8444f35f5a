"""When to look at a post again: one moment, however many rules wait for what follows from how it stands.

A timer for each rule is right where it must outlive a restart. Where a whole log is played in memory most of them
would be set only to be taken away, so there the rules are asked again when the first of them could be due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.domain.posts.change import PostView
from tracker.domain.posts.event import State
from tracker.domain.rules.decision import Arm
from tracker.domain.rules.event_pattern import EventName
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import Label, RuleIndex, labels_of
from tracker.domain.rules.timers import standing
from tracker.domain.rules.trigger import Expect, While

KINDS = ("expect", "while")


def follows_from_standing(rule: Rule) -> bool:
    """Whether how a post stands tells all about the rule's waits."""
    trigger = rule.trigger
    if isinstance(trigger, Expect):
        return trigger.of is not None and not any(isinstance(word, EventName) for word in trigger.words)
    return isinstance(trigger, While)


@dataclass(frozen=True, slots=True)
class _Shortest:
    """The shortest spans of some rules: after a state was entered, and after a time of the post."""

    states: Mapping[State, timedelta]
    times: Mapping[str, timedelta]

    def __bool__(self) -> bool:
        return bool(self.states or self.times)


class DeadlineIndex:
    """The rules whose waits follow from how a post stands."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.index = RuleIndex(rule for rule in rules if follows_from_standing(rule))
        self._known: dict[tuple[frozenset[State], frozenset[Label]], _Shortest] = {}

    def soonest(self, view: PostView) -> tuple[datetime | None, datetime | None]:
        """For each of KINDS a moment before which no wait of that kind is over; None: there is none."""
        shortest = self._shortest(view)
        if not shortest:
            return None, None
        return min(_timed(shortest, view), default=None), min(_entered(shortest, view), default=None)

    def waits(self, kind: str, view: PostView) -> list[Arm]:
        """The waits of that kind, the first to be over first."""
        found = [arm for arm in standing(self.index, view) if arm.timer.kind == kind]
        return sorted(found, key=lambda arm: (arm.timer.due_at, arm.rule.id))

    def _shortest(self, view: PostView) -> _Shortest:
        states = frozenset([view.state, *[target.state for target in view.targets]])
        marks = labels_of(view.provider, view) & self.index.marks
        found = self._known.get((states, marks))
        if found is None:
            found = self._known[states, marks] = _shortest(self.index.waits_in(states, marks))
        return found


def _shortest(rules: Iterable[Rule]) -> _Shortest:
    states: dict[State, timedelta] = {}
    times: dict[str, timedelta] = {}
    for rule in rules:
        trigger = rule.trigger
        if isinstance(trigger, While):
            states |= {state: min(trigger.lasting, states.get(state, trigger.lasting)) for state in trigger.states}
        elif isinstance(trigger, Expect) and trigger.of:
            times[trigger.of] = min(trigger.within, times.get(trigger.of, trigger.within))
    return _Shortest(states, times)


def _entered(shortest: _Shortest, view: PostView) -> Iterator[datetime]:
    stands = [(view.state, view.entered_at), *((target.state, target.entered_at) for target in view.targets)]
    for state, entered_at in stands if shortest.states else ():
        span = shortest.states.get(state)
        if span is not None and entered_at:
            yield entered_at + span


def _timed(shortest: _Shortest, view: PostView) -> Iterator[datetime]:
    for name, span in shortest.times.items():
        start: datetime | None = getattr(view, name)
        if start:
            yield start + span
