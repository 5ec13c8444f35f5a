"""Schedules: which occasions were taken, so that two schedulers do the work of one."""

from alembic import op

revision = "0009"
down_revision = "0008"

SCHEDULES = """
create table fires (
  schedule text not null,
  fire_at  timestamptz not null,
  taken_at timestamptz not null,
  primary key (schedule, fire_at)
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(SCHEDULES)
