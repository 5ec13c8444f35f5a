"""The whole rule language: what is counted and queued, canaries, pauses, silences, and every move of a run."""

from alembic import op

revision = "0011"
down_revision = "0010"

LANGUAGE = """
alter table firings drop constraint firings_outcome_check;
alter table firings add constraint firings_outcome_check
  check (outcome in ('fired', 'joined', 'queued', 'counted', 'suppressed', 'error'));
alter table firings add column occurred_at timestamptz;
update firings set occurred_at = fired_at;
alter table firings alter column occurred_at set not null;
alter table firings add column number bigint generated always as identity;
create index firings_recent on firings (rule, key, fired_at desc);

alter table runs drop constraint runs_state_check;
alter table runs add constraint runs_state_check
  check (state in ('queued', 'active', 'done', 'cancelled', 'exhausted', 'failed'));
alter table runs add column alone boolean not null default true;
drop index runs_active;
create unique index runs_active on runs (rule, key) where state = 'active' and alone;
create index runs_open on runs (rule, key, started_at) where state in ('active', 'queued');

create table run_moves (
  run    uuid not null references runs (id) on delete cascade,
  number integer not null,
  at     timestamptz not null,
  said   text not null,
  primary key (run, number)
);

alter table timers drop constraint timers_kind_check;

alter table armed_rules add column noted_at timestamptz not null default now();

create table pauses (
  rule  text not null,
  scope text not null,
  by    text not null,
  until timestamptz not null,
  primary key (rule, scope, by)
);

create table silences (
  id         uuid primary key,
  match      jsonb not null,
  since      timestamptz not null,
  until      timestamptz not null check (until > since),
  by         text not null,
  reason     text not null
);
create index silences_until on silences (until);

alter table actions drop constraint actions_state_check;
alter table actions add constraint actions_state_check
  check (state in ('pending', 'claimed', 'done', 'dead', 'unknown', 'discarded', 'shadow', 'hidden'));
alter table actions add column hidden_by text;
create index actions_hidden on actions (hidden_by, created_at) where hidden_by is not null;

create index changes_by_arrival on changes using brin (received_at);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(LANGUAGE)
