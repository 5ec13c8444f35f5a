"""What a statement answers, as the value of a type: no row leaves the rooms where SQL is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tracker.store.database import Row

Value = TypeVar("Value")


def into(kind: type[Value], row: Row | Mapping[str, Any], **more: Any) -> Value:
    """A struct or dataclass whose fields are columns of the row, but for those that are given as `more`."""
    return kind(**{name: row[name] for name in names_of(kind) if name not in more}, **more)


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """The names of its fields, in their order."""
    names: tuple[str, ...] | None = getattr(kind, "__struct_fields__", None)
    return names if names is not None else tuple(one.name for one in fields(kind))
