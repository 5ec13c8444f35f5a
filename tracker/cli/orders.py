"""Orders about several things: each is carried out by itself, and what is refused says why."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import typer

from tracker.cli import FOUND_PROBLEMS
from tracker.cli.context import on_database
from tracker.cli.output import say, show_list
from tracker.cli.remote import over
from tracker.errors import BadParameter, NotFound, Rejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

Item = TypeVar("Item")
Done = TypeVar("Done")

BY = "command line"
"""Who it was, for the log."""


def carry_out(
    items: Sequence[Item],
    url: str | None,
    config: Path | None,
    *,
    there: Callable[[Api, Item], Awaitable[Done]],
    here: Callable[[Settings, Connection, Item], Awaitable[Done]],
    tell: Callable[[Done], str],
    json: bool,
) -> None:
    """Do it to each of the items, `there` at the API or `here` in a transaction; exits 1 where one is refused.

    As JSON it is a list of `id`, `refused` (why, or null) and `answer` (what the API answers, or null).
    """

    async def in_turn(do: Callable[[Item], Awaitable[Done]]) -> list[tuple[Item, str | None, Done | None]]:
        ends: list[tuple[Item, str | None, Done | None]] = []
        for item in items:
            try:
                ends.append((item, None, await do(item)))
            except BadParameter:
                raise
            except (NotFound, Rejected) as error:
                ends.append((item, str(error), None))
        return ends

    async def work(settings: Settings, database: Database) -> list[tuple[Item, str | None, Done | None]]:
        async def do(item: Item) -> Done:
            async with database.transaction() as conn:
                return await here(settings, conn, item)

        return await in_turn(do)

    ends = over(url, lambda api: in_turn(partial(there, api))) if url else on_database(config, work)
    if json:
        show_list([{"id": item, "refused": refused, "answer": done} for item, refused, done in ends])
    else:
        for item, refused, done in ends:
            say(f"{item}: {refused if done is None else tell(done)}")
    if any(refused for _, refused, _ in ends):
        raise typer.Exit(FOUND_PROBLEMS)
