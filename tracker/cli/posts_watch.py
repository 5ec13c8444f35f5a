"""The live table of `tracker posts watch`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tracker.cli.news import COLOURS, follow_news
from tracker.cli.output import explained, written
from tracker.domain.posts.event import State
from tracker.errors import Unavailable, printable
from tracker.queries.posts import count_by_state, list_posts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console, RenderableType

    from tracker.queries.events import News
    from tracker.queries.post_views import PostOut
    from tracker.queries.posts import PostQuery
    from tracker.store.database import Database

EVERY = 1.0
NEWS = 8
"""Lines of what has just happened, at the bottom."""

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
    news: deque[News] = field(default_factory=lambda: deque(maxlen=NEWS))
    away: str = ""

    def drawn(self, now: datetime) -> RenderableType:
        """All of it, with times as they are from `now`."""
        parts: list[RenderableType] = [_counts(self.counts), Text(), _table(self.posts, now), Text()]
        parts += [_line(one) for one in self.news]
        return Group(*parts, *([Text(f"{self.away}; waiting", style="yellow")] if self.away else []))


async def watch_posts(database: Database, query: PostQuery, now: Callable[[], datetime], console: Console) -> None:
    """Show the posts and what happens to them, until cancelled."""
    picture = LiveTable()

    def away(why: str) -> None:
        picture.away = why

    with Live(console=console, screen=True, auto_refresh=False) as live:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_news(database, now(), picture.news.append, away))
            while True:
                await _look(database, query, console.size.height - NEWS - AROUND, picture)
                live.update(picture.drawn(now()), refresh=True)
                await asyncio.sleep(EVERY)


async def _look(database: Database, query: PostQuery, most: int, picture: LiveTable) -> None:
    try:
        async with database.connection() as conn:
            picture.counts = await count_by_state(conn)
            picture.posts = (await list_posts(conn, query, limit=max(most, 1))).items
        picture.away = ""
    except Unavailable as error:
        picture.away = str(error)


def _counts(counts: Mapping[str, int]) -> Text:
    shown = [_state(state).append(f" {counts[state]}") for state in State if counts.get(state)]
    return Text("   ").join(shown) if shown else Text("no posts yet")


def _table(posts: Sequence[PostOut], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    for heading, options in (
        ("state", {"min_width": 10}), ("post", {"ratio": 2}), ("targets", {"ratio": 3}), ("error", {"ratio": 3}),
        ("last", {"justify": "right", "min_width": 9}),
    ):  # fmt: skip
        table.add_column(heading, no_wrap=True, overflow="ellipsis", header_style="dim", **options)
    for post in posts:
        error = explained(post.error) or ""
        ago = _ago(now - post.last_event_at) if post.last_event_at else ""
        table.add_row(_state(post.state), printable(post.id), _targets(post), printable(error), ago)
    return table


def _targets(post: PostOut) -> Text:
    return Text("  ").join(
        Text(printable(target.key), style=STATE_COLOURS.get(target.state, "")) for target in post.targets
    )


def _state(state: str) -> Text:
    return Text(state, style=STATE_COLOURS.get(State(state), ""))


def _line(news: News) -> Text:
    return Text.assemble(
        (f"{news.at:%H:%M:%S}Z ", "dim"), (f"{news.what:<7} ", COLOURS[news.what]), f"{written(news.post)}  ",
        printable(news.said), no_wrap=True, overflow="ellipsis",
    )  # fmt: skip


def _ago(span: timedelta) -> str:
    """In the largest unit of which there is one."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
