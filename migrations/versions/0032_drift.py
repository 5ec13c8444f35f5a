"""What the payloads of each event usually look like, how far the log was read for that, and what has drifted."""

from alembic import op

revision = "0032"
down_revision = "0031"

DRIFT = """
create table shapes (
  provider text        not null,
  event    text        not null,
  usual    bytea       not null,
  last_at  timestamptz not null,
  primary key (provider, event)
);

create table shapes_read (
  name    text        primary key,
  epoch   integer     not null,
  seen    pg_snapshot not null,
  read_at timestamptz not null
);

create table drifts (
  provider text        not null,
  event    text        not null,
  drift    text        not null,
  path     text        not null,
  found    text        not null,
  since    timestamptz not null,
  ended_at timestamptz,
  last_at  timestamptz not null,
  times    integer     not null,
  events   bigint      not null,
  posts    text[]      not null,
  said     jsonb       not null,
  primary key (provider, event, drift, path, found)
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(DRIFT)
