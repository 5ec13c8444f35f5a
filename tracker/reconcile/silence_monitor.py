"""The deadman: a provider whose webhooks stop for longer than its rhythm is a fact, for rules to react to."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tracker.domain.duration import TOLERANCE
from tracker.facts.own_facts import own_fact
from tracker.runtime.logger import Logger
from tracker.store.calls import provider_heartbeats
from tracker.store.calls.provider_heartbeats import LEARNT_FROM
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tracker.store.calls.provider_heartbeats import Heartbeat
    from tracker.store.database import Connection, Database

LEAST_KNOWN = timedelta(days=2)
"""A rhythm is not told from less; a week-end is part of it once it was seen."""

SHORTEST = timedelta(hours=2)


def patience(hours: Sequence[datetime]) -> timedelta | None:
    """How long a silence is usual, and half as long again; None while too little is known.

    `hours` are the hours (their beginnings, ascending) in which something arrived, of the last LEARNT_FROM.
    """
    if not hours or hours[-1] - hours[0] < LEAST_KNOWN:
        return None
    longest = max(later - earlier for earlier, later in pairwise(hours))
    return max(longest * 3 / 2, SHORTEST)


def is_silent(hours: Sequence[datetime], heard_at: datetime, now: datetime, fixed: timedelta | None = None) -> bool:
    """Whether nothing has come for longer than it may; `fixed` is what somebody has set instead of the rhythm."""
    allowed = fixed or patience(hours)
    return allowed is not None and now - heard_at > allowed


log = Logger(__name__)

SILENT, HEARD = "provider.silent", "provider.heard"


async def check_silence(database: Database, patience: Mapping[str, timedelta | None], now: datetime) -> None:
    """Say of each provider that fell silent, or is heard again; `patience` is what is set for it, None: its rhythm."""
    async with database.transaction() as conn:
        await provider_heartbeats.forget(conn, now - LEARNT_FROM, now + TOLERANCE)
        await provider_heartbeats.take_note(conn, now - LEARNT_FROM, now + TOLERANCE)
        for provider, known in (await provider_heartbeats.by_provider(conn, now - LEARNT_FROM)).items():
            if provider in patience:
                await _judge(conn, provider, known, patience[provider], now)


async def _judge(conn: Connection, provider: str, known: Heartbeat, fixed: timedelta | None, now: datetime) -> None:
    if is_silent(known.hours, known.last_at, now, fixed):
        if await provider_heartbeats.becomes_silent(conn, provider, known.last_at, now):
            log.warning("provider.silent", provider=provider, heard_at=known.last_at.isoformat())
            await _tell(conn, SILENT, provider, known.last_at, now)
    elif since := await provider_heartbeats.heard_again(conn, provider):
        log.info("provider.heard", provider=provider, silent_since=since.isoformat())
        await _tell(conn, HEARD, provider, since, now)


async def _tell(conn: Connection, event: str, provider: str, since: datetime, now: datetime) -> None:
    said = {"heard_at": since.isoformat()}
    delivery = f"{provider}:{event}:{since.isoformat()}"
    await event_log.append_once(conn, own_fact("reconcile", delivery, event, provider, None, now, now, detail=said))
