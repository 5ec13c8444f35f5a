"""Which rules a change concerns: looked up by state or event, then by what `match` demands, before any CEL is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from tracker.domain.change import Change, PostView
from tracker.domain.event import State
from tracker.domain.rule import Match, Rule
from tracker.domain.trigger import Every, Expect, While
from tracker.domain.words import Crossing, Entering, Named, Word

Mark = tuple[str, str]
"""A field of `match` and a value of it."""

KEYS = ("account", "platform", "provider")
"""The fields by which rules are looked up, the most telling first."""

_by_id = attrgetter("id")


def marks_of(provider: str, view: PostView | None) -> frozenset[Mark]:
    """Everything about a post that an exact `match` can demand."""
    if view is None:
        return frozenset({("provider", provider)})
    accounts = {("account", target.account) for target in view.targets if target.account}
    return frozenset({("provider", provider), *accounts, *(("platform", name) for name in view.platforms)})


@dataclass
class Shelf:
    """Rules in the order of their ids, in which they must come, under what their `match` demands exactly."""

    _plain: list[Rule] = field(default_factory=list)
    _marked: dict[Mark, list[Rule]] = field(default_factory=dict)

    def add(self, rule: Rule) -> None:
        demand = _demand(rule)
        if demand is None:
            if not self._plain or self._plain[-1] is not rule:
                self._plain.append(rule)
            return
        for word in demand.words:
            self._marked.setdefault((demand.field, word), []).append(rule)

    @property
    def only_plain(self) -> list[Rule]:
        """All of them, in the order of their ids, where none demands anything; else nothing."""
        return [] if self._marked else self._plain

    def rules(self, marks: Iterable[Mark]) -> Iterator[Rule]:
        """Those that what is marked so can satisfy."""
        yield from self._plain
        if self._marked:
            for mark in marks:
                yield from self._marked.get(mark, ())


@dataclass
class WordIndex:
    """Rules by the words that concern them, so that a change tries only a few."""

    _states: dict[State, Shelf] = field(default_factory=dict)
    _names: dict[str, Shelf] = field(default_factory=dict)
    _globs: list[tuple[Named, Rule]] = field(default_factory=list)

    def add(self, words: Iterable[Word], rule: Rule) -> None:
        for word in words:
            if isinstance(word, Named) and word.is_glob:
                self._globs.append((word, rule))
            elif isinstance(word, Named):
                self._names.setdefault(word.pattern, Shelf()).add(rule)
            else:
                for state in _after(word):
                    self._states.setdefault(state, Shelf()).add(rule)

    def rules(self, change: Change, marks: frozenset[Mark]) -> Iterable[Rule]:
        """The rules that may have something to do with the change, each once, in the order of their ids."""
        if not (self._states or self._names or self._globs):
            return ()
        names = {move.after for move in change.moves}
        shelves = [shelf for state in names if (shelf := self._states.get(state))]
        if named := self._names.get(change.event):
            shelves.append(named)
        if len(shelves) == 1 and not self._globs and (plain := shelves[0].only_plain):
            return plain
        found = {rule.id: rule for shelf in shelves for rule in shelf.rules(marks)}
        for word, rule in self._globs:
            if word.names(change.event) or any(word.admits(move) for move in change.moves):
                found[rule.id] = rule
        return sorted(found.values(), key=_by_id)


class RuleIndex:
    """The enabled rules, by everything that can concern them."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.by_id = {rule.id: rule for rule in sorted(rules, key=_by_id) if rule.enabled}
        self.on, self.cancel, self.met, self.heard = WordIndex(), WordIndex(), WordIndex(), WordIndex()
        self.retrying = Shelf()
        self.periodic = [rule for rule in self if isinstance(rule.trigger, Every)]
        self.muting: dict[str, list[Rule]] = {}
        """Rules by the rule whose alerts they mute."""
        self.holding: dict[State, Shelf] = {}
        """Rules that watch a state."""
        self.waiting: dict[State, Shelf] = {}
        """Rules that may have a timer for a post in that state."""
        for rule in self:
            self._add(rule)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.by_id.values())

    def _add(self, rule: Rule) -> None:
        self.cancel.add(rule.cancel_on, rule)
        self.heard.add(rule.waits_for, rule)
        if rule.retries:
            self.retrying.add(rule)
        for muted in rule.mutes:
            self.muting.setdefault(muted, []).append(rule)
        trigger = rule.trigger
        _file(self.holding, rule.watched, rule)
        if isinstance(trigger, While):
            _file(self.waiting, trigger.states, rule)
        elif isinstance(trigger, Expect):
            self.on.add(trigger.on, rule)
            self.met.add([*map(Entering, trigger.over), *(w for w in trigger.words if isinstance(w, Named))], rule)
            if trigger.of:
                _file(self.waiting, frozenset(State) - trigger.over, rule)
        elif not isinstance(trigger, Every):
            self.on.add(trigger.words, rule)


def _file(shelves: dict[State, Shelf], states: Iterable[State], rule: Rule) -> None:
    for state in states:
        shelves.setdefault(state, Shelf()).add(rule)


def _demand(rule: Rule) -> Match | None:
    exact = {match.field: match for match in rule.match if match.exact}
    return next((exact[field] for field in KEYS if field in exact), None)


def _after(word: Entering | Crossing) -> Iterable[State]:
    if isinstance(word, Entering):
        return (word.state,)
    return State if word.after is None else (word.after,)
