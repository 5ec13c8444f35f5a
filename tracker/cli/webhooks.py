"""`tracker webhooks`: where a provider sends what happens; its secret is kept, and never shown; and a test of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import Config, Json, known_words, now, on_database, open_settings
from tracker.cli.output import say, show_json, show_list, show_pairs, show_table
from tracker.cli.provider_calls import Provider, ask_provider, chosen_provider
from tracker.errors import Misconfigured, TrackerError
from tracker.parameters import parse_span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.outbound.client import Outbound
    from tracker.providers.answers import Tested, Webhook
    from tracker.providers.secret_file import SecretFile
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database


webhooks = noun("webhooks", "Where providers send what happens.")

Id = Annotated[str, typer.Argument(metavar="ID", help="As `tracker webhooks list` shows it.")]


@webhooks.command()
def register(
    url: Annotated[str, typer.Argument(help="The door: https://tracker.example.com/webhooks/sosyalkopru.")],
    event: Annotated[list[str] | None, typer.Option(help="What to be told of; repeat it. All, if not named.")] = None,
    description: Annotated[str, typer.Option(help="For whoever reads the provider's list.")] = "tracker",
    provider: Provider = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Have the provider send its events to an address; the secret goes into secret_file, and is active at once."""
    settings = open_settings(config)
    name = chosen_provider(settings, provider)
    events, file = registrable(settings, name, event)
    asyncio.run(check_address(settings, name, url))

    async def work(settings: Settings, database: Database) -> tuple[str, list[str]]:
        earlier = await _that_lead_to(settings, database, name, url)
        return await register_at(settings, database, name, url, events, description), earlier

    made, earlier = on_database(config, work, makes=True)
    for webhook in earlier:
        say(f"the address was registered already, as {webhook}: while both are, each event comes twice", aside=True)
        say(f"once nothing signed for it is on its way any more: `tracker webhooks delete {webhook}`", aside=True)
    registered = {"id": made, "url": url, "events": list(events), "description": description}
    if json:
        show_json(registered | {"secret_file": str(file)})
        return
    show_pairs([*registered.items(), ("secret", f"kept in {file}, active from now on")])
    if not url.rstrip("/").endswith(f"/webhooks/{name}"):
        say(f"the door is at /webhooks/{name}: something must lead {url} there", aside=True)


def registrable(settings: Settings, provider: str, event: Sequence[str] | None) -> tuple[Sequence[str], Path]:
    """The events to register for, and where the secret will be; raises where that cannot go well."""
    events, file = _events(settings, provider, event), _secret_file(settings, provider)
    file.check()
    return events, file.path


async def register_at(
    settings: Settings, database: Database, provider: str, url: str, events: Sequence[str], description: str
) -> str:
    """Have the provider send to that address, and keep the secret; the id of the webhook."""
    made = await ask_provider(
        settings, database, provider, "register", lambda api: api.register_webhook(url, list(events), description)
    )
    try:
        _secret_file(settings, provider).add(made.secret.get_secret_value(), made.id)
    except Misconfigured as error:
        error.add_note(f"{made.id} is registered, but its secret is lost: `tracker webhooks delete {made.id}`")
        raise
    return made.id


async def _that_lead_to(settings: Settings, database: Database, provider: str, url: str) -> list[str]:
    """The webhooks that the provider has for that address already, as far as it tells."""
    return [one.id for one in await _known(settings, database, provider) if one.url.rstrip("/") == url.rstrip("/")]


async def described(settings: Settings, database: Database, provider: str, description: str) -> list[str]:
    """The webhooks of that description whose secrets are kept here, as far as the provider tells."""
    kept = of_kept_secrets(settings, provider)
    known = await _known(settings, database, provider) if kept else []
    return [one.id for one in known if one.id in kept and one.description == description]


async def _known(settings: Settings, database: Database, provider: str) -> Sequence[Webhook]:
    try:
        return await ask_provider(settings, database, provider, "webhooks", lambda api: api.list_webhooks())
    except TrackerError:
        return []


@webhooks.command("list")
def show(provider: Provider = None, config: Config = None, json: Json = False) -> None:
    """The webhooks that the provider knows, and whether their secret is kept here."""
    settings = open_settings(config)
    name, kept = chosen_provider(settings, provider), of_kept_secrets(settings, chosen_provider(settings, provider))
    known = on_database(
        config, lambda _, database: ask_provider(settings, database, name, "webhooks", lambda api: api.list_webhooks())
    )
    names = ("id", "url", "events", "description")
    rows = [{key: getattr(one, key) for key in names} | {"secret_kept": one.id in kept} for one in known]
    if json:
        show_list(rows)
    else:
        show_table((*names, "secret kept"), [[*row.values()] for row in rows])


@webhooks.command()
def delete(
    webhook: Id,
    keep_secret: Annotated[
        bool, typer.Option("--keep-secret", help="Go on taking what is signed with it, for what is still on its way.")
    ] = False,
    provider: Provider = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Have the provider send nothing more to a webhook, and forget its secret."""
    settings = open_settings(config)
    name = chosen_provider(settings, provider)

    on_database(config, lambda _, database: unregister(settings, database, name, webhook), makes=True)
    forgotten = not keep_secret and forget_secret(settings, name, webhook)
    if json:
        show_json({"id": webhook, "deleted": True, "secret_forgotten": forgotten})
        return
    say(f"deleted {webhook}")
    say("its secret is no longer active" if forgotten else f"no secret of [providers.{name}] was touched", aside=True)


async def unregister(settings: Settings, database: Database, provider: str, webhook: str) -> None:
    """Have the provider send nothing more to the webhook."""
    await ask_provider(settings, database, provider, "unregister", lambda api: api.delete_webhook(webhook))


def forget_secret(settings: Settings, provider: str, webhook: str) -> bool:
    """Take nothing more that is signed with the webhook's secret; answers whether it was kept here."""
    return webhook in of_kept_secrets(settings, provider) and _secret_file(settings, provider).drop(webhook)


def _events(settings: Settings, provider: str, wanted: Sequence[str] | None) -> Sequence[str]:
    from tracker.providers.registry import KINDS  # noqa: PLC0415  (takes half a second)

    known = KINDS[settings.providers[provider].kind].webhook_events
    return known_words("--event", wanted or known, known)


def _secret_file(settings: Settings, provider: str) -> SecretFile:
    from tracker.providers.secret_file import SecretFile  # noqa: PLC0415  (takes half a second)

    path = settings.providers[provider].secret_file
    if path is None:
        wanted = f'is not set: the provider shows a secret once, to be kept in a file such as "{provider}.secrets"'
        raise settings.fault(f"providers.{provider}.secret_file", wanted)
    return SecretFile(path)


def of_kept_secrets(settings: Settings, provider: str) -> list[str]:
    """The webhooks whose secret is in the file, the newest first."""
    if settings.providers[provider].secret_file is None:
        return []
    return [one.webhook for one in _secret_file(settings, provider).kept if one.webhook]


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
    from tracker.queries.events import EventQuery, list_events  # noqa: PLC0415  (takes half a second)

    settings = open_settings(config)
    name = chosen_provider(settings, provider)
    patience = parse_span("within", within, now())
    chosen = webhook or _last(settings, name)

    async def work(_: Settings, database: Database) -> tuple[Tested, int | None]:
        async with database.connection() as conn:
            newest = (await list_events(conn, EventQuery(sort="-position"), limit=1)).items
            before = newest[0].position if newest else 0
            tested = await ask_provider(settings, database, name, "test", lambda api: api.test_webhook(chosen))
            return tested, await _arrival(conn, name, before, patience if tested.success else timedelta(0))

    tested, position = on_database(config, work, makes=True)
    if json:
        show_json({"id": chosen, "success": tested.success, "status_code": tested.status_code, "position": position})
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


async def check_address(settings: Settings, provider: str, url: str) -> None:
    """Raise BadParameter unless `url` begins with https:// and leads to the public.

    A provider that lives at a private address itself, as the simulated one does, reaches private ones without https.
    """
    from tracker.outbound.addresses import Allowed  # noqa: PLC0415  (only where it is needed)
    from tracker.outbound.client import Outbound  # noqa: PLC0415  (as above)

    async with Outbound(Allowed()) as outside:
        private = await _is_blocked(outside, url)
        near = await _is_blocked(outside, settings.providers[provider].api_url)
    why = ""
    if near:
        why = private if private.startswith("not a web address") else ""
    elif urlsplit(url.strip()).scheme != "https":
        why = "the provider sends webhooks only to addresses with https://"
    elif private:
        why = f"the provider sends webhooks only to public addresses: {private}"
    if why:
        raise typer.BadParameter(f"{url}: {why}", param_hint="URL")


async def _is_blocked(outside: Outbound, url: str) -> str:
    """Why the public cannot mean this address; "" also for a name that is not known here, for it may be elsewhere."""
    from tracker.domain.actions import Reason  # noqa: PLC0415  (it is loaded by now)
    from tracker.outbound.addresses import OutboundError  # noqa: PLC0415  (as above)

    try:
        await outside.check_url(url)
    except OutboundError as error:
        return error.detail.partition(", which [outbound]")[0] if error.reason is Reason.BLOCKED else ""
    return ""
