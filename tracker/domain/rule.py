"""Rules: what they react to, whom they are about, and an index that finds those a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property

from tracker.domain.change import Change
from tracker.domain.event import State
from tracker.domain.lifecycle import WITHDRAWN
from tracker.domain.step import AlertStep, RetryStep, Step
from tracker.domain.subject import Per, Subject
from tracker.domain.words import Crossing, Entering, Named, Word, entered

_STARTED = frozenset({State.PUBLISHING, State.RETRYING, State.PARTIAL, State.FAILED, State.PUBLISHED})
_BEYOND: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.AWAITING_APPROVAL, State.SCHEDULED}) | _STARTED,
    State.AWAITING_APPROVAL: frozenset({State.SCHEDULED}) | _STARTED,
    State.SCHEDULED: _STARTED,
    State.PUBLISHING: _STARTED,
    State.PARTIAL: frozenset({State.PUBLISHED}),
}
_IMPLIED = {
    "scheduled_at": frozenset({State.SCHEDULED}),
    "published_at": frozenset({State.PUBLISHED}),
    "failed_at": frozenset({State.FAILED, State.PARTIAL}),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition said: `true`, `false`, or `error` with the reason in `detail`."""

    kind: str
    detail: str = ""


TRUE, FALSE = Verdict("true"), Verdict("false")

Predicate = Callable[[Mapping[str, object]], Verdict]


@dataclass(frozen=True, slots=True)
class On:
    """Something happened."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class While:
    """A state has held for `lasting`."""

    states: frozenset[State]
    lasting: timedelta


@dataclass(frozen=True)
class Expect:
    """Something has not happened `within` a span of the post's time `of`, or else of what `on` names."""

    words: tuple[Word, ...]
    within: timedelta
    of: str | None = None
    on: tuple[Word, ...] = ()

    @cached_property
    def met(self) -> frozenset[State]:
        """The states in which what is expected has happened; the state that started the wait is none of them."""
        states = entered(self.words)
        beyond = frozenset[State]().union(*(_BEYOND.get(state, frozenset()) for state in states))
        return states | (beyond - (_IMPLIED[self.of] if self.of else entered(self.on)))

    @cached_property
    def over(self) -> frozenset[State]:
        """The states in which there is nothing left to wait for."""
        return self.met | WITHDRAWN


@dataclass(frozen=True, slots=True)
class Match:
    """One value of the subject equals, or fits the glob of, one of `words`."""

    field: str
    words: tuple[str, ...]

    def admits(self, subject: Subject) -> bool:
        values = self._values(subject)
        return any(value in self.words or any(fnmatchcase(value, word) for word in self.words) for value in values)

    def _values(self, subject: Subject) -> tuple[str, ...]:
        if self.field == "platform":
            return subject.platforms
        if self.field == "account":
            return subject.accounts
        return (subject.provider,) if self.field == "provider" else (subject.state or "",)


@dataclass(frozen=True)
class Rule:
    """One reaction. `revision` names its meaning: equal for texts that differ only in looks."""

    id: str
    revision: str
    trigger: On | While | Expect
    do: tuple[Step, ...]
    exhausted: tuple[Step, ...] = ()
    match: tuple[Match, ...] = ()
    when: Predicate | None = None
    per: Per = Per.POST
    cancel_on: tuple[Word, ...] = ()
    enabled: bool = True

    @cached_property
    def retries(self) -> bool:
        return any(isinstance(step, RetryStep) for step in self.do)

    @cached_property
    def resolves(self) -> bool:
        return any(isinstance(step, AlertStep) and step.resolves for step in (*self.do, *self.exhausted))

    @cached_property
    def watched(self) -> frozenset[State]:
        """The states that the rule reacts to, so that leaving them means something to it."""
        if isinstance(self.trigger, While):
            return self.trigger.states
        return entered(self.trigger.words) if isinstance(self.trigger, On) and self.resolves else frozenset()

    def concerns(self, subject: Subject) -> bool:
        """Whether the rule is about such a subject at all, whatever its state."""
        return all(match.admits(subject) for match in self.match if match.field != "state")

    def admits(self, subject: Subject) -> bool:
        """Whether all of `match` holds."""
        return all(match.admits(subject) for match in self.match)

    def judge(self, values: Mapping[str, object]) -> Verdict:
        """What `when` says; a rule without one agrees."""
        return self.when(values) if self.when else TRUE


@dataclass
class WordIndex:
    """Rules by the words that concern them, so that a change tries only a few."""

    _states: dict[State, list[Rule]] = field(default_factory=dict)
    _names: dict[str, list[Rule]] = field(default_factory=dict)
    _globs: list[tuple[Named, Rule]] = field(default_factory=list)

    def add(self, words: Iterable[Word], rule: Rule) -> None:
        for word in words:
            if isinstance(word, Named) and word.is_glob:
                self._globs.append((word, rule))
            elif isinstance(word, Named):
                self._names.setdefault(word.pattern, []).append(rule)
            else:
                for state in _after(word):
                    self._states.setdefault(state, []).append(rule)

    def rules(self, change: Change) -> Iterable[Rule]:
        """The rules that may have something to do with the change, each once."""
        found = {rule.id: rule for state in {move.after for move in change.moves} for rule in self.entering(state)}
        found.update((rule.id, rule) for rule in self._names.get(change.event, ()))
        for word, rule in self._globs:
            if word.names(change.event) or any(word.admits(move) for move in change.moves):
                found[rule.id] = rule
        return found.values()

    def entering(self, state: State) -> list[Rule]:
        return self._states.get(state, [])


class RuleIndex:
    """The enabled rules, by everything that can concern them."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.by_id = {rule.id: rule for rule in rules if rule.enabled}
        self.on, self.cancel, self.met = WordIndex(), WordIndex(), WordIndex()
        self.retrying = [rule for rule in self.by_id.values() if rule.retries]
        self.holding: dict[State, list[Rule]] = {}
        """Rules that watch a state."""
        self.waiting: dict[State, list[Rule]] = {}
        """Rules that may have a timer for a post in that state."""
        for rule in self:
            self._add(rule)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.by_id.values())

    def _add(self, rule: Rule) -> None:
        self.cancel.add(rule.cancel_on, rule)
        trigger = rule.trigger
        _file(self.holding, rule.watched, rule)
        if isinstance(trigger, While):
            _file(self.waiting, trigger.states, rule)
        elif isinstance(trigger, Expect):
            self.on.add(trigger.on, rule)
            self.met.add([*map(Entering, trigger.over), *(w for w in trigger.words if isinstance(w, Named))], rule)
            if trigger.of:
                _file(self.waiting, frozenset(State) - trigger.over, rule)
        else:
            self.on.add(trigger.words, rule)


def _file(shelf: dict[State, list[Rule]], states: Iterable[State], rule: Rule) -> None:
    for state in states:
        shelf.setdefault(state, []).append(rule)


def _after(word: Entering | Crossing) -> Iterable[State]:
    if isinstance(word, Entering):
        return (word.state,)
    return State if word.after is None else (word.after,)
