"""`tracker keys`: who may use the API, and how far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Json, known_words, now, on_database
from tracker.cli.output import say, show_json, show_list, show_table

if TYPE_CHECKING:
    from tracker.settings import Settings
    from tracker.store.database import Database
    from tracker.store.keys import KnownKey

keys = noun("keys", "Keys for the API.")

COLUMNS = ("id", "name", "scopes", "created_at", "revoked_at")


@keys.command()
def create(
    name: Annotated[str, typer.Option(help="Whose it is, for those who read the list.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, operate or admin, each with those before it; read if not named.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Make a key; it is shown once and cannot be had again."""
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.store.keys import SCOPES  # noqa: PLC0415  (as above)

    scopes = known_words("--scope", scope or ["read"], SCOPES)

    async def work(_: Settings, database: Database) -> tuple[str, str]:
        async with database.connection() as conn:
            return await commands.create_key(conn, name, scopes, now())

    made, text = on_database(config, work, makes=True)
    if json:
        show_json({"id": made, "key": text})
    else:
        say(text)
        say(f"the key {made} reaches as far as: {', '.join(scopes)}; it is not shown again", aside=True)


@keys.command("list")
def show(config: Config = None, json: Json = False) -> None:
    """All keys, the revoked ones too; what opens the API is not kept and not shown."""
    from tracker.store.keys import list_all  # noqa: PLC0415  (takes half a second)

    async def work(_: Settings, database: Database) -> list[KnownKey]:
        async with database.connection() as conn:
            return await list_all(conn)

    rows = on_database(config, work)
    if json:
        show_list(rows)
    else:
        show_table(COLUMNS, ([getattr(key, name) for name in COLUMNS] for key in rows))


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `tracker keys list` shows it.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """From now on the key opens nothing."""
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)

    at = now()

    async def work(_: Settings, database: Database) -> None:
        async with database.connection() as conn:
            await commands.revoke_key(conn, key, at)

    on_database(config, work)
    if json:
        show_json({"id": key, "revoked_at": at})
    else:
        say(f"revoked {key}")
