"""Reconciliations, what they asked and found, the hours in which providers were heard, and which of them are silent."""

from alembic import op

revision = "0016"
down_revision = "0015"

RECONCILIATIONS = """
create table reconciliations (
  id           uuid primary key,
  job          text not null,
  provider     text not null,
  wanted_at    timestamptz not null,
  wanted_by    text,
  since        timestamptz not null,
  cursor       text not null default '',
  state        text not null default 'waiting' check (state in ('waiting', 'running', 'done')),
  stopped      text,
  begun_at     timestamptz,
  ended_at     timestamptz,
  lease        bigint not null default 0,
  leased_until timestamptz,
  calls        integer not null default 0,
  listed       integer not null default 0,
  asked        integer not null default 0,
  missing      integer not null default 0,
  appended     integer not null default 0,
  conflicts    integer not null default 0
);
create index reconciliations_newest on reconciliations (wanted_at desc, id);
create index reconciliations_open on reconciliations (provider, job, wanted_at) where state <> 'done';
create index reconciliations_of_provider on reconciliations (provider, wanted_at desc);

create table questions (
  provider text not null,
  post     text not null,
  times    integer not null,
  next_at  timestamptz not null,
  primary key (provider, post)
);
create index questions_old on questions (next_at);

create table findings (
  position       bigint primary key,
  provider       text not null,
  post           text not null,
  reconciliation uuid not null,
  heard_at       timestamptz,
  found_at       timestamptz not null,
  told_at        timestamptz
);
create index findings_missed on findings (provider, found_at) where told_at is null;

create table heard_hours (
  provider text not null,
  hour     timestamptz not null,
  last_at  timestamptz not null,
  primary key (provider, hour)
);

create table silent_providers (
  provider text primary key,
  heard_at timestamptz not null,
  told_at  timestamptz not null
);
"""

OVERDUE = """
create index posts_overdue on posts (projection, provider, scheduled_at)
 where state in ('unknown', 'draft', 'awaiting_approval', 'scheduled', 'retrying', 'publishing')
   and scheduled_at is not null
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(RECONCILIATIONS)
    op.execute(OVERDUE)
