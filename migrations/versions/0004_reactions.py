"""Reactions: firings that happen once, durable runs, and every timer as a row."""

from alembic import op

revision = "0004"
down_revision = "0003"

REACTIONS = """
create table firings (
  rule     text not null,
  key      text not null,
  cause    text not null,
  revision text not null,
  outcome  text not null check (outcome in ('fired', 'joined', 'error', 'suppressed')),
  detail   text,
  provider text not null,
  post     text,
  run      uuid,
  fired_at timestamptz not null,
  primary key (rule, key, cause)
);
create index firings_of_post on firings (provider, post, fired_at);
create index firings_of_rule on firings (rule, fired_at desc);

create table runs (
  id         uuid primary key,
  rule       text not null,
  revision   text not null,
  key        text not null,
  cause      text not null,
  bucket     smallint not null,
  provider   text not null,
  post       text,
  target     text,
  state      text not null check (state in ('active', 'done', 'cancelled', 'exhausted', 'failed')),
  data       jsonb not null,
  started_at timestamptz not null,
  updated_at timestamptz not null,
  unique (rule, key, cause)
);
create unique index runs_active on runs (rule, key) where state = 'active';
create index runs_of_post on runs (provider, post, started_at);

create table timers (
  rule     text not null,
  key      text not null,
  kind     text not null check (kind in ('while', 'expect', 'run')),
  bucket   smallint not null,
  due_at   timestamptz not null,
  meaning  text not null,
  cause    text not null,
  run      uuid,
  provider text not null,
  post     text,
  target   text,
  data     jsonb not null,
  primary key (rule, key, kind)
);
create index timers_due on timers (bucket, due_at);
create index timers_of_post on timers (provider, post);

create table armed_rules (
  rule     text primary key,
  revision text not null
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(REACTIONS)
