"""Facts come in: the post with them, and the change of each, which holds only moves that were not known before.

A fact that stands last is applied. From a late one on, the facts of a batch are folded again together with those
before them, in stretches each four times as long as the one before: the change of a single late fact sees the post
just as it stood when that fact came, and a thousand of them cost half a dozen folds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tracker.domain.posts.change import Change, Move, Note
from tracker.domain.posts.event import UNKNOWN_PLATFORM, Fact
from tracker.domain.posts.notes import note
from tracker.domain.posts.post import Post, Step, evolve, steps, view

GROWTH = 4
PLATFORM = re.compile("[^:#]*")

Folded = Sequence[tuple[Fact, Step]]


def stands_last(post: Post | None, fact: Fact) -> bool:
    """Whether the fact can be applied without the post's earlier facts."""
    return post is None or post.last_order is None or fact.order > post.last_order


def arrive(
    post: Post | None, fact: Fact, earlier: Sequence[Fact] = (), start: Post | None = None
) -> tuple[Post, Change]:
    """One fact has come in."""
    after, changes = arrive_together(post, [fact], earlier, start)
    return after, changes[0]


def arrive_together(
    post: Post | None, facts: Sequence[Fact], earlier: Sequence[Fact] = (), start: Post | None = None
) -> tuple[Post, list[Change]]:
    """Facts of one post have come in, in this order; there is at least one.

    `earlier` are the facts behind `post`; they are needed only when a fact does not stand last. `start` is the
    baseline of facts that are no longer kept.
    """
    after = post or start or Post(facts[0].provider, facts[0].post or "")
    changes: list[Change] = []
    place, stretch = 0, 1
    while place < len(facts):
        fact = facts[place]
        if stands_last(after, fact):
            step = evolve(after, fact)
            kind = "moved" if step.moves else "noted"
            changes.append(_change(fact, kind, after, step.post, step.moves, step.notes))
            after, place = step.post, place + 1
        else:
            together = facts[place : place + stretch]
            after, revised = _revise(after, together, [*earlier, *facts[:place]], start)
            changes += revised
            place, stretch = place + stretch, stretch * GROWTH
    return after, changes


def _revise(
    before: Post, facts: Sequence[Fact], earlier: Sequence[Fact], start: Post | None
) -> tuple[Post, list[Change]]:
    """Facts of which the first is late, folded with those behind the post.

    Each change sees the post as it is after the last in order of the facts that had come by then.
    """
    begin = start or Post(before.provider, before.id)
    known, folded = steps(earlier, begin), steps([*earlier, *facts], begin)
    places = {fact.id: place for place, (fact, _) in enumerate(folded)}
    came = {fact.id: 0 for fact, _ in known}
    for number, fact in enumerate(facts, 1):
        came.setdefault(fact.id, number)
    moves = _new_moves(known, folded, came)
    post, changes = before, []
    last = max((places[fact.id] for fact, _ in known), default=-1)
    for number, fact in enumerate(facts, 1):
        place = places.get(fact.id)
        if place is None:
            told = note(fact, "before_kept_history", "older than what the log still keeps of this post")
            changes.append(_change(fact, "revised", post, post, (), (told,)))
            continue
        kind = "revised" if place <= last else "moved" if moves[number] else "noted"
        last = max(last, place)
        after = folded[last][1].post
        changes.append(_change(fact, kind, post, after, tuple(moves[number]), folded[place][1].notes))
        post = after
    return post, changes


def _new_moves(known: Folded, folded: Folded, came: dict[str, int]) -> dict[int, list[Move]]:
    """The moves that were not known, by the number of the fact that made or revealed them.

    Those after which the same thing had moved on by then are superseded. A move of a target that is called otherwise
    now is not a new one.
    """
    before = [move for _, step in known for move in step.moves]
    now = [move for _, step in folded for move in step.moves]
    causes, renamed = {move.cause for move in before}, _called_otherwise(before, now)
    found: dict[int, list[Move]] = defaultdict(list)
    moved_on: dict[str | None, int] = {}
    for move in reversed(now):
        number = came[move.by]
        if move.cause not in causes and not _known_otherwise(move, renamed):
            shown = number or 1
            late = moved_on.get(move.target, shown + 1) <= shown
            found[shown].insert(0, replace(move, superseded=True) if late else move)
        moved_on[move.target] = min(number, moved_on.get(move.target, number))
    return found


def _called_otherwise(before: Sequence[Move], now: Sequence[Move]) -> dict[tuple[str, str], list[str]]:
    """The names of targets under which moves are not known any more, by the fact and the state."""
    causes = {move.cause for move in now}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for move in before:
        if move.target is not None and move.cause not in causes:
            found[move.by, move.after].append(move.target)
    return found


def _known_otherwise(move: Move, renamed: dict[tuple[str, str], list[str]]) -> bool:
    names = renamed.get((move.by, move.after))
    if not names or move.target is None:
        return False
    platform = _platform(move.target)
    for name in names:
        if platform == _platform(name) or UNKNOWN_PLATFORM in (platform, _platform(name)):
            names.remove(name)
            return True
    return False


def _platform(key: str) -> str:
    found = PLATFORM.match(key)
    return found[0] if found else ""


def _change(
    fact: Fact, kind: str, before: Post, after: Post, moves: tuple[Move, ...], notes: tuple[Note, ...]
) -> Change:
    return Change(
        fact.provider, fact.post, fact.event, fact.source, kind, before.state if before.version else None, after.state,
        after.attempt, fact.occurred_at, fact.received_at, fact.position, fact.id, moves, notes,
        context=view(after),
        detail=dict(fact.detail) if fact.detail else None,
    )  # fmt: skip
