"""The errors, by who must act.

TrackerError
├── Rejected        the sender: what came in is not acceptable as it is
│   └── BadParameter    one value of what was asked; it is named
├── Misconfigured   the operator: refuse to start; names the file and the key
├── Unavailable     nobody: it passes, try again
├── NotFound        the caller: there is no such thing
└── NotAllowed      the caller: the key does not reach this far
    └── TooOften        it was wrong too often, and must wait
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


LONGEST_FAULT = 1000
"""Letters; who made a fault may have quoted a file."""


COMPARED, LONGEST_WORD = 300, 200


class TrackerError(Exception):
    """Anything that tracker raises on purpose."""


class Rejected(TrackerError):
    """The sender must change what it sent; `code` is stable and short, for answers and metrics."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


class BadParameter(Rejected):
    """A value that cannot be used; `parameter` is the name under which it was given."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__("bad-parameter", message)
        self.parameter = parameter


class Misconfigured(TrackerError):
    """The operator must mend a file, an environment variable or an installation; told on one line."""

    def __init__(
        self, message: str, *, file: str = "", key: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        message, file, key = (printable(cut(text, LONGEST_FAULT)) for text in (message, file, key))
        place = ":".join(str(part) for part in (file, line, column) if part not in ("", None))
        super().__init__(": ".join(part for part in (place, key, message) if part))
        self.message, self.file, self.key, self.line, self.column = message, file, key, line, column


class Unavailable(TrackerError):
    """Something we need is away for now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(TrackerError):
    """The caller asked for something that is not here."""


class NotAllowed(TrackerError):
    """The caller's key lacks the scope."""


def printable(text: str, instead: str = "\N{REPLACEMENT CHARACTER}", keep: str = "") -> str:
    """The text without anything that a terminal, or a reader of lines, would obey; letters of `keep` may stay."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else instead for letter in text)


def cut(text: str, length: int) -> str:
    """At most so many letters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


class TooOften(NotAllowed):
    """The caller was wrong too often for now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' (did you mean "x"?)' for the nearest known word, or an empty text when none is near."""
    near = nearest(word, known)
    return f' (did you mean "{near}"?)' if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The nearest known word, or an empty text when none is near.

    Among very many words only those count that begin alike, because comparing takes long.
    """
    words = list(known)
    if len(words) > COMPARED:
        words = [one for one in words if one[:1] == word[:1]][:COMPARED]
    return next(iter(get_close_matches(word[:LONGEST_WORD], words, n=1, cutoff=0.6)), "")
