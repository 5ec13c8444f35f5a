"""Redeliveries: planned repetitions of actions that had ended, each item once, at a pace."""

from alembic import op

revision = "0017"
down_revision = "0016"

REDELIVERIES = """
create table redeliveries (
  id         uuid primary key,
  state      text not null default 'running' check (state in ('running', 'paused', 'done', 'cancelled')),
  filters    jsonb not null,
  fresh      boolean not null,
  rate       text not null,
  note       text not null,
  by         text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  next_at    timestamptz not null,
  total      integer not null,
  sent       integer not null default 0,
  skipped    integer not null default 0
);
create index redeliveries_newest on redeliveries (created_at desc, id);
create index redeliveries_due on redeliveries (next_at, id) where state = 'running';

create table redelivery_items (
  redelivery uuid not null references redeliveries (id) on delete cascade,
  number     integer not null,
  action     uuid not null,
  state      text not null default 'waiting' check (state in ('waiting', 'sent', 'skipped')),
  again      uuid,
  primary key (redelivery, number)
);
create index redelivery_items_waiting on redelivery_items (redelivery, number) where state = 'waiting';

alter table actions add column redelivers uuid;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(REDELIVERIES)
