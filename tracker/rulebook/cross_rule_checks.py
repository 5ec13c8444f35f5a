"""What only all rules together can tell: names that lead nowhere, and rules that get in one another's way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct, field

from tracker.domain.posts.event import State
from tracker.domain.rules.rule import Expect, On, Rule, While
from tracker.domain.rules.rule_index import KEYS
from tracker.errors import Misconfigured, did_you_mean
from tracker.rulebook.checks import reaches
from tracker.rulebook.reading import Mention

Places = Mapping[str, tuple[str, int]]


def strays(mentions: Iterable[Mention], rules: Collection[str]) -> Iterator[Misconfigured]:
    """A fault for each test of, and each step about, a rule that is nowhere."""
    for one in mentions:
        if one.rule not in rules:
            wrong = f'there is no rule "{one.rule}"{did_you_mean(one.rule, rules)}'
            yield Misconfigured(wrong, file=one.file, key=one.key, line=one.place.line, column=one.place.column)


def rivals(rules: Iterable[Rule], places: Places) -> Iterator[Misconfigured]:
    """A warning for each rule that may retry what an earlier one retries too."""
    earlier = _Shelves()
    for rule in rules:
        if not rule.retries or not rule.enabled:
            continue
        reach = _reach(rule)
        rival = next((other for other in earlier.near(reach) if reach.meets(other)), None)
        if rival:
            file, line = places[rule.id]
            told = f'may retry the same post as "{rival.rule}": let "match" tell them apart, or let one pause the other'
            yield Misconfigured(told, file=file, line=line, key=f"rule.{rule.id}")
        earlier.add(reach)


class _Reach(Struct, frozen=True):
    """What a rule can be about: the states that set it going (none: any), and the exact words of its `match`."""

    rule: str
    states: frozenset[State]
    words: Mapping[str, frozenset[str]]

    def meets(self, other: _Reach) -> bool:
        """Whether both can be about the same post at the same time."""
        if self.states and other.states and self.states.isdisjoint(other.states):
            return False
        shared = self.words.keys() & other.words.keys()
        return not any(self.words[field].isdisjoint(other.words[field]) for field in shared)


class _Shelves(Struct):
    """Rules under the words of their `match`, so that among many only a few are compared."""

    every: list[_Reach] = field(default_factory=list)
    without: dict[str, list[_Reach]] = field(default_factory=lambda: {name: [] for name in KEYS})
    marked: dict[tuple[str, str], list[_Reach]] = field(default_factory=dict)

    def add(self, reach: _Reach) -> None:
        self.every.append(reach)
        for name in KEYS:
            if name not in reach.words:
                self.without[name].append(reach)
            for word in reach.words.get(name, ()):
                self.marked.setdefault((name, word), []).append(reach)

    def near(self, reach: _Reach) -> Iterator[_Reach]:
        """Those that do not differ from it in the first of its words."""
        telling = next((name for name in KEYS if name in reach.words), None)
        if telling is None:
            yield from self.every
            return
        yield from self.without[telling]
        for word in reach.words[telling]:
            yield from self.marked.get((telling, word), ())


def _reach(rule: Rule) -> _Reach:
    trigger = rule.trigger
    states: frozenset[State] = frozenset()
    if isinstance(trigger, While):
        states = trigger.states
    elif isinstance(trigger, On):
        states = frozenset(state for state in State if any(reaches(word, state) for word in trigger.words))
    elif isinstance(trigger, Expect):
        states = frozenset(State) - trigger.over
    return _Reach(rule.id, states, {match.field: frozenset(match.words) for match in rule.match if match.exact})
