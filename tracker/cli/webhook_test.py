"""`tracker webhooks test`: the provider sends a test, and it is seen to arrive in the log."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import FOUND_PROBLEMS
from tracker.cli.context import Config, Json, duration, on_database, open_settings
from tracker.cli.output import show_json, show_pairs
from tracker.cli.provider_calls import Provider, ask_provider, chosen_provider
from tracker.cli.webhooks import of_kept_secrets, webhooks

if TYPE_CHECKING:
    from tracker.providers.answers import Tested
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

TEST = "webhook.test"
LOOK_EVERY = 0.1

NO_DOOR = "there is no door at that address: it ends with /webhooks/<provider>"
MEANINGS: dict[int | None, str] = {
    HTTPStatus.UNAUTHORIZED: "the door does not know the secret: is the service's config.toml the same as this one?",
    HTTPStatus.NOT_FOUND: NO_DOOR,
    HTTPStatus.METHOD_NOT_ALLOWED: NO_DOOR,
    HTTPStatus.SERVICE_UNAVAILABLE: "the door could not keep it: `tracker doctor` says what is wrong",
    None: "nobody answered there in time: does `tracker serve` run, and does the address lead to it?",
}
"""What it means when the provider heard this from the door."""


@webhooks.command("test")
def send_test(
    webhook: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The one that was registered last, if not named.")
    ] = None,
    within: Annotated[str, typer.Option(help="How long the test may take to arrive.")] = "10s",
    provider: Provider = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Have the provider send a test, and see it arrive in the log; exit code 1 when it did not."""
    settings = open_settings(config)
    name = chosen_provider(settings, provider)
    patience = duration("--within", within)
    chosen = webhook or _last(settings, name)

    async def work(_: Settings, database: Database) -> tuple[Tested, int | None]:
        async with database.connection() as conn:
            before = await _newest(conn)
            tested = await ask_provider(settings, database, name, "test", lambda api: api.test_webhook(chosen))
            return tested, await _arrival(conn, name, before, patience if tested.success else timedelta(0))

    tested, position = on_database(config, work, makes=True)
    told = {"id": chosen, "success": tested.success, "status_code": tested.status_code, "position": position}
    if json:
        show_json(told)
    else:
        _tell(chosen, tested, position, within)
    if not tested.success or position is None:
        raise typer.Exit(FOUND_PROBLEMS)


def _last(settings: Settings, provider: str) -> str:
    kept = of_kept_secrets(settings, provider)
    if not kept:
        hint = "no secret of a webhook is kept here: name one that `tracker webhooks list` shows"
        raise typer.BadParameter(hint, param_hint="ID")
    return kept[0]


async def _newest(conn: Connection) -> int:
    """The position up to which the log is filled."""
    from tracker.queries.events import EventQuery, list_events  # noqa: PLC0415  (takes half a second)

    newest = (await list_events(conn, EventQuery(sort="-position"), limit=1)).items
    return newest[0].position if newest else 0


async def _arrival(conn: Connection, provider: str, after: int, patience: timedelta) -> int | None:
    """The position of the test in the log, once it is there."""
    from tracker.queries.events import EventQuery, list_events  # noqa: PLC0415  (takes half a second)

    wanted = EventQuery(type=TEST, provider=provider, after=after)
    with suppress(TimeoutError):
        async with asyncio.timeout(patience.total_seconds()):
            while True:
                if arrived := (await list_events(conn, wanted, limit=1)).items:
                    return arrived[0].position
                await asyncio.sleep(LOOK_EVERY)
    return None


def _tell(webhook: str, tested: Tested, position: int | None, within: str) -> None:
    arrived = f"at position {position} of the log" if position else "not in the log"
    if tested.success and position is None:
        arrived += f" within {within}: does the address lead to another installation?"
    meaning = "" if tested.success else MEANINGS.get(tested.status_code, "")
    pairs = [("webhook", webhook), ("success", tested.success), ("status code", tested.status_code)]
    show_pairs([*pairs, ("arrived", arrived), ("meaning", meaning)])
