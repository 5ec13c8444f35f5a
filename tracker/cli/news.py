"""What happens, told as it happens: a line for each state, rule and action."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from tracker.cli.output import written
from tracker.errors import Unavailable, printable

if TYPE_CHECKING:
    from tracker.queries.events import News
    from tracker.store.database import Connection, Database

COLOURS = {"state": "cyan", "rule": "magenta", "action": "green"}
LOOK_EVERY = 0.3
LATE = timedelta(seconds=5)
"""How long after its own time a line may be written down and is told all the same."""


async def follow_news(
    database: Database, begin: datetime, line: Callable[[News], None], away: Callable[[str], None]
) -> None:
    """Call `line` for all that happens after `begin`, for ever; `away` hears once when the database goes away."""
    reader, gone = _Reader(begin), False
    while True:
        try:
            async with database.connection() as conn:
                for one in await reader.look(conn):
                    line(one)
            gone = False
        except Unavailable as error:
            if not gone:
                away(str(error))
            gone = True
        await asyncio.sleep(LOOK_EVERY)


def show_news(news: News) -> None:
    """One line for people; the kind is coloured on a terminal, unless NO_COLOR is set."""
    kind = typer.style(f"{news.what:<7}", fg=COLOURS[news.what])
    rest = f"{written(news.post):<20} {printable(news.said)}"
    typer.echo(f"  {news.at:%H:%M:%S}  {kind} {rest}", color=False if os.environ.get("NO_COLOR") else None)


class _Reader:
    """Tells each line once, also one that is written down after a later one."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._told: dict[str, datetime] = {}

    async def look(self, conn: Connection) -> list[News]:
        from tracker.queries import events  # noqa: PLC0415  (takes half a second)

        newest = max(self._told.values(), default=self._begin)
        begin = max(self._begin, newest - LATE)
        self._told = {key: at for key, at in self._told.items() if at >= begin}
        found = page = await events.since(conn, begin)
        while len(page) == events.PAGE:
            page = await events.since(conn, page[-1].at, page[-1].key)
            found += page
        fresh = [line for line in found if line.key not in self._told]
        self._told |= {line.key: line.at for line in fresh}
        return fresh
