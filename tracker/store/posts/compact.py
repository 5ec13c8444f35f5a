"""A post as it is kept with each change: without what is empty."""

from __future__ import annotations

from dataclasses import MISSING, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from tracker.domain.posts.change import PostView, TargetView

if TYPE_CHECKING:
    from collections.abc import Callable


def _encoded_without_defaults(view: type) -> Callable[..., msgspec.Struct]:
    """A form with the same fields, which leaves those out that stand at their defaults."""
    return msgspec.defstruct(view.__name__, [_field(one) for one in fields(view)], omit_defaults=True)


def _field(one: Any) -> tuple[Any, ...]:
    if one.default_factory is not MISSING:
        return one.name, Any, msgspec.field(default_factory=one.default_factory)
    return (one.name, Any) if one.default is MISSING else (one.name, Any, one.default)


_Post, _Target = _encoded_without_defaults(PostView), _encoded_without_defaults(TargetView)
_of_post, _of_target = (attrgetter(*(one.name for one in fields(view))) for view in (PostView, TargetView))
_TARGETS = [one.name for one in fields(PostView)].index("targets")


def compact(view: PostView) -> msgspec.Struct:
    """What is read back as the same view."""
    values = [*_of_post(view)]
    values[_TARGETS] = tuple([_Target(*_of_target(one)) for one in view.targets])
    return _Post(*values)
