"""How we stand with each provider: one row that every process reads and changes under its lock, by one clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tracker.domain.calls.call_budget import Window
from tracker.domain.calls.call_limits import CallLimits
from tracker.domain.calls.circuit_breaker import Breaker

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection, Row

HOLD = """
with held as materialized (select * from provider_standings where provider = $1 for update)
select clock_timestamp() as now, held.* from held
"""
"""The clock is read once the lock is there: whoever comes later reads a later time."""

BEGIN = """
insert into provider_standings (provider, at, windows, failures, openings, trial)
values ($1, clock_timestamp(), '[]', 0, 0, 0)
on conflict (provider) do nothing
"""

SAVE = """
update provider_standings
   set at = $2, windows = $3, put_off_until = $4, failures = $5, openings = $6, open_until = $7, trial = $8,
       trial_until = $9, credits = $10, credits_at = $11, skew = $12, answered_at = $13, failed_at = $14, failure = $15
 where provider = $1
"""

EVERYONE = "select clock_timestamp() as now, * from provider_standings order by provider"

ONE = "select clock_timestamp() as now, * from provider_standings where provider = $1"

_OF_THE_BREAKER = list(Breaker.__struct_fields__)
_PLAIN = [name for name in CallLimits.__struct_fields__ if name not in ("windows", "breaker")]


async def hold(conn: Connection, provider: str) -> tuple[CallLimits, datetime]:
    """The provider's limits, locked for this transaction, and the database's time."""
    row = await conn.fetchrow(HOLD, provider)
    if row is None:
        await conn.execute(BEGIN, provider)
        row = await conn.fetchrow(HOLD, provider)
    return _standing(row), row["now"]


async def save(conn: Connection, standing: CallLimits) -> None:
    """Keep what was changed under `hold`."""
    one, breaker = standing, standing.breaker
    await conn.execute(
        SAVE, one.provider, one.at, list(one.windows), one.put_off_until, breaker.failures, breaker.openings,
        breaker.open_until, breaker.trial, breaker.trial_until, one.credits, one.credits_at, one.skew,
        one.answered_at, one.failed_at, one.failure,
    )  # fmt: skip


async def get(conn: Connection, provider: str) -> CallLimits:
    """The provider's limits as they are now, by the database's time; empty where it was never called."""
    row = await conn.fetchrow(ONE, provider)
    return _standing(row).seen(row["now"]) if row else CallLimits(provider)


async def list_all(conn: Connection) -> list[CallLimits]:
    """The limits of every provider that was ever called, each as `get` gives it."""
    return [_standing(row).seen(row["now"]) for row in await conn.fetch(EVERYONE)]


def _standing(row: Row) -> CallLimits:
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN}
    windows = msgspec.convert(row["windows"], tuple[Window, ...])
    return CallLimits(**plain, windows=windows, breaker=Breaker(**{name: row[name] for name in _OF_THE_BREAKER}))
