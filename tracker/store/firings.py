"""Firings: a change fires a rule at most once, and what became of each is on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.store.database import Connection

Identity = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Firing:
    """What a rule made of a cause. `outcome`: fired, joined (an active run heard of it), error or suppressed."""

    rule: str
    key: str
    cause: str
    revision: str
    outcome: str
    detail: str | None
    provider: str
    post: str | None
    run: UUID | None

    @property
    def identity(self) -> Identity:
        """What is unique about it."""
        return (self.rule, self.key, self.cause)


LOCK_SHARED_KEYS = """
select pg_advisory_xact_lock(key) from (select distinct hashtextextended(name, 0) as key from unnest($1::text[]) name
                                         order by 1) keys
"""

KNOWN = """
select f.rule, f.key, f.cause
  from unnest($1::text[], $2::text[], $3::text[]) as wanted (rule, key, cause)
  join firings f on f.rule = wanted.rule and f.key = wanted.key and f.cause = wanted.cause
"""

RECORD = """
insert into firings (rule, key, cause, revision, outcome, detail, provider, post, run, fired_at)
select t.*, $10
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
              $9::uuid[]) t
on conflict (rule, key, cause) do nothing
"""


async def lock_shared_keys(conn: Connection, names: Collection[str]) -> None:
    """Hold, to the end of the transaction, keys that several buckets share; always in the same order."""
    await conn.execute(LOCK_SHARED_KEYS, list(names))


async def known(conn: Connection, wanted: Collection[Identity]) -> set[Identity]:
    """Those that are on record already."""
    if not wanted:
        return set()
    columns = (list(column) for column in zip(*wanted, strict=True))
    return {(row["rule"], row["key"], row["cause"]) for row in await conn.fetch(KNOWN, *columns)}


async def record(conn: Connection, firings: Sequence[Firing], now: datetime) -> None:
    """Keep them, each once."""
    rows = [(f.rule, f.key, f.cause, f.revision, f.outcome, f.detail, f.provider, f.post, f.run) for f in firings]
    if rows:
        await conn.execute(RECORD, *(list(column) for column in zip(*rows, strict=True)), now)
