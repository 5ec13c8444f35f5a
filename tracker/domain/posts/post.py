"""A post, folded from its facts in the order in which they happened.

The state of a post is `fold(facts)`: the distinct facts, sorted by (occurred_at, status rank, id), each applied
by `evolve`. Sorting makes the order of arrival irrelevant and the id makes repetition harmless; that is the whole
argument for correctness. `arrive` only spares the sorting when the new fact stands last anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from tracker.domain.posts.change import Change, Move, Note, PostView, TargetView
from tracker.domain.posts.description import with_attributes
from tracker.domain.posts.event import OWN_SOURCES, Fact, Problem, State, TargetFact
from tracker.domain.posts.target import ENDED, FALLEN_SHORT, Target, derive, first_heard, is_surprising, spoken_for
from tracker.domain.posts.value import value

KEPT_NOTES = 20
STATE_EVENTS = {f"post.{state}": state for state in State}


@value(frozen=True, slots=True)
class Post:
    """What became of one post: `targets` by key, and `whole`, which is what was said of no target in particular."""

    provider: str
    id: str
    state: State = State.UNKNOWN
    attempt: int = 1
    version: int = 0
    whole: Target | None = None
    targets: dict[str, Target] = field(default_factory=dict)
    entered_at: datetime | None = None
    scheduled_at: datetime | None = None
    published_at: datetime | None = None
    failed_at: datetime | None = None
    last_event_at: datetime | None = None
    last_order: tuple[datetime, int, str] | None = None
    notes: tuple[Note, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    excerpt: str | None = None
    thumbnail: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Target, ...]:
        """The targets in the order of their keys, or the whole where none was ever named."""
        if self.targets:
            return tuple([self.targets[key] for key in sorted(self.targets)])
        return (self.whole,) if self.whole else ()

    @property
    def problem(self) -> Problem | None:
        """The first problem among its parts."""
        return first_problem(self.parts)


def first_problem(parts: Iterable[Target]) -> Problem | None:
    """What went wrong with the first of them with which anything did."""
    for part in parts:
        if part.problem:
            return part.problem
    return None


@value(frozen=True, slots=True)
class Step:
    """One fact applied: the post after it, the moves that it made, and what did not fit."""

    post: Post
    moves: tuple[Move, ...] = ()
    notes: tuple[Note, ...] = ()


def evolve(post: Post, fact: Fact) -> Step:
    """Apply a fact that stands after everything the post has seen."""
    moves: list[Move] = []
    notes = _odd_words(fact)
    targets, whole = dict(post.targets), post.whole
    for key, word in _words(post, fact):
        known = targets.get(key) if key else whole
        if known and fact.attempt is not None and known.hears_too_late(fact):
            notes.append(_note(fact, "older_attempt", f"{key or 'post'} is at attempt {known.attempt} already"))
            continue
        after = (known or first_heard(word, post.whole if key else None)).apply(fact, word)
        if key:
            targets[key] = after
        else:
            whole = after
        if key and (known is None or known.state is not after.state or known.attempt != after.attempt):
            moves.append(_move(key, known.state if known else None, after, fact))
            if known:
                notes += _surprise(fact, key, known, after)
    return _settle(post, fact, whole, targets, moves, notes)


def fold(provider: str, post_id: str, facts: Iterable[Fact], start: Post | None = None) -> Step:
    """All facts applied in their order, each once; `start` stands for facts no longer kept, which end before these."""
    post = start or Post(provider, post_id)
    moves: list[Move] = []
    notes: list[Note] = []
    for fact in sorted({fact.id: fact for fact in facts}.values(), key=lambda fact: fact.order):
        if start and start.last_order and fact.order <= start.last_order:
            continue
        step = evolve(post, fact)
        post = step.post
        moves += step.moves
        notes += step.notes
    return Step(post, tuple(moves), tuple(notes))


def stands_last(post: Post | None, fact: Fact) -> bool:
    """Whether `arrive` can do without the post's earlier facts."""
    return post is None or post.last_order is None or fact.order > post.last_order


def arrive(
    post: Post | None, fact: Fact, earlier: Sequence[Fact] = (), start: Post | None = None
) -> tuple[Post, Change]:
    """A fact has come in: the post with it, and the change, which holds only moves that were not known before.

    `earlier` are the facts behind `post`; they are needed only when the fact does not stand last. `start` is the
    baseline of facts that are no longer kept.
    """
    before = post or start or Post(fact.provider, fact.post or "")
    if stands_last(before, fact):
        step, kind = evolve(before, fact), "moved"
    else:
        step, kind = _revise(before, fact, earlier, start), "revised"
    after, moves = step.post, step.moves
    if kind == "revised":
        known = {move.cause for move in fold(fact.provider, before.id, earlier, start).moves}
        moves = tuple(move for move in _marked(moves) if move.cause not in known)
    elif not moves:
        kind = "noted"
    return after, Change(
        fact.provider, fact.post, fact.event, fact.source, kind, before.state if before.version else None, after.state,
        after.attempt, fact.occurred_at, fact.received_at, fact.position, fact.id, moves,
        notes=tuple([note for note in step.notes if note.by == fact.id]) if step.notes else (),
        context=view(after),
        detail=dict(fact.detail) if fact.detail else None,
    )  # fmt: skip


def _marked(moves: tuple[Move, ...]) -> Iterable[Move]:
    """Those after which the same thing moved on are superseded."""
    for place, move in enumerate(moves):
        moved_on = any(later.target == move.target for later in moves[place + 1 :])
        yield replace(move, superseded=True) if moved_on else move


def view(post: Post) -> PostView:
    """The post as rules and templates see it."""
    parts, named = post.parts, sorted(post.targets) if post.targets else ()
    return PostView(
        id=post.id,
        provider=post.provider,
        state=post.state,
        attempt=post.attempt,
        platforms=tuple(sorted({part.platform for part in parts})) if named else (),
        entered_at=post.entered_at,
        scheduled_at=post.scheduled_at,
        published_at=post.published_at,
        failed_at=post.failed_at,
        last_event_at=post.last_event_at,
        problem=first_problem(parts),
        urls=tuple([part.url for part in parts if part.url]),
        targets=tuple(
            [
                TargetView(key, t.platform, t.account, t.ordinal, t.state, t.attempt, t.entered_at, t.url, t.problem)
                for key, t in zip(named, parts, strict=False)
            ]
        ),
        labels=post.labels,
        excerpt=post.excerpt,
        thumbnail=post.thumbnail,
        attributes=post.attributes,
    )


def _revise(post: Post, fact: Fact, earlier: Sequence[Fact], start: Post | None) -> Step:
    if start and start.last_order and fact.order <= start.last_order:
        return Step(post, (), (_note(fact, "before_kept_history", "older than what the log still keeps of this post"),))
    return fold(fact.provider, post.id, [*earlier, fact], start)


def _words(post: Post, fact: Fact) -> list[tuple[str, TargetFact]]:
    """What the fact says, target by target; the key '' is the whole."""
    if fact.targets:
        return [(word.key, _completed(word, fact)) for word in fact.targets]
    word = TargetFact("", state=fact.state, problem=fact.problem)
    return [("", word), *((key, word) for key in spoken_for(fact, post.targets, post.attempt))]


def _completed(word: TargetFact, fact: Fact) -> TargetFact:
    """What a target's entry leaves out, the fact as a whole says."""
    if word.state and (word.problem or not fact.problem):
        return word
    state = word.state or (None if word.raw_status else fact.state)
    problem = word.problem or (fact.problem if state is State.FAILED else None)
    return replace(word, state=state, problem=problem)


def _settle(
    post: Post, fact: Fact, whole: Target | None, targets: dict[str, Target], moves: list[Move], notes: list[Note]
) -> Step:
    """The post as its parts now make it, with its own move after those of its targets."""
    parts = targets.values() if targets else [whole] if whole else []
    state = derive([part.state for part in parts])
    attempt = max([part.attempt for part in parts], default=post.attempt)
    moved = (
        state is not post.state or attempt != post.attempt or (post.entered_at is None and state is not State.UNKNOWN)
    )
    if moved and whole and post.whole and not targets:
        notes += _surprise(fact, "post", post.whole, whole)
    if targets and fact.state in ENDED and fact.state is not state:
        notes.append(_note(fact, "disagrees", f"the provider says {fact.state}, its targets say {state}"))
    after = Post(
        provider=post.provider,
        id=post.id,
        state=state,
        attempt=attempt,
        version=post.version + 1,
        whole=whole,
        targets=targets,
        entered_at=fact.occurred_at if moved else post.entered_at,
        scheduled_at=fact.scheduled_at or post.scheduled_at,
        published_at=fact.occurred_at if moved and state is State.PUBLISHED else post.published_at,
        failed_at=fact.occurred_at if moved and state in FALLEN_SHORT else post.failed_at,
        last_event_at=post.last_event_at if fact.source in OWN_SOURCES else fact.occurred_at,
        last_order=fact.order,
        notes=(*post.notes, *notes)[-KEPT_NOTES:] if notes else post.notes,
        labels=_labelled(post.labels, fact.labels) if fact.labels else post.labels,
        excerpt=fact.excerpt or post.excerpt,
        thumbnail=fact.thumbnail or post.thumbnail,
        attributes=with_attributes(post.attributes, fact.attributes) if fact.attributes else post.attributes,
    )
    if moved:
        before = post.state if post.entered_at else None
        problem = after.problem if first_problem(parts) else None
        moves.append(Move(None, before, state, fact.id, attempt, fact.occurred_at, problem))
    return Step(after, tuple(moves), tuple(notes))


def _labelled(labels: dict[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """The labels with those that a fact puts on; an empty one is taken away."""
    return {name: text for name, text in {**labels, **told}.items() if text}


def _move(key: str, before: State | None, after: Target, fact: Fact) -> Move:
    return Move(key, before, after.state, fact.id, after.attempt, fact.occurred_at, after.problem)


def _surprise(fact: Fact, name: str, before: Target, after: Target) -> list[Note]:
    if is_surprising(before.state, after.state):
        return [_note(fact, "surprising", f"{name}: {before.state} -> {after.state}")]
    return []


def _odd_words(fact: Fact) -> list[Note]:
    """What the fact says in words that we do not know, or that contradict one another."""
    named = STATE_EVENTS.get(fact.event)
    notes = []
    if named and fact.state and named is not fact.state:
        notes.append(_note(fact, "event_disagrees", f"the event is called {fact.event}, its status says {fact.state}"))
    said: tuple[Fact | TargetFact, ...] = (fact, *fact.targets)
    notes += [
        _note(fact, "unknown_status", f'"{word.raw_status}" is not in the provider\'s map of statuses')
        for word in said
        if word.state is None and word.raw_status
    ]
    return notes


def _note(fact: Fact, code: str, text: str) -> Note:
    return Note(fact.id, code, text)
