"""`tracker webhooks`: where a provider sends what happens; its secret is kept, and never shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Json, known_words, on_database, open_settings
from tracker.cli.output import say, show_json, show_list, show_pairs, show_table
from tracker.cli.provider_calls import Provider, ask_provider, call_provider, chosen_provider
from tracker.errors import Misconfigured, Rejected, TrackerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.providers.answers import Registered
    from tracker.providers.secret_file import SecretFile
    from tracker.settings import Settings
    from tracker.store.database import Database


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
    events = _events(settings, name, event)
    file = _secret_file(settings, name)
    _check_address(settings, name, url)
    file.check()

    async def work(settings: Settings, database: Database) -> tuple[Registered, list[str]]:
        earlier = await _that_lead_to(settings, database, name, url)
        made = await ask_provider(
            settings, database, name, "register", lambda api: api.register_webhook(url, list(events), description)
        )
        return made, earlier

    made, earlier = on_database(config, work, makes=True)
    try:
        file.add(made.secret.get_secret_value(), made.id)
    except Misconfigured as error:
        error.add_note(f"{made.id} is registered, but its secret is lost: `tracker webhooks delete {made.id}`")
        raise
    for webhook in earlier:
        say(f"the address was registered already, as {webhook}: while both are, each event comes twice", aside=True)
        say(f"once nothing signed for it is on its way any more: `tracker webhooks delete {webhook}`", aside=True)
    told = {"id": made.id, "url": url, "events": list(events), "description": description}
    if json:
        show_json(told | {"secret_file": str(file.path)})
        return
    show_pairs([*told.items(), ("secret", f"kept in {file.path}, active from now on")])
    if not url.rstrip("/").endswith(f"/webhooks/{name}"):
        say(f"the door is at /webhooks/{name}: something must lead {url} there", aside=True)


async def _that_lead_to(settings: Settings, database: Database, provider: str, url: str) -> list[str]:
    """The webhooks that the provider has for that address already, as far as it tells."""
    try:
        found = await ask_provider(settings, database, provider, "webhooks", lambda api: api.list_webhooks())
    except TrackerError:
        return []
    return [one.id for one in found if one.url.rstrip("/") == url.rstrip("/")]


@webhooks.command("list")
def show(provider: Provider = None, config: Config = None, json: Json = False) -> None:
    """The webhooks that the provider knows, and whether their secret is kept here."""
    settings = open_settings(config)
    name = chosen_provider(settings, provider)
    found = call_provider(config, name, "webhooks", lambda api: api.list_webhooks())
    kept = of_kept_secrets(settings, name)
    rows = [(one.id, one.url, one.events, one.description, one.id in kept) for one in found]
    names = ("id", "url", "events", "description", "secret_kept")
    if json:
        show_list([dict(zip(names, row, strict=True)) for row in rows])
    else:
        show_table([name.replace("_", " ") for name in names], rows)


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
    call_provider(config, name, "delete", lambda api: api.delete_webhook(webhook), makes=True)
    kept = not keep_secret and webhook in of_kept_secrets(settings, name)
    forgotten = kept and _secret_file(settings, name).drop(webhook)
    if json:
        show_json({"id": webhook, "deleted": True, "secret_forgotten": forgotten})
        return
    say(f"deleted {webhook}")
    say("its secret is no longer active" if forgotten else f"no secret of [providers.{name}] was touched", aside=True)


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


def _check_address(settings: Settings, provider: str, url: str) -> None:
    from tracker.providers.webhook_address import check_address  # noqa: PLC0415  (takes half a second)

    try:
        asyncio.run(check_address(url, settings.providers[provider].api_url))
    except Rejected as error:
        raise typer.BadParameter(str(error), param_hint="URL") from error
