"""The log's epoch knows its timeline: a promoted standby and a restored moment give transaction ids out once more.

The newest epoch is taken to be of the timeline that this runs on; of the older ones nobody asks any more.
"""

from alembic import op

revision = "0026"
down_revision = "0025"

TIMELINES = """
alter table log_epochs add column timeline bigint not null default 0;
update log_epochs
   set timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
 where epoch = (select max(epoch) from log_epochs);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(TIMELINES)
