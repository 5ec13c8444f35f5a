"""`tracker keys`: who may use the API, and how far."""

from __future__ import annotations

from typing import Annotated

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Json, ask, known_words, now
from tracker.cli.output import say, show_json, show_records

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
    made, text = ask(config, lambda conn: commands.create_key(conn, name, scopes, now()), makes=True)
    if json:
        show_json({"id": made, "key": text})
    else:
        say(text)
        say(f"the key {made} reaches as far as: {', '.join(scopes)}; it is not shown again", aside=True)


@keys.command("list")
def show(config: Config = None, json: Json = False) -> None:
    """All keys, the revoked ones too; what opens the API is not kept and not shown."""
    from tracker.store.keys import list_all  # noqa: PLC0415  (takes half a second)

    show_records(ask(config, list_all), COLUMNS, json=json)


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `tracker keys list` shows it.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """From now on the key opens nothing."""
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)

    at = now()
    ask(config, lambda conn: commands.revoke_key(conn, key, at))
    if json:
        show_json({"id": key, "revoked_at": at})
    else:
        say(f"revoked {key}")
