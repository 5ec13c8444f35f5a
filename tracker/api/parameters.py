"""What stands in the address, read into values; whatever cannot be used is refused by the parameter's name."""

from __future__ import annotations

from typing import TypeVar

from tracker.errors import BadParameter, Rejected
from tracker.parameters import ago, ahead, begins, moment, storable, word, words
from tracker.queries import paging

__all__ = ["ago", "ahead", "begins", "cursor", "moment", "storable", "word", "words"]

After = TypeVar("After")


def cursor(text: str | None, sort: str, kind: type[After]) -> After | None:
    """Where the page begins."""
    if text is None:
        return None
    try:
        return paging.read_cursor(text, sort, kind)
    except Rejected as error:
        raise BadParameter("cursor", str(error)) from error
