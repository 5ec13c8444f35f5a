"""Reconciliations in Postgres: wanted once, performed under a lease, and counted as they go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from tracker.store.session import into
from tracker.store.wakeups import RECONCILIATIONS
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracker.store.database import Connection

BY_HAND = "by hand"
SENT_NOTHING = "sent nothing"
"""The name of the rounds that a delivery without content asks for."""

AT_MOST_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Round:
    """A round that was claimed: ask `provider` about what changed since `since`, from `cursor` of its list on."""

    id: UUID
    job: str
    provider: str
    since: datetime
    cursor: str
    lease: int


@dataclass(slots=True)
class Counts:
    """How many calls a part of a round took, and how many posts and facts it found."""

    calls: int = 0
    listed: int = 0
    asked: int = 0
    missing: int = 0
    appended: int = 0
    conflicts: int = 0


WANT = """
insert into reconciliations (id, job, provider, wanted_at, wanted_by, since, cursor)
select $1, $2, $3, $4::timestamptz, $5, coalesce($6::timestamptz, goes_on.since, $4::timestamptz - $7::interval),
       coalesce(goes_on.cursor, '')
  from (select 1) one left join lateral (
       select since, cursor from reconciliations
        where provider = $3 and state = 'done' and $6::timestamptz is null
        order by wanted_at desc limit 1) goes_on on true
 where not exists (select from reconciliations
                    where provider = $3 and job = $2 and state <> 'done' and job <> 'by hand')
returning id
"""

WANT_SOON = """
insert into reconciliations (id, job, provider, wanted_at, since, cursor)
select $1, $2, $3, $4::timestamptz, coalesce(goes_on.since, $4::timestamptz - $6::interval),
       coalesce(goes_on.cursor, '')
  from (select 1) one left join lateral (
       select since, cursor from reconciliations
        where provider = $3 and state = 'done'
        order by wanted_at desc limit 1) goes_on on true
 where not exists (select from reconciliations
                    where provider = $3 and (job = $2 and wanted_at > $4::timestamptz - $5::interval
                                             or state = 'waiting' and job <> 'by hand'))
returning id
"""

CLAIM = """
update reconciliations r
   set state = 'running', lease = lease + 1, begun_at = coalesce(begun_at, $1),
       leased_until = clock_timestamp() + $2::interval, owner = $5
  from (select id from reconciliations
         where (state = 'waiting' or state = 'running' and leased_until < clock_timestamp())
           and provider = any($3::text[]) and ($4::uuid is null or id = $4)
         order by wanted_at limit 1 for update skip locked) due
 where r.id = due.id
returning r.*
"""

COUNT = """
update reconciliations
   set cursor = coalesce($3, cursor), leased_until = clock_timestamp() + $4::interval, calls = calls + $5,
       listed = listed + $6, asked = asked + $7, missing = missing + $8, appended = appended + $9,
       conflicts = conflicts + $10, since = coalesce($11, since)
 where id = $1 and lease = $2 and state = 'running'
returning id
"""

END = """
update reconciliations set state = 'done', stopped = $3, ended_at = $4, leased_until = null
 where id = $1 and lease = $2 and state = 'running'
"""

STATE = "select state from reconciliations where id = $1"

FORGET = "delete from reconciliations where wanted_at < $1 and state = 'done'"


async def want(
    conn: Connection,
    job: str,
    provider: str,
    now: datetime,
    *,
    by: str | None = None,
    since: datetime | None = None,
    window: timedelta = timedelta(days=1),
) -> UUID | None:
    """Have a provider asked, by a round of that id; None while the same job's last round is still to be done.

    Without `since` it goes on where the last round came to; the first looks back by `window`.
    """
    wanted: UUID | None = await conn.fetchval(WANT, uuid4(), job, provider, now, by, since, window)
    wake_after_commit(conn, RECONCILIATIONS)
    return wanted


async def want_soon(conn: Connection, provider: str, now: datetime, window: timedelta = timedelta(days=1)) -> bool:
    """Have a provider asked because of what it sent, at most once in a while; whether it is to be asked anew."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{SENT_NOTHING}\n{provider}")
    wanted = await conn.fetchval(WANT_SOON, uuid4(), SENT_NOTHING, provider, now, AT_MOST_EVERY, window)
    if wanted:
        wake_after_commit(conn, RECONCILIATIONS)
    return bool(wanted)


async def claim(
    conn: Connection,
    now: datetime,
    lease: timedelta,
    providers: Collection[str],
    only: UUID | None = None,
    owner: str | None = None,
) -> Round | None:
    """Take the next round that is due, also from a process that died over it; None: there is none."""
    row = await conn.fetchrow(CLAIM, now, lease, list(providers), only, owner)
    return into(Round, row) if row else None


async def count(
    conn: Connection,
    round_: Round,
    counts: Counts,
    lease: timedelta,
    cursor: str | None = None,
    since: datetime | None = None,
) -> bool:
    """Keep how far the round is: its place in the list, and (`since`) from when the next list is to be read.

    False when another has taken it over.
    """
    numbers = (counts.calls, counts.listed, counts.asked, counts.missing, counts.appended, counts.conflicts)
    return await conn.fetchval(COUNT, round_.id, round_.lease, cursor, lease, *numbers, since) is not None


async def end(conn: Connection, round_: Round, stopped: str | None, now: datetime) -> None:
    """The round is done, or `stopped` for a reason; then the next one goes on from here."""
    await conn.execute(END, round_.id, round_.lease, stopped, now)


async def state_of(conn: Connection, round_: UUID) -> str | None:
    """The round's state: waiting, running or done; None: there is no such round."""
    state: str | None = await conn.fetchval(STATE, round_)
    return state


async def forget(conn: Connection, before: datetime) -> None:
    """Drop rounds that ended before that moment."""
    await conn.execute(FORGET, before)
