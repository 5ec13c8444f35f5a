"""`tracker accounts`: on which accounts providers publish, and whether they still can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Json, as_options, on_database
from tracker.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from tracker.queries.accounts import KnownAccountOut
    from tracker.queries.paging import Page
    from tracker.settings import Settings
    from tracker.store.database import Database

accounts = noun("accounts", "The accounts that posts go to.")


@accounts.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="One, or several with commas or repeated.")] = None,
    platform: Annotated[str | None, typer.Option(help="As in instagram.")] = None,
    provider: Annotated[str | None, typer.Option(help="The provider's name in the configuration.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on after this: the `next` of the page before.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Accounts, by provider and id: what they are called, and whether their provider can publish on them."""
    from tracker.queries.accounts import AccountQuery, list_accounts  # noqa: PLC0415  (takes a third of a second)

    with as_options():
        query = AccountQuery.parse(state=state, provider=provider, platform=platform)

    async def work(_: Settings, database: Database) -> Page[KnownAccountOut]:
        async with database.connection() as conn:
            return await list_accounts(conn, query, cursor, limit)

    with as_options():
        page = on_database(config, work)
    if json:
        show_json(page)
        return
    show_table(("provider", "account", "platform", "name", "state", "since", "last event"), map(_row, page.items))
    if page.next:
        say(f"there is more: --cursor {page.next}", aside=True)


def _row(one: KnownAccountOut) -> tuple[object, ...]:
    return (one.provider, one.account, one.platform, one.name, str(one.state), one.since, one.last_event)
