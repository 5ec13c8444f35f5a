"""What a fact changed: the record that rules react to and that a history shows, with notes on what was odd about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from tracker.domain.accounts import Account
from tracker.domain.duration import format_duration
from tracker.domain.posts.event import OWN_SOURCES, Fact, Problem, State, TargetFact
from tracker.domain.posts.target import SURPRISING, Target

FIELDS = ("state", "scheduled_at", "text", "urls", "labels", "attributes")
"""What a fact can change of a post, as rules call it; a state is that of the post or of one of its targets."""


class Move(Struct, frozen=True, gc=False, omit_defaults=True):
    """The whole post (`target` None) or one target entered a state because of the fact `by`.

    A move is `superseded` when it came to light after a later fact had already moved the same thing on. It is said
    `again` when nothing changed, but the event that told the end has come once more.
    """

    target: str | None
    before: State | None
    after: State
    by: str
    attempt: int
    occurred_at: datetime
    problem: Problem | None = None
    superseded: bool = False
    again: bool = False

    @property
    def cause(self) -> str:
        """The identity of the move: the same however often, and in whatever order, it is worked out."""
        return f"{self.by}:{self.target or ''}:{self.after}"


class Note(Struct, frozen=True, gc=False):
    """An anomaly, explained: what the fact `by` said that does not fit."""

    by: str
    code: str
    text: str


class TargetView(Struct, frozen=True, gc=False, omit_defaults=True):
    """A target as rules see it; `times` counts how often in a row it ended as it did last."""

    key: str
    platform: str
    account: str | None
    ordinal: int
    state: State
    attempt: int
    entered_at: datetime | None = None
    url: str | None = None
    problem: Problem | None = None
    item: str | None = None
    times: int = 0


class PostView(Struct, frozen=True, omit_defaults=True):
    """A post as rules see it, right after a change; `times` counts how often in a row it ended as it did last."""

    id: str
    provider: str
    state: State
    attempt: int
    platforms: tuple[str, ...] = ()
    entered_at: datetime | None = None
    scheduled_at: datetime | None = None
    published_at: datetime | None = None
    failed_at: datetime | None = None
    last_event_at: datetime | None = None
    problem: Problem | None = None
    urls: tuple[str, ...] = ()
    targets: tuple[TargetView, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    excerpt: str | None = None
    thumbnail: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    times: int = 0


class Change(Struct, frozen=True):
    """One fact's arrival. `kind` is moved, noted (nothing moved) or revised (it belonged earlier in the history).

    `before` and `after` are the post's state as known before and after the arrival; `cause` is the event's
    position in the log and `fact` the fact's id. A fact of no post has neither state nor context, but perhaps an
    `account`, as far as it is known then. `fields` are those of FIELDS that are other than before.
    """

    provider: str
    post: str | None
    event: str
    source: str
    kind: str
    before: State | None
    after: State | None
    attempt: int
    occurred_at: datetime
    received_at: datetime
    cause: int
    fact: str
    moves: tuple[Move, ...] = ()
    notes: tuple[Note, ...] = ()
    context: PostView | None = None
    detail: dict[str, object] | None = None
    fields: tuple[str, ...] = ()
    account: Account | None = None


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
