"""What stands in an address: filters read into values, and values written into addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from uuid import UUID

from tracker.errors import BadParameter
from tracker.parameters import parse_choices, refuse_zero_bytes
from tracker.queries.post_filters import PostQuery

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from litestar.datastructures import FormMultiDict, MultiDict

DONE = "done"


@dataclass(frozen=True, slots=True)
class Query:
    """The query of an address; what is empty was not asked for."""

    query: MultiDict[str] | FormMultiDict

    def text(self, name: str) -> str | None:
        """One text; raises BadParameter when nothing in the database can be equal to it."""
        found = str(self.query.get(name) or "").strip()
        refuse_zero_bytes(**{name: found})
        return found or None

    def words(self, name: str, known: Collection[str]) -> tuple[str, ...]:
        """Words of a closed list, repeated or with commas between them."""
        return parse_choices(name, self.query.getall(name, []), known)

    def id(self, name: str) -> UUID | None:
        """An id of ours; raises BadParameter for what is none."""
        text = self.text(name)
        return parse_id(name, text) if text else None

    @property
    def cursor(self) -> str | None:
        """Where the page begins."""
        return self.text("cursor")


def parse_id(name: str, text: str) -> UUID:
    """An id of ours; raises BadParameter for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise BadParameter(name, f'"{text}" is no id') from None


POST_FILTERS = (
    "platform", "account", "provider", "error", "since", "until", "scheduled_from", "scheduled_to", "stuck_for", "q",
)  # fmt: skip
SEVERAL = ("attribute", "label")
"""Filters of which several may be given, and all must hold."""


def post_query(asked: Query, now: datetime) -> PostQuery:
    """Which posts are asked for."""
    texts = {name: asked.text(name) for name in POST_FILTERS}
    attributes, labels = ([text for text in asked.query.getall(name, []) if text] for name in SEVERAL)
    return PostQuery.parse(now, state=asked.query.getall("state", []), attribute=attributes, label=labels, **texts)


def address(path: str, **query: object) -> str:
    """An address with the parts of the query that are not empty."""
    filled = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(filled, doseq=True)}" if filled else path


def post_address(provider: str, post: str, **query: object) -> str:
    """The page of a post, whatever its id is made of; a browser would take dots alone for another address."""
    if post in (".", ".."):
        return address("/posts/dots", id=post, provider=provider, **query)
    return address(f"/posts/{quote(post, safe='')}", provider=provider, **query)


def account_address(account: str, provider: str | None = None, **query: object) -> str:
    """The page of an account, whatever its id is made of."""
    if account in (".", ".."):
        return address("/accounts/dots", id=account, provider=provider, **query)
    return address(f"/accounts/{quote(account, safe='')}", provider=provider, **query)


def post_asked(raw_path: str, named: str | None) -> str:
    """The id of the post to whose page that address leads, where it is not `named`."""
    return named or unquote(raw_path.partition("/posts/")[2])


def rule_address(rule: str, **query: object) -> str:
    """The page of a rule."""
    return address(f"/rules/{quote(rule, safe='')}", **query)


def with_done(where: str, what: str) -> str:
    """The address of the page that says what was just done."""
    path, _, query = where.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name != DONE]
    return f"{path}?{urlencode([*kept, (DONE, what)])}"


def own(address: str | None) -> str:
    """The address, if it is one of our own pages, and the overview otherwise."""
    text = address or "/"
    parts = urlsplit(text)
    ours = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.netloc and text.isprintable()
    return quote(text, safe="/?&=%+-._~,:@") if ours else "/"
