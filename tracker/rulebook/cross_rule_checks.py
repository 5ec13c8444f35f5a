"""What only all rules together can tell: names that lead nowhere, and rules that get in one another's way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct, field

from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import EventName, are_of_accounts
from tracker.domain.rules.rule import Every, Expect, On, Rule, While
from tracker.domain.rules.rule_index import KEYS
from tracker.errors import Misconfigured, did_you_mean
from tracker.rulebook.checks import reaches
from tracker.rulebook.reading import Mention

Places = Mapping[str, tuple[str, int]]
EVENTS = (
    "account.added", "account.connected", "account.deleted", "account.disconnected", "account.expired",
    "account.reconnected", "account.refresh_failed", "account.token_expired", "provider.drifted", "provider.heard",
    "provider.silent", "account.*", "post.*", "provider.*",
)  # fmt: skip
"""What providers send of accounts, and we ourselves of providers: an event that is named once may be a slip for one."""


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


NO_DIGITS = str.maketrans("", "", "0123456789")


def misheard(rules: Collection[Rule], places: Places) -> Iterator[Misconfigured]:
    """A warning for each event that one rule names, and that is one letter off another that is known, or named too."""
    named: dict[str, list[str]] = {}
    for rule in rules:
        for word in {word.pattern for word in heard(rule)}:
            named.setdefault(word, []).append(rule.id)
    # Of words that differ in their digits alone, of which there may be a thousand, the first stands for them all.
    nearly: dict[str, dict[str, str]] = {}
    for word in sorted({*EVENTS, *named}):
        letters = word.translate(NO_DIGITS)
        for less in _one_less(word):
            nearly.setdefault(less, {}).setdefault(letters, word)
    for word, by in named.items():
        if len(by) > 1 or word in EVENTS:
            continue
        letters = word.translate(NO_DIGITS)
        alike = (nearly[less].items() for less in _one_less(word))
        near = min((other for some in alike for of, other in some if of != letters), default=None)
        if near:
            file, line = places[by[0]]
            wrong = f'"{word}" is named nowhere else (did you mean "{near}"?)'
            yield Misconfigured(wrong, file=file, line=line, key=f"rule.{by[0]}")


CONNECTED = (EventName("account.connected"), EventName("account.reconnected"))


def heard(rule: Rule) -> Iterator[EventName]:
    """The events by name of which the rule hears."""
    trigger = rule.trigger
    expected = trigger.words if isinstance(trigger, Expect) else trigger.over if isinstance(trigger, Every) else ()
    counted = rule.count.beside if rule.count else ()
    ending = CONNECTED if rule.resolves and are_of_accounts(rule.starting_words) else ()
    words = (*rule.starting_words, *rule.waits_for, *rule.cancel_on, *expected, *counted, *ending)
    return (word for word in words if isinstance(word, EventName))


def _one_less(word: str) -> set[str]:
    """The word, and all that is left of it without one letter: two words share one where one letter parts them."""
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}


def mutual(rules: Iterable[Rule], places: Places) -> Iterator[Misconfigured]:
    """A warning for each rule that mutes one which mutes it."""
    mutes = {rule.id: rule.mutes for rule in rules}
    for name, muted in mutes.items():
        for other in muted:
            if name in mutes.get(other, ()):
                file, line = places[name]
                wrong = f'mutes "{other}", which mutes it, too: where both run, nobody is told'
                yield Misconfigured(wrong, file=file, line=line, key=f"rule.{name}.mutes")


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
