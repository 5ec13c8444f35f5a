"""Pages of a list: a cursor says after which item the next page begins, so that new data never shifts it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import TypeVar, overload

import msgspec

from tracker.errors import Rejected

After = TypeVar("After")

MAX_LIMIT = 500


@overload
def write_cursor(sort: str, after: None) -> None: ...


@overload
def write_cursor(sort: str, after: object) -> str: ...


def write_cursor(sort: str, after: object) -> str | None:
    """`after` (a dataclass: the sort values of the last item) as text that its readers need not understand.

    `sort` names the list and its order: a cursor is of no use in another list. None stays None.
    """
    if after is None:
        return None
    return urlsafe_b64encode(msgspec.json.encode((sort, after))).rstrip(b"=").decode()


def read_cursor(text: str, sort: str, kind: type[After]) -> After:
    """What `write_cursor` wrote for a list with the same sorting; raises Rejected."""
    try:
        data = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        written_for, written = msgspec.json.decode(data, type=tuple[str, msgspec.Raw])
        if written_for != sort:
            raise Rejected("cursor", f'this cursor belongs to the list sorted by "{written_for}", not by "{sort}"')
        if b"\\u0000" in data:
            raise ValueError("a zero byte")
        return msgspec.json.decode(written, type=kind)
    except (NotBase64, ValueError, msgspec.MsgspecError) as error:
        raise Rejected("cursor", "this is not a cursor that a list has given out") from error


class Conditions:
    """A `where` clause of fixed fragments; every value is a bind parameter."""

    def __init__(self, *fragments: str, values: tuple[object, ...] = ()) -> None:
        self._fragments = list(fragments)
        self.values = list(values)

    def add(self, fragment: str, *values: object) -> Conditions:
        """Put the numbers of the new parameters in place of the braces in `fragment`."""
        numbers = range(len(self.values) + 1, len(self.values) + len(values) + 1)
        self._fragments.append(fragment.format(*(f"${number}" for number in numbers)))
        self.values += values
        return self

    def __str__(self) -> str:
        return " and ".join(self._fragments) or "true"
