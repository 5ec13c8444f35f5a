"""`tracker accounts`: on which accounts providers publish, and whether they still can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Cursor, Json, Limit, Provider, ask
from tracker.cli.output import show_page

if TYPE_CHECKING:
    from tracker.queries.accounts import KnownAccountOut

accounts = noun("accounts", "The accounts that posts go to.")


@accounts.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="One, or several with commas or repeated.")] = None,
    platform: Annotated[str | None, typer.Option(help="As in instagram.")] = None,
    provider: Provider = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Accounts, by provider and id: what they are called, and whether their provider can publish on them."""
    from tracker.queries.accounts import AccountQuery, list_accounts  # noqa: PLC0415  (takes a third of a second)

    query = AccountQuery.parse(state=state, provider=provider, platform=platform)
    page = ask(config, lambda conn: list_accounts(conn, query, cursor, limit))
    headings = ("provider", "account", "platform", "name", "state", "since", "last event")
    show_page(page, headings, _row, json=json)


def _row(account: KnownAccountOut) -> tuple[object, ...]:
    names = ("provider", "account", "platform", "name", "state", "since", "last_event")
    return tuple(getattr(account, name) for name in names)
