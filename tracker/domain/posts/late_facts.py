"""The facts of a post in their order, each with what it came to, into which late ones are put at their places.

A late fact is applied at its place, and the ones behind it again, but only as far as they come to something else than
before: mostly that is a step or two. So late facts cost little more than one fold of what there was before them, and
each is told of just as if it had come alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from msgspec.structs import replace

from tracker.domain.posts.change import Move, Note
from tracker.domain.posts.event import UNKNOWN_PLATFORM, Fact
from tracker.domain.posts.post import KEPT_NOTES, Post, evolve, steps

PLATFORM = re.compile("[^:#]*")
STANDS = attrgetter(*(name for name in Post.__struct_fields__ if name not in {"version", "notes"}))
ENOUGH = 2000
"""After so many steps that were taken again, it is no longer done fact by fact."""


class History:
    """`begin` stands for the facts that come before all of these."""

    def __init__(self, begin: Post, facts: Iterable[Fact]) -> None:
        taken = steps(facts, begin)
        self._begin = begin
        self._facts = [fact for fact, _ in taken]
        self._orders = [fact.order for fact in self._facts]
        self._steps = [step for _, step in taken]
        self._known = {fact.id for fact in self._facts}
        self._again = 0

    @property
    def is_weary(self) -> bool:
        """Whether each fact changes so much behind it that they had better be folded together."""
        return self._again > ENOUGH

    @property
    def post(self) -> Post:
        """How the post stands, but for its version and its notes."""
        return self._steps[-1].post if self._steps else self._begin

    def settled(self) -> Post:
        """How the post stands."""
        notes = [*self._begin.notes, *(note for step in self._steps for note in step.notes)]
        return replace(self.post, version=self._begin.version + len(self._steps), notes=tuple(notes[-KEPT_NOTES:]))

    def holds(self, fact: Fact) -> bool:
        """Whether the log still keeps facts of its time."""
        last = self._begin.last_order
        return last is None or fact.order > last

    def put(self, fact: Fact) -> tuple[bool, tuple[Move, ...], tuple[Note, ...]]:
        """Whether the fact is late, the moves that were not known before, and what is odd about it."""
        order = fact.order
        place = bisect_left(self._orders, order)
        if fact.id in self._known:
            return True, (), self._steps[min(place, len(self._steps) - 1)].notes
        late = place < len(self._orders)
        self._known.add(fact.id)
        step = evolve(self._steps[place - 1].post if place else self._begin, fact)
        self._facts.insert(place, fact)
        self._orders.insert(place, order)
        self._steps.insert(place, step)
        if not late:
            return False, step.moves, step.notes
        end, before = self._follow(place)
        return True, self._new(before, place, end), step.notes

    def _follow(self, place: int) -> tuple[int, list[Move]]:
        """Take the steps behind that place again, up to the one that comes to the same; answers what they had moved."""
        before: list[Move] = []
        at, post = place + 1, self._steps[place].post
        while at < len(self._steps):
            was, step = self._steps[at], evolve(post, self._facts[at])
            before += was.moves
            self._steps[at], post, at = step, step.post, at + 1
            self._again += 1
            if step.moves == was.moves and _alike(was.post, post):
                break
        return at, before

    def _new(self, before: Sequence[Move], place: int, end: int) -> tuple[Move, ...]:
        moves = [move for step in self._steps[place:end] for move in step.moves]
        new = not_known(before, moves)
        return tuple(
            replace(move, superseded=True) if self._has_moved_on(move, moves, end) else move
            for move in moves
            if move.cause in new
        )

    def _has_moved_on(self, move: Move, moves: Sequence[Move], end: int) -> bool:
        behind = moves[moves.index(move) + 1 :]
        return any(later.target == move.target for later in behind) or any(
            later.target == move.target for at in range(len(self._steps) - 1, end - 1, -1)
            for later in self._steps[at].moves
        )  # fmt: skip


def not_known(before: Iterable[Move], now: Sequence[Move]) -> set[str]:
    """The causes of the moves that were not known.

    One of a target that is called otherwise now is not new. Nor is one that an earlier fact now tells in the place of
    the fact by which it was known: it has happened once, whoever is found to have told it first.
    """
    causes, after = {move.cause for move in before}, {move.cause for move in now}
    gone = [move for move in before if move.cause not in after]
    new = [move for move in now if move.cause not in causes]
    for same in (_RENAMED, _TAKEN_OVER, _BOTH):
        if gone and new:
            gone, new = _unpaired(gone, new, same)
    return {move.cause for move in new}


_RENAMED = attrgetter("by", "after")
_TAKEN_OVER = attrgetter("target", "after", "attempt", "again")
_BOTH = attrgetter("after", "attempt", "again")


def _unpaired(
    gone: Sequence[Move], new: Sequence[Move], same: Callable[[Move], object]
) -> tuple[list[Move], list[Move]]:
    """The moves on each side without a partner on the other: one that is the `same`, under a name that may be meant."""
    left: dict[object, list[Move]] = defaultdict(list)
    for move in gone:
        left[same(move)].append(move)
    unknown = []
    for move in new:
        candidates = left.get(same(move), [])
        known = next((other for other in candidates if _may_be(other.target, move.target)), None)
        if known:
            candidates.remove(known)
        else:
            unknown.append(move)
    return [move for moves in left.values() for move in moves], unknown


def _may_be(one: str | None, other: str | None) -> bool:
    """Whether two names can be of one target, or both are of the post as a whole."""
    if one is None or other is None:
        return one is other
    platforms = _platform(one), _platform(other)
    return platforms[0] == platforms[1] or UNKNOWN_PLATFORM in platforms


def _platform(key: str) -> str:
    found = PLATFORM.match(key)
    return found[0] if found else ""


def _alike(one: Post, other: Post) -> bool:
    """Whether everything that follows comes to the same from both."""
    return STANDS(one) == STANDS(other) and [*one.targets] == [*other.targets]
