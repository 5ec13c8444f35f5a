"""Rules written in Python, and a story of facts told to them: given – when – then without a rule file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.unit.histories import EPOCH
from tracker.domain.actions import Backoff
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import Fact, State
from tracker.domain.posts.post import Post
from tracker.domain.rules.decide import decide
from tracker.domain.rules.decision import Decision
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.domain.rules.rule import FALSE, TRUE, Expect, Match, On, Rule, Trigger, Verdict, While
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import AlertStep, RetryStep, Step

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Text:
    """A text with `<name>` for a value."""

    text: str

    def __call__(self, values: Mapping[str, object]) -> str:
        out = self.text
        for name, value in values.items():
            out = out.replace(f"<{name}>", str(value))
        return out


ALERT = AlertStep("ops", Text("<post.id> <error.message>"))
RETRY = RetryStep("publish", 3, Backoff(MINUTE, 2))


def on(*words: str, do: Iterable[Step] = (ALERT,), cancel_on: Iterable[str] = (), **more: Any) -> Rule:
    """A rule that reacts to any of `words`."""
    trigger = On(tuple(map(parse_event_pattern, words)))
    return _rule(trigger, do, cancel_on=tuple(map(parse_event_pattern, cancel_on)), **more)


def during(*states: State, lasting: timedelta = 15 * MINUTE, do: Iterable[Step] = (ALERT,), **more: Any) -> Rule:
    """A rule that watches how long a state holds."""
    return _rule(While(frozenset(states), lasting), do, **more)


def expect(word: str, of: str | None = None, after: Iterable[str] = (), **more: Any) -> Rule:
    """A rule that waits ten minutes for `word`."""
    trigger = Expect((parse_event_pattern(word),), 10 * MINUTE, of, tuple(map(parse_event_pattern, after)))
    return _rule(trigger, (ALERT,), **more)


def _rule(trigger: Trigger, do: Iterable[Step], exhausted: Iterable[Step] = (), **more: Any) -> Rule:
    branches = {"exhausted": tuple(exhausted)} if exhausted else {}
    values: dict[str, object] = {
        "id": "r", "revision": "1", "trigger": trigger, "do": tuple(do), "branches": branches,
    }  # fmt: skip
    return Rule(**(values | more))  # type: ignore[arg-type]  # the test states only what it is about


def match(**words: str) -> tuple[Match, ...]:
    return tuple(Match(name, (word,)) for name, word in words.items())


def retryable(values: Mapping[str, object]) -> Verdict:
    return TRUE if values["error.retryable"] else FALSE


def broken(values: Mapping[str, object]) -> Verdict:
    return Verdict("error", "divide by zero")


@dataclass
class Story:
    """Facts told one after another to some rules."""

    rules: tuple[Rule, ...]
    posts: dict[str, Post] = field(default_factory=dict)
    told: dict[str, list[Fact]] = field(default_factory=dict)
    change: Change | None = None

    def hear(self, fact: Fact) -> list[Decision]:
        """What the rules make of the fact."""
        post = fact.post or ""
        earlier = self.told.setdefault(post, [])
        self.posts[post], self.change = arrive(self.posts.get(post), fact, tuple(earlier))
        earlier.append(fact)
        return decide(RuleIndex(self.rules), self.change)

    def hear_all(self, facts: Iterable[Fact]) -> list[Decision]:
        return [decision for fact in facts for decision in self.hear(fact)]


def at(seconds: int) -> datetime:
    """The moment of a fact told at that second."""
    return EPOCH + timedelta(seconds=seconds)
