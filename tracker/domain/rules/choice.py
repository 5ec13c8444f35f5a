"""A value that depends on whom something is about: looked up in a table that a rule file holds."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import sha256

from msgspec import Struct, json

from tracker.domain.rules.grouping import ATTRIBUTES

Literal = str | int | bool
BY: Mapping[str, str] = {"account": "account.id", "platform": "account.platform", "provider": "post.provider"}
"""By what a table can be looked up, beside attributes, and the value that names it."""


class Choice(Struct, frozen=True, dict=True):
    """The value of the first row whose glob fits what `by` (of BY, or an attribute) is; the last glob fits everything.

    `name` is what the value is called in texts, as in client.channel.
    """

    name: str
    by: str
    rows: tuple[tuple[str, Literal], ...]

    def __call__(self, values: Mapping[str, object]) -> Literal:
        """The value for whom these values are about; an attribute that is not there fits the last row alone."""
        known = values["post.attributes"]
        if self.by in BY:
            key = str(values[BY[self.by]])
        else:
            key = str(known.get(self.by.removeprefix(ATTRIBUTES), "")) if isinstance(known, Mapping) else ""
        return next(value for glob, value in self.rows if glob == key or fnmatchcase(key, glob))

    def __str__(self) -> str:
        return f"{{{{ {self.name} }}}}"

    @cached_property
    def all(self) -> Mapping[str, str]:
        """Every value as a text, with the glob of the first row that has it."""
        return {str(value): glob for glob, value in reversed(self.rows)}

    @property
    def usual(self) -> str:
        """The value of the last row: of whatever is about nobody in particular."""
        return str(self.rows[-1][1])

    @cached_property
    def meaning(self) -> str:
        """A short name for what it can come to."""
        return sha256(json.encode((self.by, self.rows))).hexdigest()[:12]


Addressee = str | Choice
"""The name of a channel or an endpoint, or how it is looked up."""


def addressee_of(named: Addressee, values: Mapping[str, object]) -> str:
    """The name of the channel or the endpoint for whom the values are about."""
    return named if isinstance(named, str) else str(named(values))


def addressees(named: Addressee) -> tuple[str, ...]:
    """Every name that it can come to."""
    return (named,) if isinstance(named, str) else tuple(named.all)
