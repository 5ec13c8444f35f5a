"""A call of a provider's API as one line of text: a method, a path, and perhaps a body of JSON, with holes.

Of a query and of a body, what would be filled with nothing is left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOLES = {
    "create": (),
    "get": ("post",),
    "retry": ("post",),
    "cancel": ("post",),
    "reschedule": ("post", "at"),
    "delete": ("post",),
    "list": ("since", "cursor", "offset", "page", "limit"),
    "usage": (),
    "register": (),
    "webhooks": (),
    "test": ("webhook",),
    "unregister": ("webhook",),
}
"""The calls that a provider may have, and what can be filled into each beside `workspace`."""

WORKSPACE = "workspace"
NEEDED = frozenset({"post", "at", "webhook"})
"""What must be filled in where it can be."""

NUMBERS = frozenset({"offset", "page", "limit"})
COUNTED = frozenset({"offset", "page"})
"""Where a list goes on, for those that name no cursor."""

FORM = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)(?: (\{.*\}))?", re.DOTALL)
HOLE = re.compile(r"\{(\w+)\}")


class Filled(NamedTuple):
    """A call that can be made; `body` None is one without."""

    method: str
    path: str
    body: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """A method and a path below `api_url`, with holes; `documented` is False for what the provider does not show."""

    text: str
    documented: bool

    def fill(self, **holes: str) -> Filled:
        """The call with its holes filled."""
        method, target, body = _parts(self.text)
        path, _, query = target.partition("?")
        kept = [part for part in query.split("&") if part and all(holes.get(name, "x") for name in _holes(part))]
        path = "?".join([path, "&".join(kept)]) if kept else path
        return Filled(method, _in_an_address(path, holes), _in_a_body(body, holes))

    @property
    def holes(self) -> frozenset[str]:
        """What is filled in."""
        _, target, body = _parts(self.text)
        return frozenset([*_holes(target), *_texts(body)])


def check_call(name: str, text: str) -> None:
    """Raises ValueError unless `text` can be the call of that name."""
    if not FORM.fullmatch(text):
        raise ValueError(f'"{text}" is not a call: write a method and a path, as in "GET /posts/{{post}}"')
    known = (*HOLES[name], WORKSPACE)
    try:
        found = Call(text, documented=True).holes
    except ValueError:
        raise ValueError(f'"{text}" is not a call: what follows the path must be JSON') from None
    for hole in sorted(found - set(known)):
        raise ValueError(f'"{text}" has the hole {{{hole}}}; this call can fill {_named(known)}')
    for hole in known:
        if hole in NEEDED and hole not in found:
            raise ValueError(f'"{text}" is not a call: it must name the {hole}, as in "/{{{hole}}}"')


@lru_cache
def _parts(text: str) -> tuple[str, str, Any]:
    """Method, address and body, which is None where there is none."""
    match = FORM.fullmatch(text)
    if not match:
        raise ValueError(f'"{text}" is not a call')
    return match[1], match[2], json.loads(match[3]) if match[3] else None


def _named(holes: tuple[str, ...]) -> str:
    return ", ".join(f"{{{hole}}}" for hole in holes)


def _holes(text: str) -> list[str]:
    return re.findall(r"\{(\w*)\}", text)


def _texts(value: Any) -> Iterator[str]:
    """The holes in the texts of a body."""
    if isinstance(value, str):
        yield from HOLE.findall(value)
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _in_an_address(text: str, holes: Mapping[str, str]) -> str:
    return HOLE.sub(lambda match: quote(holes.get(match[1], ""), safe=""), text)


def _in_a_body(value: Any, holes: Mapping[str, str]) -> Any:
    """The value with its texts filled; a text that is a hole alone may become a number."""
    if isinstance(value, dict):
        return {name: _in_a_body(inner, holes) for name, inner in value.items() if not _empty(inner, holes)}
    if isinstance(value, list):
        return [_in_a_body(inner, holes) for inner in value if not _empty(inner, holes)]
    if not isinstance(value, str):
        return value
    alone = HOLE.fullmatch(value)
    if alone and alone[1] in NUMBERS:
        return int(holes[alone[1]])
    return HOLE.sub(lambda match: holes.get(match[1], ""), value)


def _empty(value: Any, holes: Mapping[str, str]) -> bool:
    alone = HOLE.fullmatch(value) if isinstance(value, str) else None
    return bool(alone and not holes.get(alone[1]))
