"""A call to a system with an interface of its own: method, address, headers and body, with holes for what is told.

What fills a hole is escaped for the place where it stands, and the host stands written out: so whatever is told, the
call goes where the configuration says, and the check of the address can be made when that is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec import Struct

METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
FORM = 'a method and an address, as in "DELETE https://blog.example.com/posts/{{ data.id }}"'
NAMES = ("data", "event", "id", "post", "provider", "rule", "text")
"""What a hole may begin with; only in `data` something stands below."""

BARRED = frozenset({"connection", "content-length", "host", "te", "transfer-encoding", "upgrade"})
"""Headers that are the client's own."""

LONGEST_ADDRESS = LONGEST_HEADER = 4000

_HOLE = re.compile(r"\{\{\s*([a-z]+(?:\.[\w-]+)*)\s*\}\}", re.ASCII)
_ORIGIN = re.compile(r"https?://[^/?#{}\s\\@]+(?=[/?]|$)")


class UnfitError(ValueError):
    """What is told cannot stand in a hole; the text says why, and tells no value."""


class CallTemplate(Struct, frozen=True):
    """`origin` is scheme, host and port; `rest` is what follows them, with holes."""

    method: str
    origin: str
    rest: str

    @classmethod
    def parse(cls, text: str) -> CallTemplate:
        """Raises ValueError, which quotes nothing of the address."""
        method, _, address = text.strip().partition(" ")
        if method not in METHODS:
            raise ValueError(f"must be {FORM}; the methods are {', '.join(METHODS)}")
        origin = _ORIGIN.match(address.strip())
        if origin is None:
            raise ValueError(f"must be {FORM}: holes stand behind the host, which is written out")
        template = cls(method, origin[0], address.strip()[origin.end() :])
        check_holes(template.rest)
        return template

    def address(self, values: Mapping[str, object]) -> str:
        """The address with its holes filled. Raises UnfitError where one would be empty, or lead out of its place."""
        rest = _filled(self.rest, values, _in_address)
        if {".", ".."} & {*urlsplit(rest).path.split("/")}:
            raise UnfitError('"." and ".." lead to another address')
        if len(rest) > LONGEST_ADDRESS:
            raise UnfitError(f"the address would have more than {LONGEST_ADDRESS} characters")
        return f"{self.origin}{rest}"


def header(text: str, values: Mapping[str, object]) -> str:
    """The value of a header. Raises UnfitError for one with control characters, or beyond ASCII."""
    value = _filled(text, values, _plain)
    if not (value.isascii() and value.isprintable()) or len(value) > LONGEST_HEADER:
        raise UnfitError("a header holds printable ASCII, on one line")
    return value


def body(said: Any, values: Mapping[str, object]) -> Any:
    """The JSON with its holes filled: a text that is one hole becomes the value itself, null where there is none."""
    if isinstance(said, str):
        sole = _HOLE.fullmatch(said.strip())
        return _value(sole[1], values) if sole else _filled(said, values, _plain)
    if isinstance(said, Mapping):
        return {name: body(one, values) for name, one in said.items()}
    return [body(one, values) for one in said] if isinstance(said, list) else said


def check_holes(text: str) -> None:
    """Raises ValueError for a hole that names nothing that is told."""
    for name in _HOLE.findall(text):
        noun, point, _ = name.partition(".")
        if noun not in NAMES or (point != "") is not (noun == "data"):
            known = ", ".join(NAMES[1:])
            raise ValueError(f'"{{{{ {name} }}}}" is nothing that is told: write data.<name>, or {known}')
    if any(mark in _HOLE.sub("", text) for mark in ("{{", "}}")):
        raise ValueError('a hole is a name between "{{" and "}}", as in "{{ data.id }}"')


def texts_in(said: Any) -> Iterator[str]:
    """Every text within a body."""
    if isinstance(said, str):
        yield said
    for one in said.values() if isinstance(said, Mapping) else said if isinstance(said, list) else ():
        yield from texts_in(one)


def _filled(text: str, values: Mapping[str, object], escaped: Callable[[str, object], str]) -> str:
    return _HOLE.sub(lambda hole: escaped(hole[1], _value(hole[1], values)), text)


def _value(name: str, values: Mapping[str, object]) -> object:
    found: object = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _in_address(name: str, value: object) -> str:
    text = _plain(name, value)
    if not text:
        raise UnfitError(f"{name} is empty, and the address would be another one")
    return quote(text, safe="")


def _plain(name: str, value: object) -> str:
    if isinstance(value, Mapping | list):
        raise UnfitError(f"{name} is no text, number or flag")
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
