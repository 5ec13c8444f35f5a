"""What the doctor sees of drift: what providers send otherwise than they used to, and how it would be mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tracker.cli.doctor_findings import Finding, ok, warning
from tracker.cli.output import counted
from tracker.errors import cut
from tracker.providers import build_providers
from tracker.queries.drifts import open_drifts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.queries.drifts import DriftOut
    from tracker.settings import Settings
    from tracker.store.database import Connection

NAMED, LONGEST_EXAMPLE = 3, 300


async def examine_drift(conn: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """What there is to say about the configured providers that send webhooks."""
    doors = build_providers(settings).keys()
    found = [one for one in await open_drifts(conn) if one.provider in doors]
    for one in found:
        yield warning("drift", f"{one.provider}: {one.says}; {_touched(one)}; as in {_example(one)}", _advice(one))
    if doors and not found:
        yield ok("drift", "what providers send looks as it usually does")


def _touched(one: DriftOut) -> str:
    newest = list(reversed(one.posts))[:NAMED]
    more = f" and {len(one.posts) - NAMED} more" if len(one.posts) > NAMED else ""
    about = f", of {', '.join(newest)}{more}" if newest else ""
    return f"{counted(one.events, 'event')} known to show it{about}"


def _example(one: DriftOut) -> str:
    return cut(msgspec.json.encode(one.example).decode(), LONGEST_EXAMPLE)


def _advice(one: DriftOut) -> str:
    trial = f"`tracker providers trial {one.provider}` says first which posts would stand otherwise"
    if not one.remedy:
        return f"see whether it is read as it should be; {trial}" if one.drift == "type" else "nothing has to be mapped"
    return f"map it, as in the lines below; {trial}\n{one.remedy}"
