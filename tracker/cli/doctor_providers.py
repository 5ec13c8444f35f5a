"""What the doctor asks providers: which webhooks they know, and whether these lead here."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from tracker.cli.output import counted
from tracker.cli.provider_calls import ask_provider
from tracker.cli.webhooks import of_kept_secrets
from tracker.errors import Rejected, TrackerError
from tracker.providers import build_providers
from tracker.providers.registry import KINDS
from tracker.queries.checks import ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracker.providers.answers import Webhook
    from tracker.queries.checks import Check
    from tracker.settings import Settings
    from tracker.store.database import Database

CALL = "webhooks"
PATIENCE = 10.0


async def examine_webhooks(settings: Settings, database: Database) -> list[Check]:
    """What each provider with a key and such a call says, all asked at once and none for longer than PATIENCE."""
    asked = [name for name in sorted(build_providers(settings)) if _can_be_asked(settings, name)]
    answers = await asyncio.gather(*(_examine(settings, database, name) for name in asked))
    return [finding for findings in answers for finding in findings]


def _can_be_asked(settings: Settings, name: str) -> bool:
    provider = settings.providers[name]
    kind = KINDS[provider.kind].calls
    call = provider.calls.get(CALL, kind[CALL].text if CALL in kind else "")
    return bool(call and provider.api_key.get_secret_value())


async def _examine(settings: Settings, database: Database, name: str) -> list[Check]:
    try:
        async with asyncio.timeout(PATIENCE):
            found = await ask_provider(settings, database, name, CALL, lambda api: api.list_webhooks())
    except TimeoutError:
        return [warning("webhooks", f"{name} did not answer within {PATIENCE:g} s", "see whether it is down")]
    except TrackerError as error:
        tell = problem if isinstance(error, Rejected) else warning
        how = f"see [providers.{name}] api_url and api_key; `tracker webhooks list --provider {name}` asks again"
        return [tell("webhooks", f"{name} did not tell which it knows: {error}", how)]
    return [_registered(settings, name, found), *_twice(name, found)]


def _registered(settings: Settings, name: str, found: Sequence[Webhook]) -> Check:
    kept, door = of_kept_secrets(settings, name), f"/webhooks/{name}"
    how = f"`tracker webhooks register https://…{door} --provider {name}`"
    known = [one for one in found if one.id in kept]
    lead_here = [one for one in found if _address(one).endswith(door)]
    if not found:
        return problem("webhooks", f"{name} knows none: it sends nothing", how)
    if kept and not known and not (lead_here and settings.providers[name].webhook_secrets):
        lost = "the one" if len(kept) == 1 else "any"
        return problem("webhooks", f"{name} no longer knows {lost} whose secret is kept here: {', '.join(kept)}", how)
    if not known and not lead_here:
        where = ", ".join(_address(one) for one in found)
        return warning("webhooks", f"none that {name} knows ends with {door}: {where}", f"if none leads here, {how}")
    ours = known or lead_here
    return ok("webhooks", f"{name} sends to {', '.join(sorted({_address(one) for one in ours}))}")


def _twice(name: str, found: Sequence[Webhook]) -> Iterator[Check]:
    ids = defaultdict(list)
    for one in found:
        ids[_address(one)].append(one.id)
    for address, those in ids.items():
        if len(those) > 1:
            many = f"{address} is registered {counted(len(those), 'time')} at {name}: {', '.join(those)}"
            yield warning("webhooks", many, "each event comes as often: `tracker webhooks delete` all but the newest")


def _address(webhook: Webhook) -> str:
    return webhook.url.rstrip("/")
