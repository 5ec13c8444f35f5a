"""The log's epoch: transaction ids mean something only inside the cluster, and on the timeline, that gave them out.

A dump that is restored elsewhere brings its old ids along, while the new cluster counts from the beginning; a standby
that is promoted, and a backup that is brought to an earlier moment, give out once more what the lost timeline gave out
after they parted. A checkpoint would take new events for seen ones. Each connection therefore compares the cluster's
identity and timeline with the log's and opens a new epoch when they differ; readers finish what is left of the old
epoch and go on in the new one.

To look once for each connection is enough. A server has another timeline only after a recovery, in which it lets
nobody write, and a connection does not outlive the server at which it began: whoever can write has looked on this very
timeline, so no row of it bears an older epoch.

An epoch may be lost as well, together with all that was promised in it: begun on a primary that died before a standby
heard of it. The next one must not have its number, because somebody far away may hold places of both. Numbers are
therefore drawn with a gap, and a place in an epoch that the log does not know is one of a lost timeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.errors import Unavailable

if TYPE_CHECKING:
    from tracker.store.database import Connection

BEGIN_EPOCH_ELSEWHERE = """
with here as materialized (
  select (select system_identifier::text from pg_control_system()) as system_identifier,
         ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint as timeline
), newest as (
  select epoch, system_identifier, timeline from log_epochs order by epoch desc limit 1
)
insert into log_epochs (epoch, system_identifier, timeline)
select coalesce(newest.epoch + 1 + floor(random() * 100000)::integer, 1), here.system_identifier, here.timeline
  from here left join newest on true
 where (newest.system_identifier, newest.timeline) is distinct from (here.system_identifier, here.timeline)
"""

HOLD = "select pg_advisory_xact_lock(hashtext('tracker.epoch'))"

IS_ELSEWHERE = """
select case when not pg_is_in_recovery() then
         (system_identifier, timeline)
         is distinct from ((select system_identifier::text from pg_control_system()),
                           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint) end
  from (select 1) one left join (select * from log_epochs order by epoch desc limit 1) newest on true
"""


async def ensure_epoch(conn: Connection) -> None:
    """Begin a new epoch when this is not the cluster, or not the timeline, that the log was written on.

    Raises Unavailable on a standby, which has no timeline of its own yet.
    """
    is_elsewhere = await conn.fetchval(IS_ELSEWHERE)
    if is_elsewhere is None:
        raise Unavailable("this Postgres is a standby: it takes no writes until it is promoted")
    if is_elsewhere:
        async with conn.transaction():
            await conn.execute(HOLD)
            await conn.execute(BEGIN_EPOCH_ELSEWHERE)


async def is_known(conn: Connection, epoch: int) -> bool:
    """Whether the log has lived in that epoch; places of others are of a timeline that was lost."""
    return bool(await conn.fetchval("select exists (select from log_epochs where epoch = $1)", epoch))
