"""`tracker accounts`: on which accounts providers publish, and whether they still can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Csv, Cursor, Json, Limit, Provider
from tracker.cli.output import show_page
from tracker.cli.remote import Url, asked

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
    url: Url = None,
    config: Config = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Accounts, by provider and id: what they are called, and whether their provider can publish on them."""
    from tracker.queries.accounts import (  # noqa: PLC0415  (takes a third of a second)
        AccountQuery,
        KnownAccountOut,
        list_accounts,
    )
    from tracker.queries.paging import Page  # noqa: PLC0415  (as above)

    query = AccountQuery.parse(state=state, provider=provider, platform=platform)
    page = asked(
        url, config, "/accounts", Page[KnownAccountOut], lambda conn: list_accounts(conn, query, cursor, limit),
        state=state, provider=provider, platform=platform, limit=limit, cursor=cursor,
    )  # fmt: skip
    headings = ("provider", "account", "platform", "name", "state", "since", "last event")
    show_page(page, headings, _row, json=json, csv=csv, less=("last event", "since", "platform"))


def _row(account: KnownAccountOut) -> tuple[object, ...]:
    names = ("provider", "account", "platform", "name", "state", "since", "last_event")
    return tuple(getattr(account, name) for name in names)
