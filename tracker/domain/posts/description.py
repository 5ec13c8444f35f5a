"""By what people recognise a post: the beginning of its text, an image's address, and attributes such as a campaign."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import islice

LONGEST_EXCERPT = 280
LONGEST_ADDRESS = 1000
MOST_ATTRIBUTES = 20
LONGEST_ATTRIBUTE = 200
LONGEST_TERM = 300
"""Characters; what an index holds has a bound."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What an attribute can be called: as labels are."""

NAMES = "letters, digits, - and _, at most 64"

_JOINER = "\u200d"
_FIRST_TONE, _LAST_TONE = "\U0001f3fb", "\U0001f3ff"
"""Signs that colour the one before them."""

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Signs that turn what is written around them."""

_WEB = re.compile(r"https?://[^\s/?#@\\\"<>]+(?:[/?#][^\s\\\"<>]*)?", re.IGNORECASE)


def excerpt_of(text: str) -> str | None:
    """The first characters of a text on one line, never half of one; None where nothing is left of it."""
    return _cut(_on_one_line(text[: 4 * LONGEST_EXCERPT]), LONGEST_EXCERPT) or None


def thumbnail_of(text: str) -> str | None:
    """The address, if it is one of the web without a name in it and not too long. It is kept, and never asked for."""
    text = text.strip()
    return text if len(text) <= LONGEST_ADDRESS and _WEB.fullmatch(text) and text.isprintable() else None


def attributes_of(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names and values as they are kept: those without a value are left out, and so is what is too much."""
    found = ((name, _cut(_on_one_line(text[: 4 * LONGEST_ATTRIBUTE]), LONGEST_ATTRIBUTE)) for name, text in said)
    return dict(islice(((name, text) for name, text in found if text and NAME.fullmatch(name)), MOST_ATTRIBUTES))


def with_attributes(known: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Those that are known, with those that are told later in their place; beyond the bound, the first names stay."""
    return dict(islice({**known, **told}.items(), MOST_ATTRIBUTES))


def terms_of(
    attributes: Iterable[tuple[str, str]], labels: Iterable[tuple[str, str]], errors: Iterable[str]
) -> list[str]:
    """Under what a post is filed, so that a list finds it: `campaign:spring`, `#owner:Ada` for a label, `!timeout`."""
    named = [f"{name}:{text}" for name, text in attributes] + [f"#{name}:{text}" for name, text in labels]
    return [term[:LONGEST_TERM] for term in sorted({*named, *(f"!{code}" for code in errors)})]


def _on_one_line(text: str) -> str:
    return text.strip() if text.isprintable() else _TURNS.sub("", _BREAKS.sub(" ", text)).strip()


def _cut(text: str, longest: int) -> str:
    """The text up to the last character that is whole: signs that belong to the one before them go with it."""
    if len(text) <= longest:
        return text
    end = longest
    while end and _belongs_to_what_precedes(text, end):
        end -= 1
    return text[: end or longest].rstrip()


def _belongs_to_what_precedes(text: str, at: int) -> bool:
    sign, before = text[at], text[at - 1]
    if _JOINER in (sign, before) or unicodedata.category(sign)[0] == "M" or _FIRST_TONE <= sign <= _LAST_TONE:
        return True
    return _is_flag(sign) and _is_flag(before) and _flags_before(text, at) % 2 == 1


def _is_flag(sign: str) -> bool:
    """Two letters of a region are one flag."""
    return "\U0001f1e6" <= sign <= "\U0001f1ff"


def _flags_before(text: str, at: int) -> int:
    start = at
    while start and _is_flag(text[start - 1]):
        start -= 1
    return at - start
