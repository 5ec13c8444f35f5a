"""Who lives: each process holds an advisory lock in a session of its own, so a lock that is free means that it is gone.

A killed process leaves closed sockets behind, and Postgres ends its sessions at once. One that cannot be reached, or
is stopped, keeps its session and with it the lock: what it holds is left to the leases. The number of the lock is drawn
anew for each session, so a process whose session is cut off never waits for the old one, which may linger.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.actions import CHANGES_A_POST
from tracker.runtime.supervision import Failing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from tracker.store.database import Connection

HOLD = "select pg_advisory_lock($1)"

SHOW_UP = """
insert into processes (node, number, roles, failing) values ($1, $2, $3, $4)
on conflict (node) do update set number = excluded.number, failing = excluded.failing
"""

TELL = "update processes set failing = $2 where node = $1"

OTHERS = "select node, number, pg_try_advisory_xact_lock_shared(number) as gone from processes where node <> $1"
"""The lock is shared, so that two who look at the same moment do not take each other for the one that lives."""

BURY = """
with gone as (
  delete from processes
   where node = any($1::text[]) and number = any($2::bigint[]) and pg_try_advisory_xact_lock(number)
  returning node
), left_nodes as (
  delete from nodes where node in (select node from gone)
), left_shares as (
  update shares set owner = null, leased_until = null where owner in (select node from gone)
), left_rounds as (
  update reconciliations set leased_until = clock_timestamp()
   where state = 'running' and owner in (select node from gone)
), left_actions as (
  update actions
     set leased_until = least(leased_until, clock_timestamp() + case when verb = any($4) then $3 else '0'::interval end)
   where state = 'claimed' and owner in (select node from gone)
)
select node from gone order by node
"""

FORGET = """
delete from processes
 where node = $1 and number = $2
   and not exists (select from actions where state = 'claimed' and owner = $1)
   and not exists (select from reconciliations where state = 'running' and owner = $1)
"""

LIVING = """
select node, roles, since, failing from processes where not pg_try_advisory_xact_lock_shared(number) order by node
"""

READ_BY_THE_LIVING = """
select not exists (
  select from shares s
   where s.name = $1
     and not exists (select from processes p where p.node = s.owner and not pg_try_advisory_xact_lock_shared(p.number)))
"""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that lives; `failing` tells of each agent that keeps failing how it fails, and since when."""

    node: str
    roles: Sequence[str]
    since: datetime
    failing: Mapping[str, Failing]


async def show_up(conn: Connection, node: str, roles: Collection[str], failing: Mapping[str, Failing]) -> int:
    """Hold a lock with this session and record the process; answers the lock's number."""
    number = secrets.randbits(63)
    await conn.execute(HOLD, number)
    await conn.execute(SHOW_UP, node, number, list(roles), failing)
    return number


async def report_failing(conn: Connection, node: str, failing: Mapping[str, Failing]) -> None:
    """Say which agents of the process keep failing, and how."""
    await conn.execute(TELL, node, failing)


async def others(conn: Connection, node: str) -> dict[tuple[str, int], bool]:
    """The (node, number) of each process but this node's, and whether its lock is free at this moment."""
    return {(row["node"], row["number"]): row["gone"] for row in await conn.fetch(OTHERS, node)}


async def bury(conn: Connection, found: Collection[tuple[str, int]], longest_call: timedelta) -> list[str]:
    """End the leases of those found whose locks are still free, and hold these to the commit; answers their nodes.

    Nothing that it changes has to be believed. Places move only from where they stood; rounds and actions end only
    under the number of their lease. So one that lives all the same (its session was cut off, and it did not get another
    in time) loses its turn, and writes nothing twice.

    What it cannot take back is a call that has left. Of alerts and sends that means one more of the same id, as after
    any crash. What publishes must not be asked about while the call may still be on its way or at work, whether its
    sender lives or not: such an action keeps its lease for the time that one call can take. A living sender begins no
    other meanwhile, because each call of a provider takes its permit from the database first.
    """
    nodes, numbers = zip(*found, strict=True)
    return [row["node"] for row in await conn.fetch(BURY, nodes, numbers, longest_call, CHANGES_A_POST)]


async def forget(conn: Connection, node: str, number: int) -> None:
    """Note that the process has ended by itself; if it could not end all that it held, others see that it has gone."""
    await conn.execute(FORGET, node, number)


async def living(conn: Connection) -> list[Process]:
    """All processes that live."""
    return [
        Process(row["node"], row["roles"], row["since"], msgspec.convert(row["failing"], dict[str, Failing]))
        for row in await conn.fetch(LIVING)
    ]


async def read_by_the_living(conn: Connection, name: str) -> bool:
    """Whether each bucket of the subscription is held by a process that lives."""
    answer: bool = await conn.fetchval(READ_BY_THE_LIVING, name)
    return answer
