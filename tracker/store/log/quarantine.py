"""What could not be taken into the log: the authentic but unusable, for good, and the newest of the unauthentic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tracker.domain.refused_deliveries import weight_of
from tracker.errors import NotFound
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection


@dataclass(frozen=True, slots=True)
class Unusable:
    """A delivery and the reason (a short, stable code) for which it is not in the log."""

    provider: str
    reason: str
    authentic: bool
    delivery: str
    body_hash: bytes
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes

    @property
    def weight(self) -> int:
        """How much it weighs beside others that are not authentic."""
        return weight_of(self.reason)


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery of the quarantine as it came, and what became of it."""

    id: int
    provider: str
    reason: str
    authentic: bool
    delivery: str
    body_hash: bytes
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes
    state: str
    settled_at: datetime | None
    times: int = 1
    last_at: datetime | None = None

    @property
    def size(self) -> int:
        """Of its body, in bytes."""
        return len(self.body)


PRUNED_AT_ONCE = 1000
"""So many rows are forgotten in one statement."""

STATES = ("held", "replayed", "discarded")


KEEP = """
insert into quarantine (provider, reason, authentic, delivery, body_hash, received_at, headers, body, weight,
                        times, last_at)
select * from unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::bytea[], $6::timestamptz[], $7::jsonb[],
                     $8::bytea[], $9::smallint[], $10::integer[], $11::timestamptz[])
on conflict (provider, delivery, body_hash) where authentic
   do update set times = quarantine.times + excluded.times, last_at = greatest(quarantine.last_at, excluded.last_at)
"""

PRUNE_UNAUTHENTIC = """
with beyond as materialized (
  select id from quarantine
   where not authentic and provider = $1
   order by weight desc, id desc
  offset $2 limit $3
), free as materialized (
  select q.id from quarantine q where q.id = any(array(select id from beyond)) for update skip locked
)
delete from quarantine where id = any(array(select id from free))
"""
"""What somebody is deciding on at this moment is left for the next time."""

PROVIDERS_REFUSED = """
with recursive there as (
  (select provider from quarantine where not authentic order by provider limit 1)
  union all
  select (select provider from quarantine where not authentic and provider > t.provider order by provider limit 1)
    from there t where t.provider is not null
)
select provider from there where provider is not null
"""

GET = "select * from quarantine where id = $1"

LOCK = "select * from quarantine where id = $1 for update"

SETTLE = "update quarantine set state = $2, settled_at = $3 where id = $1"


async def keep(conn: Connection, items: Sequence[Unusable]) -> None:
    """Keep them; an authentic one that is there already is kept once, and counted."""
    last: dict[object, tuple[Unusable, Unusable, int]] = {}
    for place, item in enumerate(items):
        same = (item.provider, item.delivery, item.body_hash) if item.authentic else place
        first, _, times = last.get(same, (item, item, 0))
        last[same] = first, item, times + 1
    columns = zip(
        *(
            (i.provider, i.reason, i.authentic, i.delivery, i.body_hash, i.received_at, i.headers, i.body, i.weight,
             times, newest.received_at)
            for i, newest, times in last.values()
        ),
        strict=True,
    )  # fmt: skip
    await conn.execute(KEEP, *(list(column) for column in columns))


async def prune_unauthentic(conn: Connection, provider: str, kept: int) -> int:
    """Forget what exceeds the `kept` of that provider, the lightest and oldest first; how many, PRUNED_AT_ONCE at most.

    Of those whose signature was wrong, and not only missing, the newest are kept longest.
    """
    status: str = await conn.execute(PRUNE_UNAUTHENTIC, provider, kept, PRUNED_AT_ONCE)
    return int(status.rpartition(" ")[2])


async def providers_refused(conn: Connection) -> list[str]:
    """The providers of which something that is not authentic is kept, those that are no longer configured too."""
    return [row["provider"] for row in await conn.fetch(PROVIDERS_REFUSED)]


async def get(conn: Connection, item: int, *, hold: bool = False) -> Kept:
    """One of them, on wish held for this transaction, so that it is settled once; raises NotFound."""
    row = await conn.fetchrow(LOCK if hold else GET, item)
    if row is None:
        raise NotFound(f"there is no item {item} in the quarantine")
    return into(Kept, row)


async def settle(conn: Connection, item: int, state: str, now: datetime) -> None:
    """It was replayed or discarded."""
    await conn.execute(SETTLE, item, state, now)
