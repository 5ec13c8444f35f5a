"""The log's epoch: transaction ids mean something only inside the cluster that gave them out.

A dump that is restored elsewhere brings its old ids along, while the new cluster counts from the beginning, so
that a checkpoint would take new events for seen ones. Each connection therefore compares the cluster's identity
with the log's and opens a new epoch when they differ; readers finish the old epoch and go on in the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.store.database import Connection

BEGIN_EPOCH_IF_CLUSTER_IS_NEW = """
insert into log_epochs (epoch, system_identifier)
select coalesce(max(epoch), 0) + 1, (select system_identifier::text from pg_control_system())
  from log_epochs
having (array_agg(system_identifier order by epoch desc))[1]
       is distinct from (select system_identifier::text from pg_control_system())
on conflict (epoch) do nothing
"""


async def ensure_epoch(conn: Connection) -> None:
    """Begin a new epoch when this cluster is not the one that the log was written in."""
    await conn.execute(BEGIN_EPOCH_IF_CLUSTER_IS_NEW)
