"""A text into its table, with the place of everything in it; what is no TOML, or too much of it, is one fault."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tracker.errors import Misconfigured
from tracker.toml.positions import BadText, Path, Place, Positions, find_positions
from tracker.toml.slips import instead, named_twice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEEPEST = 64
"""Brackets within one another, and parts of a key: what walks over a table need not be able to go deeper."""

INTEGERS = range(-(2**63), 2**63)
"""What TOML calls an integer; a longer one could not even be printed."""

TOO_LONG = "is not TOML: an integer has at most 64 bits"

_TOKEN = re.compile(
    r"""(?P<space>[ \t]++)
    |(?P<comment>\#[^\n]*+)
    |(?P<text>\"{3}(?:[^"\\]++|\\.|"(?!""))*+\"{3,5}|'{3}(?:[^']++|'(?!''))*+'{3,5}|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+')
    |(?P<open>[\[{])
    |(?P<close>[\]}])
    |(?P<dot>\.)
    |(?P<bare>[\w+:-]++)
    |(?P<other>[^"'])""",
    re.VERBOSE | re.DOTALL,
)
_FAULT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_LONG_NUMBER = re.compile(r"[0-9_]{4000,}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Document(Struct, frozen=True):
    """A table as its text says it, and where everything in it stands."""

    table: dict[str, Any]
    positions: Positions


def parse(text: str, file: str) -> Document:
    """The table of a text. Raises Misconfigured, with the place where it is none."""
    text = text.replace("\r\n", "\n")
    try:
        _look_over(text)
        table = tomllib.loads(text)
        document = Document(table, find_positions(text))
        _look_at(document)
    except BadText as error:
        raise _fault(str(error), file, Positions(text).at(error.offset)) from error
    except RecursionError as error:
        raise _fault("is nested too deeply", file, Place(1, 1)) from error
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), file, text) from error
    except ValueError as error:
        number = _LONG_NUMBER.search(text)
        what = TOO_LONG if number else f"is not TOML: {error}"
        raise _fault(what, file, Positions(text).at(number.start() if number else 0)) from error
    return document


def key_text(path: Iterable[str | int]) -> str:
    """The path as people write it: `rule.first.do[0].title`; a part that cannot stand bare is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f"{'.' if text else ''}{bare}"
    return text


def _look_over(text: str) -> None:
    """Refuse what the reader of TOML takes and should not, or takes too long for. Raises BadText."""
    alone = text.find("\r")
    if alone >= 0:
        raise BadText("is not TOML: a carriage return stands alone; end each line with LF, or with CR and LF", alone)
    depth = dots = at = 0
    for match in _TOKEN.finditer(text):
        if match.start() != at:
            return  # a text that is never closed: the reader of TOML says so
        at, kind = match.end(), match.lastgroup
        depth += (kind == "open") - (kind == "close")
        if kind not in ("space", "text", "bare"):
            dots = dots + 1 if kind == "dot" else 0
        if depth > DEEPEST or dots >= DEEPEST:
            what = "brackets within one another" if depth > DEEPEST else "parts of one key"
            raise BadText(f"is nested too deeply: {DEEPEST} {what} are allowed", match.start())


def _look_at(document: Document) -> None:
    """Refuse integers that are none of TOML's. Raises BadText."""
    for path, value in _leaves(document.table):
        if isinstance(value, int) and value not in INTEGERS:
            offset = document.positions.values.get(path, 0)
            raise BadText(TOO_LONG, offset)


def _leaves(table: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    left: list[tuple[Path, Any]] = [((), table)]
    while left:
        path, value = left.pop()
        if isinstance(value, dict):
            left.extend(((*path, name), inner) for name, inner in value.items())
        elif isinstance(value, list):
            left.extend(((*path, number), inner) for number, inner in enumerate(value))
        else:
            yield path, value


def _not_toml(message: str, file: str, text: str) -> Misconfigured:
    found = _FAULT.fullmatch(message)
    end = Positions(text).at(len(text.rstrip("\n")))
    said = found[1] if found else message
    place = Place(int(found[2]), int(found[3])) if found and found[2] else end
    offset = sum(len(line) + 1 for line in text.split("\n")[: place.line - 1]) + place.column - 1
    if twice := named_twice(said, text, offset):
        return _fault(f"is not TOML: {twice[0]}", file, Positions(text).at(twice[1]))
    meant = instead(said, text, offset)
    return _fault(f"is not TOML: {said}{f': {meant}' if meant else ''}", file, place)


def _fault(message: str, file: str, place: Place) -> Misconfigured:
    return Misconfigured(message, file=file, line=place.line, column=place.column)
