"""The event log: day partitions, the dedup ledger beside them, repeats, quarantine, and the log's epoch."""

from alembic import op

revision = "0001"
down_revision = None

LOG = """
create table log_epochs (
  epoch             integer primary key,
  system_identifier text not null,
  began_at          timestamptz not null default now()
);

create table log_days (
  day        date primary key,
  sealed_by  xid8,
  sealed_in  integer references log_epochs (epoch)
);

create sequence events_position_seq;

create table events (
  position    bigint not null default nextval('events_position_seq'),
  day         date not null,
  epoch       integer not null,
  xid         xid8 not null default pg_current_xact_id(),
  bucket      smallint not null,
  source      text not null,
  provider    text not null,
  delivery    text not null,
  body_hash   bytea not null,
  kind        text not null,
  post        text,
  part        smallint not null,
  occurred_at timestamptz,
  received_at timestamptz not null,
  conflict    boolean not null,
  headers     jsonb not null,
  body        bytea not null,
  primary key (position, day)
) partition by range (day);
create index events_unread on events (epoch, xid, position);
create index events_of_post on events (provider, post, position) where post is not null;

create table deliveries (
  source    text not null,
  delivery  text not null,
  body_hash bytea not null,
  position  bigint not null,
  day       date not null,
  primary key (source, delivery),
  constraint deliveries_body unique (source, body_hash)
);

create table repeats (
  id          bigint generated always as identity primary key,
  source      text not null,
  delivery    text not null,
  same        text not null check (same in ('delivery', 'body')),
  position    bigint not null,
  received_at timestamptz not null
);
create index repeats_of_event on repeats (position);

create table baselines (
  provider text not null,
  post     text not null,
  through  date not null,
  fold     jsonb not null,
  primary key (provider, post)
);

create table quarantine (
  id          bigint generated always as identity primary key,
  provider    text not null,
  reason      text not null,
  authentic   boolean not null,
  delivery    text not null,
  body_hash   bytea not null,
  received_at timestamptz not null,
  headers     jsonb not null,
  body        bytea not null,
  state       text not null default 'held' check (state in ('held', 'replayed', 'discarded')),
  settled_at  timestamptz
);
create unique index quarantine_once on quarantine (provider, delivery, body_hash) where authentic;
create index quarantine_newest on quarantine (authentic, id desc);
"""

PROTECTION = """
create function refuse_log_change() returns trigger language plpgsql as $$
begin
  raise exception 'the event log is append-only: % on % is refused', tg_op, tg_table_name
    using errcode = 'restrict_violation';
end $$;

create trigger events_append_only before update or delete on events
  for each row execute function refuse_log_change();
create trigger events_no_truncate before truncate on events
  for each statement execute function refuse_log_change();
create trigger deliveries_append_only before update or delete on deliveries
  for each row execute function refuse_log_change();
create trigger deliveries_no_truncate before truncate on deliveries
  for each statement execute function refuse_log_change();

create function ensure_log_day(wanted date) returns void language plpgsql as $$
declare part text := 'events_' || to_char(wanted, 'YYYYMMDD');
begin
  perform pg_advisory_xact_lock(hashtext('tracker.log_days'));
  if exists (select from log_days where day = wanted) then return; end if;
  execute format('create table %I partition of events for values from (%L) to (%L)', part, wanted, wanted + 1);
  execute format('create trigger %I before truncate on %I for each statement execute function refuse_log_change()',
                 part || '_no_truncate', part);
  insert into log_days (day) values (wanted);
end $$;

create function seal_log_day(wanted date) returns void language plpgsql as $$
declare part text := 'events_' || to_char(wanted, 'YYYYMMDD');
begin
  if not exists (select from log_days where day = wanted and sealed_by is null) then return; end if;
  execute format('alter table %I add constraint %I check (false) not valid', part, part || '_sealed');
  update log_days set sealed_by = pg_current_xact_id(), sealed_in = (select max(epoch) from log_epochs)
   where day = wanted;
end $$;

create function drop_log_day(wanted date) returns void language plpgsql as $$
declare part text := 'events_' || to_char(wanted, 'YYYYMMDD');
begin
  if not exists (select from log_days where day = wanted and sealed_by is not null) then
    raise exception 'log day % is not sealed: only sealed days are dropped', wanted
      using errcode = 'restrict_violation';
  end if;
  execute format('drop table %I', part);
  delete from log_days where day = wanted;
end $$;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(LOG)
    op.script(PROTECTION)
