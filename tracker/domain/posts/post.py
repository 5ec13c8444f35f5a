"""A post, folded from its facts in the order in which they happened.

The state of a post is `fold(facts)`: the distinct facts, sorted by when each can have happened, how far along it is,
and its id, each applied by `evolve`. Sorting makes the order of arrival irrelevant and the id makes repetition
harmless; that is the whole argument for correctness. `arrive` (arrival.py) only spares the sorting when the new fact
stands last anyway.

Several clocks are one order: a fact cannot have happened after it arrived, a time told to the second stands for the
end of that second, and a fact that tells no time stands at its arrival, which is behind all that arrived before it.
That it must not overtake what is further along cannot be had by a place in the order, which would depend on other
facts; so it is had when it is applied: such a fact takes no target back behind its end, nor behind what was told with
a time (`Target.hear`). Among facts that tell no time the arrival decides, but for ends.

What a message means by the targets that it names more or less fully is told in naming.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from tracker.domain.posts.change import Move, Note, PostView, TargetView, note, odd_step, odd_words
from tracker.domain.posts.description import terms_of, with_attributes
from tracker.domain.posts.event import OWN_SOURCES, Fact, Problem, State, TargetFact
from tracker.domain.posts.naming import Meant, meant, restarted
from tracker.domain.posts.target import (
    ENDED,
    FALLEN_SHORT,
    STARTING,
    Target,
    derive,
    first_heard,
    said_again,
    spoken_for,
    teller,
    tells_end,
)

FOLD_VERSION = 4
"""Counted up whenever the same facts come to another post: posts that an older fold has made are then made anew."""

KEPT_NOTES = 20


class Post(Struct, frozen=True, omit_defaults=True):
    """What became of one post: `targets` by key, and `whole`, which is what was said of no target in particular.

    `times` counts how often in a row it `ended_as` it did, and `end_told_by` is the event whose name told the end.
    """

    provider: str
    id: str
    state: State = field(default_factory=lambda: State.UNKNOWN)  # so that it is never left out
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
    times: int = 0
    ended_as: State | None = None
    end_told_by: str | None = None

    @property
    def parts(self) -> tuple[Target, ...]:
        """The targets in the order of their keys, or the whole where none was ever named."""
        if self.targets:
            return tuple([self.targets[key] for key in sorted(self.targets)])
        return (self.whole,) if self.whole else ()

    @property
    def problem(self) -> Problem | None:
        """The first problem among its parts, or else what was said of the whole where that fell short."""
        return first_problem(self, self.parts)

    @property
    def terms(self) -> list[str]:
        """Under what it is filed: its attributes, its labels, and the codes of all that is wrong with it now."""
        problems = (self.problem, *(target.problem for target in self.targets.values()))
        return terms_of(self.attributes.items(), self.labels.items(), [one.code for one in problems if one])


def first_problem(post: Post, parts: Iterable[Target]) -> Problem | None:
    """What went wrong with the first of a post's parts with which anything did."""
    for part in parts:
        if part.problem:
            return part.problem
    return post.whole.problem if post.whole and post.state in FALLEN_SHORT else None


class Step(Struct, frozen=True):
    """One fact applied: the post after it, the moves that it made, and what did not fit."""

    post: Post
    moves: tuple[Move, ...] = ()
    notes: tuple[Note, ...] = ()


def evolve(post: Post, fact: Fact) -> Step:
    """Apply a fact that stands after everything the post has seen."""
    moves: list[Move] = []
    notes = odd_words(fact)
    targets, whole = dict(post.targets), post.whole
    said = _said(post, fact)
    words = said.words
    if said.dropped:
        for key in said.dropped:
            targets.pop(key, None)
    for key, word in words:
        known = targets.get(key) if key else whole
        if known and fact.attempt is not None and known.hears_too_late(fact):
            notes.append(note(fact, "older_attempt", f"{key or 'post'} is at attempt {known.attempt} already"))
            continue
        after = (known or first_heard(word, post.whole if key else None)).apply(fact, word)
        if key:
            targets[key] = after
        else:
            whole = after
        if key and (known is None or known.state is not after.state or known.attempt != after.attempt):
            moves.append(_move(key, known.state if known else None, after, fact))
        if known and (after.state is not known.state or word.state is not known.state) and (key or not targets):
            notes += odd_step(fact, key or "post", known, after, word)
    for key in said.withdrawn:
        known, targets[key] = targets[key], targets[key].withdraw(fact)
        moves.append(_move(key, known.state, targets[key], fact))
        notes.append(note(fact, "withdrawn", f"{key}: {known.state}, and no longer among the post's targets"))
    for text in said.unclear:
        notes.append(note(fact, "ambiguous_target", text))
    return _settle(post, fact, whole, targets, moves, notes, words)


def steps(facts: Iterable[Fact], start: Post) -> list[tuple[Fact, Step]]:
    """Each fact that is not silent with what it came to, once and in their order.

    `start` stands for facts that end before these.
    """
    post, taken = start, []
    for fact in sorted({fact.id: fact for fact in facts if not fact.is_silent}.values(), key=_order):
        if start.last_order and fact.order <= start.last_order:
            continue
        step = evolve(post, fact)
        post = step.post
        taken.append((fact, step))
    return taken


def fold(provider: str, post_id: str, facts: Iterable[Fact], start: Post | None = None) -> Step:
    """All facts applied in their order, each once; `start` stands for facts no longer kept, which end before these."""
    begin = start or Post(provider, post_id)
    taken = [step for _, step in steps(facts, begin)]
    return Step(
        taken[-1].post if taken else begin,
        tuple(move for step in taken for move in step.moves),
        tuple(one for step in taken for one in step.notes),
    )


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
        problem=first_problem(post, parts),
        urls=tuple([part.url for part in parts if part.url]),
        targets=tuple(
            [
                TargetView(
                    key, t.platform, t.account, t.ordinal, t.state, t.attempt, t.entered_at, t.url, t.problem,
                    t.item, t.times,
                )
                for key, t in zip(named, parts, strict=False)
            ]
        ),
        labels=post.labels,
        times=post.times,
        excerpt=post.excerpt,
        thumbnail=post.thumbnail,
        attributes=post.attributes,
    )  # fmt: skip


def _order(fact: Fact) -> tuple[datetime, int, str]:
    return fact.order


def _said(post: Post, fact: Fact) -> Meant:
    """What the fact says, target by target; the key '' is the whole."""
    if fact.targets:
        if fact.problem:
            return meant(post.targets, fact, [_completed(word, fact) for word in fact.targets])
        words = [word if word.state else _completed(word, fact) for word in fact.targets]
        return meant(post.targets, fact, words)
    word = TargetFact("", state=fact.state, problem=fact.problem)
    keys = spoken_for(fact, post.targets, post.attempt)
    if fact.state not in STARTING or not any(target.item for target in post.targets.values()):
        return Meant([("", word), *[(key, word) for key in keys]])
    kept, dropped = restarted(post.targets, fact, keys)
    return Meant([("", word), *[(key, word) for key in kept]], dropped)


def _completed(word: TargetFact, fact: Fact) -> TargetFact:
    """What a target's entry leaves out, the fact as a whole says."""
    if word.state and (word.problem or not fact.problem):
        return word
    state = word.state or (None if word.raw_status else fact.state)
    problem = word.problem or (fact.problem if state is State.FAILED else None)
    return replace(word, state=state, problem=problem)


def _settle(
    post: Post,
    fact: Fact,
    whole: Target | None,
    targets: dict[str, Target],
    moves: list[Move],
    notes: list[Note],
    words: Iterable[tuple[str, TargetFact]],
) -> Step:
    """The post as its parts now make it, with its own move after those of its targets."""
    parts = targets.values() if targets else [whole] if whole else []
    state = derive([part.state for part in parts])
    attempt = max([part.attempt for part in parts], default=post.attempt)
    moved = (
        state is not post.state or attempt != post.attempt or (post.entered_at is None and state is not State.UNKNOWN)
    )
    ends, told, again = state in ENDED, tells_end(fact, state), False
    if told and not moved:
        again, repeated = said_again(post, fact, targets, words, state)
        targets |= repeated
        moves += [_move(key, after.state, after, fact, again=True) for key, after in repeated.items()]
    if targets and fact.state in ENDED and fact.state is not state:
        notes.append(note(fact, "disagrees", f"the provider says {fact.state}, its targets say {state}"))
    entered = moved or again
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
        published_at=fact.occurred_at if entered and state is State.PUBLISHED else post.published_at,
        failed_at=fact.occurred_at if entered and state in FALLEN_SHORT else post.failed_at,
        last_event_at=post.last_event_at if fact.source in OWN_SOURCES else fact.occurred_at,
        last_order=fact.order,
        notes=(*post.notes, *notes)[-KEPT_NOTES:] if notes else post.notes,
        labels=_labelled(post.labels, fact.labels) if fact.labels else post.labels,
        excerpt=fact.excerpt or post.excerpt,
        thumbnail=fact.thumbnail or post.thumbnail,
        attributes=with_attributes(post.attributes, fact.attributes) if fact.attributes else post.attributes,
        times=(post.times + 1 if state is post.ended_as else 1) if ends and entered else post.times,
        ended_as=state if ends else post.ended_as,
        end_told_by=teller(post, fact, told=told, moved=moved),
    )
    if entered:
        before = post.state if post.entered_at else None
        problem = after.problem if first_problem(after, parts) else None
        moves.append(Move(None, before, state, fact.id, attempt, fact.occurred_at, problem, again=again))
    return Step(after, tuple(moves), tuple(notes))


def _labelled(labels: dict[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """The labels with those that a fact puts on; an empty one is taken away."""
    return {name: text for name, text in {**labels, **told}.items() if text}


def _move(key: str, before: State | None, after: Target, fact: Fact, *, again: bool = False) -> Move:
    return Move(key, before, after.state, fact.id, after.attempt, fact.occurred_at, after.problem, again=again)
