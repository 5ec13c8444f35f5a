"""Which processes run, as far as Postgres can tell at once: each holds an advisory lock while its session lasts."""

from alembic import op

revision = "0028"
down_revision = "0026"

PROCESSES = """
create table processes (
  node    text primary key,
  number  bigint not null,
  roles   text[] not null,
  since   timestamptz not null default now(),
  failing jsonb not null default '{}'
);

alter table reconciliations add owner text;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(PROCESSES)
