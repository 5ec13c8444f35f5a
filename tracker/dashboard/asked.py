"""What stands in an address: filters read into values, and values written into addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from tracker import parameters
from tracker.domain.posts.event import State
from tracker.domain.posts.lifecycle import UNFINISHED
from tracker.queries import post_reports
from tracker.queries.paging import read_cursor

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from litestar.datastructures import FormMultiDict, MultiDict

After = TypeVar("After")

STATES = tuple(str(state) for state in State)
DONE = "done"


@dataclass(frozen=True, slots=True)
class Asked:
    """The query of an address; what is empty was not asked for."""

    query: MultiDict[str] | FormMultiDict

    def text(self, name: str) -> str | None:
        """One text; raises BadParameter when nothing in the database can be equal to it."""
        found = str(self.query.get(name) or "").strip()
        parameters.storable(**{name: found})
        return found or None

    def words(self, name: str, known: Collection[str]) -> tuple[str, ...]:
        """Words of a closed list, repeated or with commas between them."""
        return parameters.words(name, self.query.getall(name, []), known)

    def cursor(self, sort: str, kind: type[After]) -> After | None:
        """Where the page begins."""
        text = self.text("cursor")
        return read_cursor(text, sort, kind) if text else None


def post_filters(asked: Asked, now: datetime) -> post_reports.Filters:
    """Which posts are asked for; those that have not moved are looked for among the unfinished."""
    states, still_for, since = asked.words("state", STATES), asked.text("stuck_for"), asked.text("since")
    return post_reports.Filters(
        states=states or (tuple(sorted(UNFINISHED)) if still_for else ()),
        platform=asked.text("platform"),
        account=asked.text("account"),
        provider=asked.text("provider"),
        since=parameters.ago("since", since, now),
        still_since=parameters.ago("stuck_for", still_for, now),
        q=asked.text("q"),
    )


def address(path: str, **query: object) -> str:
    """An address with the parts of the query that are not empty."""
    filled = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(filled, doseq=True)}" if filled else path


def post_address(provider: str, post: str, **query: object) -> str:
    """The page of a post, whatever its id is made of."""
    return address(f"/posts/{quote(post, safe='')}", provider=provider, **query)


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
