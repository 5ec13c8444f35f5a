"""What a rule's texts and conditions read beside what happens: a post's page, tables, a workflow's arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from tracker.domain.rules.grouping import DEFAULTS
from tracker.domain.runs.run import ANSWERS
from tracker.toml.positions import BadText

Supplier = Callable[[Mapping[str, object]], object]
"""Works a value out of those of what happens."""


class Scope(Struct, frozen=True):
    """`supplied` are values by their full names; `kinds` are the types of those that no other rule knows.

    `lacking` tells why a name of its own has no value that could always be read.
    """

    supplied: Mapping[str, Supplier] = field(default_factory=dict)
    kinds: Mapping[str, type] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)

    @property
    def declared(self) -> tuple[tuple[str, type], ...]:
        """The names of its own with their types, by which what was compiled is known again."""
        return tuple(self.kinds.items())

    def read(self, names: Iterable[str]) -> Mapping[str, Supplier]:
        """Those that are read."""
        return {name: self.supplied[name] for name in names if name in self.supplied}

    def lacked(self, names: Iterable[str]) -> Iterator[BadText]:
        """Why those have no value that are read and may have none."""
        return (BadText(f"{name}: {self.lacking[name]}") for name in names if name in self.lacking)


NOTHING_MORE = Scope()


ANSWER = "answer"
"""The field under which the answer to a `send` is read, of the noun that its `as` names."""


def answering(nouns: Iterable[str], prefix: str) -> Scope:
    """The answers of other systems, which a run keeps under the noun of each with its workflow's prefix."""

    def supplier(noun: str) -> Supplier:
        return lambda values: values[ANSWERS].get(f"{prefix}{noun}", {})  # type: ignore[attr-defined]

    names = {noun: f"{noun}.{ANSWER}" for noun in nouns}
    supplied = {name: supplier(noun) for noun, name in names.items()}
    return Scope(supplied, dict.fromkeys(names.values(), dict))


def unanswered(nouns: Iterable[str]) -> Scope:
    """Why nobody can read the answers to what is sent only later."""
    return Scope(lacking={f"{one}.{ANSWER}": f'nobody has been asked yet: as = "{one}" stands below' for one in nouns})


def joined(one: Scope, other: Scope) -> Scope:
    """What either of them has."""
    if not (other.supplied or other.kinds or other.lacking):
        return one
    return Scope({**one.supplied, **other.supplied}, {**one.kinds, **other.kinds}, {**one.lacking, **other.lacking})


def filled(values: Mapping[str, object], supplied: Mapping[str, Supplier]) -> Mapping[str, object]:
    """The values with what is supplied."""
    return {**values, **{name: supply(values) for name, supply in supplied.items()}} if supplied else values


@cache
def linking(public_url: str) -> Scope:
    """Where people find a post: on the dashboard of this installation."""
    base = public_url.rstrip("/")

    def link(values: Mapping[str, object]) -> str:
        post, query = str(values["post.id"]), urlencode({"provider": values["post.provider"]})
        if post in (".", ".."):  # which a browser would take for another address
            return f"{base}/posts/dots?id={post}&{query}"
        return f"{base}/posts/{quote(post, safe='')}?{query}" if post else ""

    return Scope({"post.link": link})


def known_in(scope: Scope) -> tuple[str, ...]:
    """Every name that can be read."""
    return (*DEFAULTS, *scope.kinds)
