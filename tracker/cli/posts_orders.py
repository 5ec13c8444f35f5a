"""`tracker posts retry` and `reconcile`: what a person can have done about posts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli.actions import in_a_line
from tracker.cli.context import Config, Json, Provider, now
from tracker.cli.orders import BY, carry_out
from tracker.cli.posts import posts
from tracker.cli.remote import Url, at

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.queries.actions import OneActionOut
    from tracker.settings import Settings
    from tracker.store.database import Connection

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="The posts' ids at their provider.")]


@posts.command()
def retry(items: Ids, provider: Provider = None, url: Url = None, config: Config = None, json: Json = False) -> None:
    """Have the provider try posts again that have failed, at least in part; it is asked first how they stand."""
    _each("retry", items, provider, url, config, json=json)


@posts.command()
def reconcile(
    items: Ids, provider: Provider = None, url: Url = None, config: Config = None, json: Json = False
) -> None:
    """Ask the provider how posts stand; what it says becomes a fact of the log."""
    _each("reconcile", items, provider, url, config, json=json)


def _each(
    order: str, items: list[str], provider: str | None, url: str | None, config: Path | None, *, json: bool
) -> None:
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.queries.actions import OneActionOut, one_action  # noqa: PLC0415  (as above)
    from tracker.queries.posts import find_post  # noqa: PLC0415  (as above)

    do = {"retry": commands.retry_post, "reconcile": commands.reconcile_post}[order]

    async def there(api: Api, post: str) -> OneActionOut:
        return await api.post(at("posts", post, order), OneActionOut, provider=provider)

    async def here(_: Settings, conn: Connection, post: str) -> OneActionOut:
        found = (await find_post(conn, post, provider)).post
        return await one_action(conn, await do(conn, found, BY, now()))

    def tell(action: OneActionOut) -> str:
        return f"{in_a_line(action)}; `tracker actions show {action.id}` tells what comes of it"

    carry_out(items, url, config, there=there, here=here, tell=tell, json=json)
