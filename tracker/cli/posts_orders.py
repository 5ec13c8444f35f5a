"""`tracker posts retry`, `reconcile` and `silence`: what a person can have done about posts, one by one or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli.actions import in_a_line
from tracker.cli.context import Config, Json, now
from tracker.cli.orders import BY, carry_out
from tracker.cli.plans import DryRun, Everything, Note, Pace, Yes, filtered_as, order_many, refuse_both
from tracker.cli.posts import posts, show_list
from tracker.cli.remote import Url, at
from tracker.errors import BadParameter

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.queries.actions import OneActionOut
    from tracker.settings import Settings
    from tracker.store.database import Connection

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Their ids at their provider, or filters.")]


@posts.command()
@filtered_as(show_list)
def retry(
    items: Ids = None, dry_run: DryRun = False, yes: Yes = False, pace: Pace = None, note: Note = "",
    everything: Everything = False, url: Url = None, config: Config = None, json: Json = False, **filters: Any,
) -> None:  # fmt: skip
    """Have the provider try posts again that have failed, at least in part; it is asked first how they stand.

    Those of these ids at once, or all that fit the filters by a plan: without any, all that have failed.
    """
    if items:
        refuse_both(filters, dry_run=dry_run)
        _each("retry", items, filters["provider"], url, config, json=json)
        return
    order_many("posts", "retry", filters, dry_run=dry_run, yes=yes, pace=pace, note=note, include_all=everything,
               url=url, config=config, json=json)  # fmt: skip


@posts.command()
@filtered_as(show_list)
def reconcile(
    items: Ids = None, dry_run: DryRun = False, yes: Yes = False, pace: Pace = None, note: Note = "",
    url: Url = None, config: Config = None, json: Json = False, **filters: Any,
) -> None:  # fmt: skip
    """Ask the provider how posts stand; what it says becomes a fact of the log.

    Those of these ids at once, or all that fit the filters by a plan.
    """
    if items:
        refuse_both(filters, dry_run=dry_run)
        _each("reconcile", items, filters["provider"], url, config, json=json)
        return
    order_many("posts", "reconcile", filters, dry_run=dry_run, yes=yes, pace=pace, note=note, url=url, config=config,
               json=json)  # fmt: skip


@posts.command()
@filtered_as(show_list)
def silence(
    note: Annotated[str, typer.Option(help="Why, for those who wonder.")],
    for_: Annotated[str | None, typer.Option("--for", help="How long, as in 2h; 30 days at most.")] = None,
    to: Annotated[
        str | None, typer.Option(help="Instead of --for: tomorrow, monday (at 09:00 here), or 2026-11-30T09:00:00Z.")
    ] = None,
    dry_run: DryRun = False, yes: Yes = False, pace: Pace = None,
    url: Url = None, config: Config = None, json: Json = False, **filters: Any,
) -> None:  # fmt: skip
    """Hide the alerts about each of the posts that fit the filters, 1000 at most."""
    from tracker.facts.commands import end_of_silence  # noqa: PLC0415  (takes half a second)

    try:
        until = end_of_silence(to, for_, now(), None)
    except BadParameter as error:  # --until is a filter here
        raise typer.BadParameter(str(error), param_hint="--to" if to else "--for") from error
    order_many("posts", "silence", filters, dry_run=dry_run, yes=yes, pace=pace, note=note, until=until, url=url,
               config=config, json=json)  # fmt: skip


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
