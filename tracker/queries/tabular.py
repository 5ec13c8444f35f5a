"""Lists as tables: CSV, of which no spreadsheet runs anything, and a line of JSON for each item."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Struct

CSV, NDJSON = "text/csv", "application/x-ndjson"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  # spreadsheets know these too
"""What a text begins with that a spreadsheet would work out."""


def csv_of(kind: type[Struct], items: Sequence[Struct], *, heading: bool = True) -> str:
    """The items, all of that kind, a line for each; a struct in a field has a column for each of its own.

    Texts that could be formulas begin with an apostrophe, lists of texts are joined, and whatever else is JSON.
    """
    text = StringIO()
    writer = csv.writer(text)
    columns = list(_columns(kind))
    if heading:
        writer.writerow([".".join(path) for path in columns])
    for item in items:
        plain = msgspec.to_builtins(item)
        writer.writerow([_cell(_found(plain, path)) for path in columns])
    return text.getvalue()


def ndjson_of(items: Iterable[Struct]) -> bytes:
    """The items as JSON, a line for each."""
    return b"".join(msgspec.json.encode(item) + b"\n" for item in items)


def _columns(kind: type[Struct]) -> Iterator[tuple[str, ...]]:
    for field in msgspec.structs.fields(kind):
        inner = _struct(field.type)
        yield from ((field.name, *path) for path in _columns(inner)) if inner else [(field.name,)]


def _struct(kind: Any) -> type[Struct] | None:
    """The struct that a field holds, or may hold; not one within a list."""
    if isinstance(kind, type) and not get_args(kind):
        return kind if issubclass(kind, Struct) else None
    if get_origin(kind) in (list, dict, tuple):
        return None
    parts = get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)
    return next((found for part in parts if (found := _struct(part))), None)


def _found(plain: Any, path: Sequence[str]) -> Any:
    for name in path:
        plain = plain.get(name) if isinstance(plain, dict) else None
    return plain


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ", ".join(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return msgspec.json.encode(value).decode()
