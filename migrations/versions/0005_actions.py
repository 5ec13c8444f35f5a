"""Actions: what we intend to do to the world, claimed under a fenced lease, each attempt on record."""

from alembic import op

revision = "0005"
down_revision = "0004"

ACTIONS = """
create table actions (
  id              uuid primary key,
  idempotency_key text not null unique,
  verb            text not null,
  target          text not null,
  rule            text,
  revision        text,
  run             uuid,
  bucket          smallint not null,
  provider        text not null,
  post            text,
  payload         jsonb not null,
  state           text not null
                  check (state in ('pending', 'claimed', 'done', 'dead', 'unknown', 'discarded')),
  reason          text,
  due_at          timestamptz not null,
  attempts        integer not null default 0,
  lease           bigint not null default 0,
  owner           text,
  leased_until    timestamptz,
  created_at      timestamptz not null,
  finished_at     timestamptz
);
create index actions_due on actions (due_at, id) where state = 'pending';
create index actions_leased on actions (leased_until) where state = 'claimed';
create index actions_of_post on actions (provider, post, created_at);
create unique index actions_one_retry_of_a_post on actions (provider, post) where verb = 'retry' and state = 'claimed';
create index actions_newest on actions (created_at desc, id);

create table action_attempts (
  action      uuid not null references actions (id),
  attempt     integer not null,
  lease       bigint not null,
  started_at  timestamptz not null,
  finished_at timestamptz,
  outcome     text check (outcome in ('done', 'retry', 'discard', 'unknown', 'lost')),
  reason      text,
  request     jsonb,
  response    jsonb,
  latency_ms  integer,
  primary key (action, attempt)
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(ACTIONS)
