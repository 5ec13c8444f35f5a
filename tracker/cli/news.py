"""What happens, told as it happens: a line for each state, rule and action."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from tracker.cli.output import written
from tracker.errors import Unavailable, printable

if TYPE_CHECKING:
    from tracker.cli.remote import Api
    from tracker.queries.events import NewsOut
    from tracker.store.database import Database

COLOURS = {"state": "cyan", "rule": "magenta", "action": "green"}
LOOK_EVERY = 0.3
LATE = timedelta(seconds=5)
"""How long after its own time a line may be written down and is told all the same."""


Since = Callable[[datetime], Awaitable["list[NewsOut]"]]
"""Answers all that has happened since a moment, in order."""

Line = Callable[["NewsOut"], None]


def of_database(database: Database) -> Since:
    """The news of a database."""

    async def since(moment: datetime) -> list[NewsOut]:
        from tracker.queries.events import list_news  # noqa: PLC0415  (takes half a second)

        async with database.connection() as conn:
            page = await list_news(conn, moment)
            lines = page.items
            while page.next:
                page = await list_news(conn, moment, page.next)
                lines += page.items
        return lines

    return since


def of_service(api: Api) -> Since:
    """The news of a service."""

    async def since(moment: datetime) -> list[NewsOut]:
        from tracker.queries.events import NewsOut  # noqa: PLC0415  (takes half a second)
        from tracker.queries.paging import Page  # noqa: PLC0415  (as above)

        return await api.all("/news", Page[NewsOut], since=moment.isoformat())

    return since


async def follow_news(since: Since, begin: datetime, line: Line, away: Callable[[str], None]) -> None:
    """Call `line` for all that happens after `begin`, for ever; `away` hears once when nobody answers any more."""
    reader, gone = _Reader(begin), False
    while True:
        try:
            for one in await reader.look(since):
                line(one)
            gone = False
        except Unavailable as error:
            if not gone:
                away(str(error))
            gone = True
        await asyncio.sleep(LOOK_EVERY)


def show_news(news: NewsOut) -> None:
    """One line for people; the kind is coloured on a terminal, unless NO_COLOR is set."""
    kind = typer.style(f"{news.what:<7}", fg=COLOURS[news.what])
    rest = f"{written(news.post):<20} {printable(news.said)}"
    typer.echo(f"  {news.at:%H:%M:%S}  {kind} {rest}", color=False if os.environ.get("NO_COLOR") else None)


class _Reader:
    """Tells each line once, also one that is written down after a later one."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._told: dict[str, datetime] = {}

    async def look(self, since: Since) -> list[NewsOut]:
        newest = max(self._told.values(), default=self._begin)
        begin = max(self._begin, newest - LATE)
        self._told = {key: at for key, at in self._told.items() if at >= begin}
        fresh = [line for line in await since(begin) if line.key not in self._told]
        self._told |= {line.key: line.at for line in fresh}
        return fresh
