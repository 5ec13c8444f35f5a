"""The live table of `tracker posts watch`."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tracker.cli.context import now
from tracker.cli.news import COLOURS, Since, follow_news, of_database, of_service
from tracker.cli.output import explained, from_now, written
from tracker.domain.posts.event import State
from tracker.errors import Unavailable, printable
from tracker.queries.paging import Page
from tracker.queries.post_counts import count_by_state
from tracker.queries.post_filters import PostQuery
from tracker.queries.post_views import PostOut
from tracker.queries.posts import list_posts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console, RenderableType

    from tracker.cli.remote import Api
    from tracker.queries.events import NewsOut
    from tracker.store.database import Database

EVERY = 1.0
NEWS = 8
"""Lines of what has just happened, at the bottom."""

WIDEST = 40
"""Cells of an id before it goes on below itself."""

AROUND = 5
"""Lines for what stands above the table, between its parts and below."""

STATE_COLOURS = {
    State.PUBLISHED: "green", State.FAILED: "red", State.PARTIAL: "yellow", State.PUBLISHING: "cyan",
    State.RETRYING: "cyan", State.SCHEDULED: "blue",
}  # fmt: skip


@dataclass
class LiveTable:
    """What is to be seen: posts by state, the latest posts, what has happened, and why nothing newer is known."""

    counts: Mapping[str, int] = field(default_factory=dict)
    posts: Sequence[PostOut] = ()
    news: deque[NewsOut] = field(default_factory=lambda: deque(maxlen=NEWS))
    away: str = ""

    def drawn(self, now: datetime) -> RenderableType:
        """All of it, with times as they are from `now`."""
        parts: list[RenderableType] = [_counts(self.counts), Text(), _table(self.posts, now), Text()]
        parts += [_line(one) for one in self.news]
        return Group(*parts, *([Text(f"{self.away}; waiting", style="yellow")] if self.away else []))


class Source(Protocol):
    """Where the table comes from."""

    async def counts(self) -> Mapping[str, int]:
        """How many posts are in each state."""

    async def latest(self, limit: int) -> Sequence[PostOut]:
        """The latest posts."""

    @property
    def news(self) -> Since:
        """What happens."""


class OfDatabase:
    """The posts of a database."""

    def __init__(self, database: Database, filters: Mapping[str, Any]) -> None:
        self._database, self._query, self.news = database, PostQuery.parse(now(), **filters), of_database(database)

    async def counts(self) -> Mapping[str, int]:
        async with self._database.connection() as conn:
            return await count_by_state(conn)

    async def latest(self, limit: int) -> Sequence[PostOut]:
        async with self._database.connection() as conn:
            return (await list_posts(conn, self._query, limit=limit)).items


class States(Struct):
    """Of the figures of a service, what is shown here."""

    states: dict[str, int]


class OfService:
    """The posts of a service."""

    def __init__(self, api: Api, filters: Mapping[str, Any]) -> None:
        self._api, self._filters, self.news = api, filters, of_service(api)

    async def counts(self) -> Mapping[str, int]:
        return (await self._api.get("/stats", States, since="1m")).states

    async def latest(self, limit: int) -> Sequence[PostOut]:
        return (await self._api.get("/posts", Page[PostOut], limit=limit, **self._filters)).items


async def watch_posts(source: Source, console: Console) -> None:
    """Show the posts and what happens to them, until cancelled."""
    picture = LiveTable()

    def away(why: str) -> None:
        picture.away = why

    with Live(console=console, screen=True, auto_refresh=False) as live:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_news(source.news, now(), picture.news.append, away))
            while True:
                await _look(source, console.size.height - NEWS - AROUND, picture)
                live.update(picture.drawn(now()), refresh=True)
                await asyncio.sleep(EVERY)


async def _look(source: Source, most: int, picture: LiveTable) -> None:
    try:
        picture.counts, picture.posts = await source.counts(), await source.latest(max(most, 1))
        picture.away = ""
    except Unavailable as error:
        picture.away = str(error)


def _counts(counts: Mapping[str, int]) -> Text:
    shown = [_state(state).append(f" {counts[state]}") for state in State if counts.get(state)]
    return Text("   ").join(shown) if shown else Text("no posts yet")


def _table(posts: Sequence[PostOut], now: datetime) -> Table:
    """The id is what is copied: it is whole, or else goes on below itself, whatever the others are cut to."""
    table = Table(box=None, pad_edge=False, expand=True)
    longest = max((cell_len(printable(post.id)) for post in posts), default=4)
    rest: Any = {"no_wrap": True, "overflow": "ellipsis", "header_style": "dim"}
    table.add_column("state", min_width=10, **rest)
    table.add_column("post", min_width=min(longest, WIDEST), overflow="fold", header_style="dim")
    table.add_column("targets", ratio=2, **rest)
    table.add_column("error", ratio=3, **rest)
    table.add_column("last", justify="right", min_width=9, **rest)
    for post in posts:
        error = explained(post.error) or ""
        ago = from_now(post.last_event_at, now) if post.last_event_at else ""
        table.add_row(_state(post.state), printable(post.id), _targets(post), printable(error), ago)
    return table


def _targets(post: PostOut) -> Text:
    return Text("  ").join(
        Text(printable(target.key), style=STATE_COLOURS.get(target.state, "")) for target in post.targets
    )


def _state(state: str) -> Text:
    return Text(state, style=STATE_COLOURS.get(State(state), ""))


def _line(news: NewsOut) -> Text:
    return Text.assemble(
        (f"{news.at:%H:%M:%S}Z ", "dim"), (f"{news.what:<7} ", COLOURS[news.what]), f"{written(news.post)}  ",
        printable(news.said), no_wrap=True, overflow="ellipsis",
    )  # fmt: skip
