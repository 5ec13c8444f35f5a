"""What is odd about a fact, or about what it does to a post: each a note that a person understands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tracker.domain.duration import format_duration
from tracker.domain.posts.change import Note
from tracker.domain.posts.event import OWN_SOURCES, Fact, State, TargetFact
from tracker.domain.posts.target import SURPRISING, Target

STATE_EVENTS = {f"post.{state}": state for state in State}
SECOND = timedelta(seconds=1)
"""Clocks differ by so much without anybody being at fault."""


def note(fact: Fact, code: str, text: str) -> Note:
    """A note that the fact gave rise to."""
    return Note(fact.id, code, text)


def odd_words(fact: Fact) -> list[Note]:
    """What the fact says in words that we do not know, that contradict one another, or by a clock that is ahead."""
    named = STATE_EVENTS.get(fact.event)
    notes = [note(fact, code, text) for code, text in fact.remarks] if fact.remarks else []
    if named and fact.state and named is not fact.state:
        notes.append(note(fact, "event_disagrees", f"the event is called {fact.event}, its status says {fact.state}"))
    said: tuple[Fact | TargetFact, ...] = (fact, *fact.targets)
    notes += [
        note(fact, "unknown_status", f'"{word.raw_status}" is not in the provider\'s map of statuses')
        for word in said
        if word.state is None and word.raw_status
    ]
    if fact.ahead > SECOND:
        ahead = format_duration(fact.ahead // SECOND * SECOND)
        notes.append(note(fact, "ahead_of_clock", f"its time is {ahead} ahead of its arrival, which counts instead"))
    return notes


def odd_step(fact: Fact, name: str, before: Target, after: Target, word: TargetFact) -> Sequence[Note]:
    """What is odd about how a target, or the post as a whole, came from `before` to `after`."""
    told = word.state
    if after.state is before.state:
        if not told or told is after.state or told is State.RETRYING:
            return ()
        how = "at no finer a time than that" if fact.dated else "without a time"
        return (note(fact, "not_later", f"{name}: {told} was told {how}; it is {after.state} already"),)
    if after.state in SURPRISING.get(before.state, ()) and not before.withdrawn:
        return (note(fact, "surprising", f"{name}: {before.state} -> {after.state}"),)
    if (
        before.state is State.FAILED and after.state is State.PUBLISHED and before.attempt == after.attempt
        and before.named and after.named and not after.item and fact.source not in OWN_SOURCES
    ):  # fmt: skip
        return (note(fact, "overwritten", f"{name}: it had failed in the same attempt, and is published now"),)
    return ()
