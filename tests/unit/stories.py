"""What a provider sends and answers, one thing after the other, as our door and our questions take it; and the post."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import islice, permutations
from typing import Any

from tests.unit.conforming import NONE, adapter_of, answers_of
from tests.unit.shapes import ARRIVAL
from tracker.domain.posts.arrival import arrive, arrive_together
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import Fact, LoggedEvent
from tracker.domain.posts.post import Post, fold
from tracker.domain.posts.reconciliation import true_at
from tracker.facts.own_facts import fact_of, reconciled
from tracker.providers.adapter import Adapter
from tracker.providers.answers import Answers

ORDERS = 24
"""So many orders of arrival are tried."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body that arrives so many seconds after the first moment."""

    at: float
    body: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answers when it is asked about the post at that moment."""

    at: float
    body: Any


def moment(second: float) -> datetime:
    return ARRIVAL + timedelta(seconds=second)


def iso(second: float) -> str:
    """The moment as providers write it."""
    return moment(second).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def story(kind: str, *told: Webhook | Answer, post: str = "p1", more: Mapping[str, Any] = NONE) -> Post:
    """The post after all of it, which must be the same in whatever order it is put together."""
    facts = facts_of(kind, *told, post=post, more=more)
    whole = fold(kind, post, facts).post
    for order in islice(permutations(facts), ORDERS):
        assert _arrived(order) == whole
        assert arrive_together(None, order)[0] == whole
    return whole


def changes(kind: str, *told: Webhook | Answer, post: str = "p1", more: Mapping[str, Any] = NONE) -> list[Change]:
    """What each of them changed when it came."""
    known: Post | None = None
    facts = facts_of(kind, *told, post=post, more=more)
    made = []
    for place, fact in enumerate(facts):
        known, change = arrive(known, fact, facts[:place])
        made.append(change)
    return made


def facts_of(kind: str, *told: Webhook | Answer, post: str = "p1", more: Mapping[str, Any] = NONE) -> list[Fact]:
    """The facts of that post, in the order of their arrival."""
    return [
        fact for position, one in enumerate(told, 1) for fact in _facts(kind, one, post, position, more)
        if fact.post == post
    ]  # fmt: skip


def states(post: Post) -> dict[str, str]:
    return {key: str(target.state) for key, target in post.targets.items()}


def codes(post: Post) -> list[str]:
    return [note.code for note in post.notes]


def _facts(kind: str, one: Webhook | Answer, post: str, position: int, more: Mapping[str, Any]) -> list[Fact]:
    if isinstance(one, Answer):
        report = _answers(kind, json.dumps(more)).report(one.body)
        assert report, "the answer is none"
        at = true_at(report.updated_at, moment(one.at))
        return [fact_of(reconciled(kind, post, report, at, moment(one.at)))]
    adapter, body = _adapter(kind, json.dumps(more)), json.dumps(one.body).encode()
    reading = adapter.read({}, body)
    rows = [
        LoggedEvent(
            position, 0, kind, kind, reading.kind, post, part, reading.occurred_at, moment(one.at),
            sha256(body).digest(), body,
        )
        for part, post in enumerate(reading.posts)
    ]  # fmt: skip
    return [fact for row in rows for fact in adapter.facts(row)]


def _arrived(facts: Sequence[Fact]) -> Post | None:
    post = None
    for place, fact in enumerate(facts):
        post, _ = arrive(post, fact, facts[:place])
    return post


@cache
def _adapter(kind: str, more: str) -> Adapter:
    return adapter_of(kind, json.loads(more))


@cache
def _answers(kind: str, more: str) -> Answers:
    return answers_of(kind, json.loads(more))
