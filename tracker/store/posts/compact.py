"""Posts, views of them and moves as they are kept: what stands at its default is left out, and read back all the same.

Half of the JSON of a post and a fifth of that of its moves say that there is nothing to say.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from tracker.domain.posts.change import Move, PostView, TargetView
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ALWAYS = frozenset({"provider", "id", "state", "platform"})
"""What statements look for."""


def _without_defaults(kind: type) -> Callable[..., msgspec.Struct]:
    """A form with the same fields, which leaves those out that stand at their defaults."""
    return msgspec.defstruct(kind.__name__, [_field(one) for one in fields(kind)], omit_defaults=True)


def _field(one: Any) -> tuple[Any, ...]:
    if one.default_factory is not MISSING:
        return one.name, Any, msgspec.field(default_factory=one.default_factory)
    return (one.name, Any) if one.default is MISSING else (one.name, Any, _Said if one.name in ALWAYS else one.default)


class _Said:
    """The default of what is never left out."""


def _values_of(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*(one.name for one in fields(kind)))


def _place(kind: type, name: str) -> int:
    return [one.name for one in fields(kind)].index(name)


_View, _TargetOfView, _Post, _Target, _Move = map(_without_defaults, (PostView, TargetView, Post, Target, Move))
_of_view, _of_target_of_view, _of_post, _of_target, _of_move = map(
    _values_of, (PostView, TargetView, Post, Target, Move)
)
_TARGETS_OF_VIEW, _TARGETS, _WHOLE = _place(PostView, "targets"), _place(Post, "targets"), _place(Post, "whole")


def compact(view: PostView) -> msgspec.Struct:
    """What is read back as the same view."""
    values = [*_of_view(view)]
    values[_TARGETS_OF_VIEW] = tuple([_TargetOfView(*_of_target_of_view(one)) for one in view.targets])
    return _View(*values)


def compact_post(post: Post) -> msgspec.Struct:
    """What is read back as the same post."""
    values = [*_of_post(post)]
    values[_TARGETS] = {key: _Target(*_of_target(one)) for key, one in post.targets.items()}
    if post.whole:
        values[_WHOLE] = _Target(*_of_target(post.whole))
    return _Post(*values)


def compact_moves(moves: Iterable[Move]) -> list[msgspec.Struct]:
    """What is read back as the same moves."""
    return [_Move(*_of_move(one)) for one in moves]


SAID_OF_A_MOVE = {one.name: one.default for one in fields(Move) if one.default is not MISSING}


def in_full(move: Mapping[str, Any]) -> dict[str, Any]:
    """A move as it is kept, with what was left out."""
    return {**SAID_OF_A_MOVE, **move}
