"""Events of our own: what is written to the log is what is read from it."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from tracker.domain.posts.event import LoggedEvent, Problem, State, TargetFact
from tracker.domain.runs import run_signals
from tracker.facts import own_facts
from tracker.facts.codec import OwnFact, encode, fact_readers
from tracker.runtime import telemetry

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
THEN = datetime(2026, 11, 20, 11, tzinfo=UTC)


SOURCE = Path(own_facts.__file__).parent
NAME = re.compile(r"(action|post|provider|plan|rule|run|silence)\.[a-z_]+")


def written_names() -> set[str]:
    """Whatever looks like an event's name in the modules that write facts of our own, or of the log of the service."""
    found = {run_signals.CANCELLED, *run_signals.OUTCOMES}
    for path in SOURCE.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "own_fact(" in source:
            texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
            found |= {text for text in texts if isinstance(text, str) and NAME.fullmatch(text)}
    return found


def test_every_event_of_our_own_is_listed() -> None:
    """So that all who tell people about events, in whatever language, know of each."""
    assert written_names() - telemetry.EVENTS.keys() <= own_facts.OWN_EVENTS


def row(body: bytes, source: str = "reconcile", kind: str = "post.published") -> LoggedEvent:
    """The row of the log with this body."""
    return LoggedEvent(1, 0, source, "sosyalkopru", kind, "p1", 0, THEN, NOW, sha256(body).digest(), body)


@pytest.mark.parametrize("source", ["action", "manual", "reconcile"])
def test_each_source_of_our_own_has_a_reader(source: str) -> None:
    """The results of actions, of people's hands and of questions come back as facts of their provider's post."""
    told = OwnFact("action.done", THEN, "p1", detail={"action": "a", "verb": "retry"})
    (fact,) = fact_readers({})[source].facts(row(encode(told), source, "action.done"))
    assert (fact.source, fact.provider, fact.post, fact.event) == (source, "sosyalkopru", "p1", "action.done")
    assert (fact.occurred_at, fact.state, fact.detail) == (THEN, None, {"action": "a", "verb": "retry"})


def test_everything_that_is_written_is_read_back() -> None:
    """A post as its provider told it on our question survives the log."""
    target = TargetFact(
        "x", "acc", 1, State.FAILED, "FAILED", "https://x/1", Problem("timeout", "late", retryable=True)
    )
    told = OwnFact("post.failed", THEN, "p1", State.FAILED, "FAILED", (target,), Problem("c"), THEN, 2)
    (fact,) = fact_readers({})["reconcile"].facts(row(encode(told)))
    assert (fact.state, fact.raw_status, fact.targets, fact.problem) == (
        State.FAILED,
        "FAILED",
        (target,),
        Problem("c"),
    )
    assert (fact.scheduled_at, fact.attempt) == (THEN, 2)


def test_the_same_content_is_the_same_bytes() -> None:
    """The log knows a repetition by its bytes, so the order in which details were put together must not show."""
    one = OwnFact("action.done", THEN, "p1", detail={"a": 1, "b": 2})
    two = OwnFact("action.done", THEN, "p1", detail={"b": 2, "a": 1})
    assert encode(one) == encode(two)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"event":"x","at":"2026-11-20T11:00:00"}',
        b'{"event":"x","at":"2026-11-20T11:00:00Z","stat":"failed"}',
    ],
)
def test_a_body_that_is_not_ours_is_a_value_error(body: bytes) -> None:
    """Who reads the log can set such an event aside."""
    with pytest.raises(ValueError, match=r".+"):
        fact_readers({})["manual"].facts(row(body))
