"""A kind of provider, as data: what its documentation says, and, marked as assumed, what it leaves open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from tracker.domain.event import State
    from tracker.providers.signature import Scheme
    from tracker.providers.vocabulary import Place

HOLES = {
    "create": (),
    "get": ("post",),
    "retry": ("post",),
    "list": ("since", "cursor", "limit"),
    "usage": (),
    "register": (),
    "webhooks": (),
    "test": ("webhook",),
    "delete": ("webhook",),
}
"""The calls that a provider may have, and what can be filled into each; the first must be, where it names a thing."""

FORM = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)")
NEEDED = frozenset({"post", "webhook"})


@dataclass(frozen=True, slots=True)
class Call:
    """A method and a path below `api_url`, with holes; `documented` is False for what the provider does not show."""

    text: str
    documented: bool

    def fill(self, **holes: str) -> tuple[str, str]:
        """Method and path; a parameter of the query whose hole is filled with nothing is left out."""
        method, _, target = self.text.partition(" ")
        path, _, query = target.partition("?")
        kept = [part for part in query.split("&") if part and all(holes.get(name, "x") for name in _holes(part))]
        return method, _filled("?".join([path, "&".join(kept)]) if kept else path, holes)


@dataclass(frozen=True, slots=True)
class Kind:
    """What one sort of provider is like; every part of it can be put right in [providers.<name>].

    `delivery` is the header with the delivery's id, "" for none.
    `places` are paths into webhooks; `answers` into an answer of the API: what tells of a post stands in the post
    itself, the rest (`item`, `items`, `next`, `webhooks` and what tells of the usage) begins at the answer's root.
    `auth` is the header that carries the key. `webhook_events` are the names for which a webhook can be registered;
    `post` says where the parts of a new post stand in the call that creates it.
    """

    name: str
    scheme: Scheme
    delivery: str
    places: Mapping[str, Place]
    answers: Mapping[str, Place]
    documented_statuses: Mapping[str, State]
    assumed_statuses: Mapping[str, State]
    documented_events: Mapping[str, State]
    assumed_events: Mapping[str, State]
    calls: Mapping[str, Call] = field(default_factory=dict)
    auth: str = "Authorization: Bearer {key}"
    webhook_events: tuple[str, ...] = ()
    post: Mapping[str, Place] = field(default_factory=dict)


def check_call(name: str, text: str) -> None:
    """Raises ValueError unless `text` can be the call of that name."""
    match = FORM.fullmatch(text)
    if not match:
        raise ValueError(f'"{text}" is not a call: write a method and a path, as in "GET /posts/{{post}}"')
    known, found = HOLES[name], _holes(match[2])
    for hole in found:
        if hole not in known:
            raise ValueError(f'"{text}" has the hole {{{hole}}}; this call can fill {_named(known)}')
    for hole in known:
        if hole in NEEDED and hole not in found:
            raise ValueError(f'"{text}" is not a call: it must name the {hole}, as in "/{{{hole}}}"')


def _named(holes: tuple[str, ...]) -> str:
    return ", ".join(f"{{{hole}}}" for hole in holes) or "none"


def _holes(text: str) -> list[str]:
    return re.findall(r"\{(\w*)\}", text)


def _filled(text: str, holes: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: quote(holes.get(match[1], ""), safe=""), text)
