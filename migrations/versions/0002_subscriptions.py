"""Subscriptions: who reads the log and the changes, how far, and under whose lease."""

from alembic import op

revision = "0002"
down_revision = "0001"

SUBSCRIPTIONS = """
create table subscriptions (
  name         text not null,
  bucket       smallint not null,
  epoch        integer not null,
  snapshot     pg_snapshot not null,
  lease        bigint not null default 0,
  owner        text,
  leased_until timestamptz,
  caught_up_at timestamptz,
  heartbeat_at timestamptz,
  primary key (name, bucket)
) with (fillfactor = 25);

create table nodes (
  name    text not null,
  node    text not null,
  seen_at timestamptz not null,
  primary key (name, node)
);

create table parked (
  subscription text not null,
  item         bigint not null,
  bucket       smallint not null,
  error        text not null,
  parked_at    timestamptz not null,
  primary key (subscription, item)
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(SUBSCRIPTIONS)
