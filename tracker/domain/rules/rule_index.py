"""Which rules a change concerns: looked up by state or event, then by what `match` demands, before any CEL is asked."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

from tracker.domain.posts.change import Change, PostView
from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import EventName, EventPattern, StateEntered, Transition, are_of_accounts
from tracker.domain.rules.grouping import OWN
from tracker.domain.rules.rule import Every, Expect, Match, On, Rule, While

Label = tuple[str, str]
"""A field of `match` and a value of it."""

KEYS = ("account", "platform", "provider")
"""The fields by which rules are looked up, the most telling first."""

MOST_REMEMBERED = 5000
"""Answers that an index keeps: most changes ask the same."""

Asked = tuple[frozenset[State], str, frozenset[Label]]
Key = TypeVar("Key")
_by_id = attrgetter("id")


def labels_of(provider: str, view: PostView | None, account: Mapping[str, str] | None = None) -> frozenset[Label]:
    """Everything about a post, or about an account by itself, that an exact `match` can demand."""
    marks = [("provider", provider)]
    if account:
        marks += [("account", account["id"]), ("platform", account.get("platform", ""))]
    if view:
        marks += [("account", target.account) for target in view.targets if target.account]
        marks += [("platform", name) for name in view.platforms]
    return frozenset(marks)


@dataclass
class Bucket:
    """Rules in the order in which they came, under what their `match` demands exactly."""

    _plain: list[Rule] = field(default_factory=list)
    _marked: dict[Label, list[Rule]] = field(default_factory=dict)

    def add(self, rule: Rule) -> None:
        demand = _demand(rule)
        if demand is None:
            self._plain.append(rule)
            return
        for word in demand.words:
            self._marked.setdefault((demand.field, word), []).append(rule)

    def rules(self, marks: Iterable[Label]) -> Iterator[Rule]:
        """The rules whose exact `match` a post with these labels can satisfy."""
        yield from self._plain
        if self._marked:
            for mark in marks:
                yield from self._marked.get(mark, ())


@dataclass
class WordIndex:
    """Rules by the words that concern them, so that a change tries only a few."""

    _states: dict[State, Bucket] = field(default_factory=dict)
    _names: dict[str, Bucket] = field(default_factory=dict)
    _globs: list[tuple[EventName, Rule]] = field(default_factory=list)
    _known: dict[Asked, tuple[Rule, ...]] = field(default_factory=dict)

    words: bool = False
    """Whether there are any."""

    def add(self, words: Iterable[EventPattern], rule: Rule) -> None:
        for word in words:
            self.words = True
            if isinstance(word, EventName) and word.is_glob:
                self._globs.append((word, rule))
            elif isinstance(word, EventName):
                self._names.setdefault(word.pattern, Bucket()).add(rule)
            else:
                for state in _after(word):
                    self._states.setdefault(state, Bucket()).add(rule)

    @property
    def events(self) -> set[str]:
        """Of which events by name any of the rules hears, and by which globs."""
        return {*self._names, *(word.pattern for word, _ in self._globs)}

    def rules(self, change: Change, marks: frozenset[Label]) -> Sequence[Rule]:
        """The rules that may have something to do with the change, each once, in the order of their ids."""
        if not self.words:
            return ()
        asked = (frozenset([move.after for move in change.moves]), change.event, marks)
        found = self._known.get(asked)
        if found is None:
            found = _remember(self._known, asked, self._find(change, marks))
        return found

    def _find(self, change: Change, marks: frozenset[Label]) -> Iterator[Rule]:
        shelves = [self._states.get(state) for state in {move.after for move in change.moves}]
        for shelf in (*shelves, self._names.get(change.event)):
            if shelf:
                yield from shelf.rules(marks)
        for word, rule in self._globs:
            if word.names(change.event) or any(word.admits(move) for move in change.moves):
                yield rule


class RuleIndex:
    """The enabled rules, found by the states, event names and labels of posts that can concern them."""

    def __init__(self, rules: Iterable[Rule] = (), unwatched: Container[str] = ()) -> None:
        """Of the `unwatched` rules nobody asks here what a post makes them wait for."""
        self._unwatched = unwatched
        self.there_since: Mapping[str, datetime] = {}
        """Since when rules are in force, whatever they meant meanwhile; one that is not named has always been."""
        self.by_id = {rule.id: rule for rule in rules if rule.enabled}
        self.on, self.cancel, self.met, self.heard = WordIndex(), WordIndex(), WordIndex(), WordIndex()
        self.retrying, self.tallied, self.silent = Bucket(), WordIndex(), WordIndex()
        self.of_accounts = [rule for rule in self if _is_of_accounts(rule)]
        """Rules for which it matters whether an account is connected."""
        self.shared = {rule.id for rule in self if rule.per not in OWN or isinstance(rule.trigger, Every)}
        """The ids of rules that are about what several buckets of the log tell of."""
        self.has_shared_waits = bool(self.of_accounts) or any(rule.is_silence for rule in self)
        self.periodic = [rule for rule in self if isinstance(rule.trigger, Every)]
        self.muting: dict[str, list[Rule]] = {}
        """Rules by the rule whose alerts they mute."""
        self.holding: dict[State, Bucket] = {}
        """Rules that watch a state."""
        self.ending: dict[State, Bucket] = {}
        """Rules for which a state is the end of what they watch."""
        self.waiting: dict[State, Bucket] = {}
        """Rules that may have a timer for a post in that state."""
        self._standing: dict[tuple[str, frozenset[State | None], frozenset[Label]], tuple[Rule, ...]] = {}
        for rule in self:
            self._add(rule)
        demands = [demand for rule in self if (demand := _demand(rule))]
        self.marks = frozenset((demand.field, word) for demand in demands for word in demand.words)
        """All by which rules are looked up; no other mark of a post matters."""

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.by_id.values())

    @property
    def events(self) -> set[str]:
        """Of which events by name any rule hears, and by which globs."""
        over = (word for rule in self.periodic for word in getattr(rule.trigger, "over", ()))
        gathered = (word.pattern for word in over if isinstance(word, EventName))
        return self.on.events.union(self.cancel.events, self.met.events, self.heard.events, gathered)

    def watching(self, states: Iterable[State | None], marks: frozenset[Label]) -> Sequence[Rule]:
        """The rules that watch one of the states, in the order of their ids."""
        return self._filed("holding", self.holding, states, marks)

    def ended_by(self, states: Iterable[State | None], marks: frozenset[Label]) -> Sequence[Rule]:
        """The rules for which what they watch is over in one of the states, in the order of their ids."""
        return self._filed("ending", self.ending, states, marks)

    def waits_in(self, states: Iterable[State | None], marks: frozenset[Label]) -> Sequence[Rule]:
        """The rules that may have a timer for a post in one of the states, in the order of their ids."""
        return self._filed("waiting", self.waiting, states, marks)

    def _filed(
        self, which: str, shelves: dict[State, Bucket], states: Iterable[State | None], marks: frozenset[Label]
    ) -> Sequence[Rule]:
        asked = (which, frozenset(states), marks)
        found = self._standing.get(asked)
        if found is None:
            there = [shelves[state] for state in asked[1] if state in shelves]
            found = _remember(self._standing, asked, (rule for shelf in there for rule in shelf.rules(marks)))
        return found

    def _add(self, rule: Rule) -> None:
        self.cancel.add(rule.cancel_on, rule)
        self.heard.add(rule.waits_for, rule)
        if rule.retries:
            self.retrying.add(rule)
        self.tallied.add(rule.count.beside if rule.count else (), rule)
        for muted in rule.mutes:
            self.muting.setdefault(muted, []).append(rule)
        trigger = rule.trigger
        _file(self.holding, rule.watched, rule)
        _file(self.ending, rule.well if rule.watched else (), rule)
        watched = rule.id not in self._unwatched
        if isinstance(trigger, While):
            _file(self.waiting, trigger.states if watched else (), rule)
        elif rule.is_silence:
            self.silent.add(rule.starting_words, rule)
        elif isinstance(trigger, Expect):
            self.on.add(trigger.on, rule)
            self.met.add(
                [*map(StateEntered, trigger.over), *(w for w in trigger.words if isinstance(w, EventName))], rule
            )
            if trigger.of and watched:
                _file(self.waiting, frozenset(State) - trigger.over, rule)
        elif not isinstance(trigger, Every):
            self.on.add(trigger.words, rule)


def _is_of_accounts(rule: Rule) -> bool:
    if isinstance(rule.trigger, On):
        return rule.resolves and are_of_accounts(rule.trigger.words)
    return bool(getattr(rule.trigger, "accounts", ()))


def _remember(known: dict[Key, tuple[Rule, ...]], asked: Key, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Each once, in the order of their ids; what was asked long ago makes room."""
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[asked] = tuple(sorted({rule.id: rule for rule in rules}.values(), key=_by_id))
    return known[asked]


def _file(shelves: dict[State, Bucket], states: Iterable[State], rule: Rule) -> None:
    for state in states:
        shelves.setdefault(state, Bucket()).add(rule)


def _demand(rule: Rule) -> Match | None:
    exact = {match.field: match for match in rule.match if match.exact}
    return next((exact[field] for field in KEYS if field in exact), None)


def _after(word: StateEntered | Transition) -> Iterable[State]:
    if isinstance(word, StateEntered):
        return (word.state,)
    return State if word.after is None else (word.after,)
