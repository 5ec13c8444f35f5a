"""The schema that tracker begins with: the log, who reads it, what it says, and what follows from that."""

from alembic import op

revision = "0001"
down_revision = None

LOG = """
-- A promoted standby and a restored moment give transaction ids out once more, so a place in the log is one only within
-- its epoch: a cluster, and a timeline of it.
create table log_epochs (
  epoch             integer primary key,
  system_identifier text not null,
  began_at          timestamptz not null default now(),
  timeline          bigint not null default 0
);

create table log_days (
  day       date primary key,
  sealed_by xid8,
  sealed_in integer references log_epochs (epoch)
);

create sequence events_position_seq;

-- A day is a partition, so that to forget it is to drop a table.
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
  headers     json not null,
  body        bytea not null,
  primary key (position, day)
) partition by range (day);
-- The feed EVENTS.
create index events_unread on events (epoch, xid, position);
-- OF_POSTS of look_back.py, what a day says of a post when it is dropped, and the events of a post as people ask.
create index events_of_post on events (provider, post, position) where post is not null;
-- OF_PROVIDER, GATHERED and BEGINS of tracker/store/log/look_back.py, and TAKE_NOTE of provider_heartbeats.py: a part
-- of a day. Rows come in nearly this order, so that an index of the blocks is enough.
create index events_by_arrival on events using brin (received_at) with (autosummarize = on);

-- A key of a partitioned table is unique within a day at most, and a delivery must be new among those of all days.
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

-- Posts outlive the days from which they were folded.
create table baselines (
  provider text not null,
  post     text not null,
  through  date not null,
  fold     json not null,
  primary key (provider, post)
);
"""

PROTECTION = """
-- The log is evidence: not even our own code may change it.
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

-- Partitions do not inherit triggers for statements, so each day gets its own.
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

-- A reader that has passed the sealing of a day has read all of it: nothing may come to the day behind its back.
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
  delete from transitions where received_at >= wanted::timestamp at time zone 'UTC'
                            and received_at < (wanted + 1)::timestamp at time zone 'UTC';
end $$;
"""

QUARANTINE = """
-- Of what is not authentic the newest are kept for each provider, and what weighs more outlives what weighs less: a
-- wrong signature may be that of a secret we do not have yet, a missing one hardly ever is.
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
  settled_at  timestamptz,
  weight      smallint not null default 2,
  -- Those that come again are counted; null is the first time.
  times       integer not null default 1,
  last_at     timestamptz
);
create unique index quarantine_once on quarantine (provider, delivery, body_hash) where authentic;
create index quarantine_newest on quarantine (authentic, id desc);
-- The order in which they are kept, so that what exceeds the bound is found without a look at the rest.
create index quarantine_refused on quarantine (provider, weight desc, id desc) where not authentic;
"""

READERS = """
create table nodes (
  name    text not null,
  node    text not null,
  seen_at timestamptz not null,
  primary key (name, node)
);

-- Each process holds an advisory lock while its session lasts, so that Postgres can tell at once which of these run.
create table processes (
  node    text primary key,
  number  bigint not null,
  roles   text[] not null,
  since   timestamptz not null default now(),
  failing jsonb not null default '{}'
);

-- Buckets that stand together have one place.
create table shares (
  name         text not null,
  share        smallint not null,
  buckets      smallint[] not null,
  lease        bigint not null default 0,
  owner        text,
  leased_until timestamptz,
  heartbeat_at timestamptz,
  primary key (name, share)
);

-- A row that is updated at each step leaves a version behind that nobody may remove while some transaction stays open,
-- and all of them are passed at the next step. So a place is written anew, and the newest is the first in the index.
create table places (
  name         text not null,
  share        smallint not null,
  step         bigint not null,
  epoch        integer not null,
  snapshot     pg_snapshot not null,
  caught_up_at timestamptz,
  primary key (name, share, step)
);

create view subscriptions as
select s.name, b.bucket, p.epoch, p.snapshot, p.caught_up_at, s.lease, s.owner, s.leased_until, s.heartbeat_at
  from shares s
 cross join lateral (select epoch, snapshot, caught_up_at from places
                      where name = s.name and share = s.share
                      order by step desc limit 1) p
 cross join unnest(s.buckets) as b (bucket);

-- One item that cannot be handled must not hold up those behind it.
create table parked (
  subscription text not null,
  item         bigint not null,
  bucket       smallint not null,
  error        text not null,
  parked_at    timestamptz not null,
  primary key (subscription, item)
);
"""

POSTS = """
-- A rebuild fills the next version beside the current one.
create table projections (
  version      smallint primary key,
  current      boolean not null default false,
  created_at   timestamptz not null default now(),
  -- Which fold has made it: what an older one has made is made anew. How far it is filled, and whether timers follow.
  fold_version smallint not null default 0,
  filled       real not null default 0,
  armed        boolean not null default true
);
create unique index projections_current on projections (current) where current;

-- Each projection is a partition of its own, so that its number is the same in all rows of an index. In front of what
-- tells the rows apart it would take room, and make every comparison go on to the next column.
--
-- What is read as a whole is kept as the JSON that was written: to parse it at each write, and to make it text again at
-- each read, took Postgres a third of what a rebuild costs it, and the parsed form a fifth more room.
create table posts (
  projection    smallint not null,
  provider      text not null,
  post          text not null,
  bucket        smallint not null,
  state         text not null,
  attempt       integer not null,
  version       integer not null,
  platforms     text[] not null,
  accounts      text[] not null,
  entered_at    timestamptz,
  scheduled_at  timestamptz,
  published_at  timestamptz,
  failed_at     timestamptz,
  last_event_at timestamptz,
  first_day     date not null,
  last_day      date not null,
  fold          json not null,
  terms         text[] not null default '{}',
  primary key (provider, post, projection)
) partition by list (projection);
-- Lists of posts, by `statement` of tracker/queries/posts.py: all of them and those of one state by their last event,
-- also those of which nothing was heard; and those that have one of the other times by it. Without the keys they would
-- take half the room, and a page near the end of a list would be looked for in the whole table: of a comparison with a
-- pair of keys Postgres believes that hardly a row fits. The lists read them backwards: what grows at its end leaves
-- full pages behind, and what grows at its beginning halves.
create index posts_newest on posts (last_event_at, provider desc, post desc);
create index posts_by_state on posts (state, last_event_at, provider desc, post desc);
create index posts_by_scheduled_at on posts (scheduled_at, provider desc, post desc) where scheduled_at is not null;
create index posts_by_published_at on posts (published_at, provider desc, post desc) where published_at is not null;
create index posts_by_failed_at on posts (failed_at, provider desc, post desc) where failed_at is not null;
-- The post of an id, whosever it is: `of_that_id` of tracker/queries/posts.py, also for the events and the runs of one.
create index posts_by_id on posts (post);
-- Lists of a platform or an account, by `statement`.
create index posts_by_target on posts using gin (platforms, accounts);
-- Lists by an attribute, a label or an error. Only the posts that have one: the others cost nothing.
create index posts_by_term on posts using gin (terms) where terms <> '{}';
-- What is planned or overdue: OVERDUE of tracker/store/posts/overdue_posts.py, and tracker/queries/calendar.py.
create index posts_to_come on posts (scheduled_at, provider desc, post desc)
 where state in ('unknown', 'draft', 'awaiting_approval', 'scheduled', 'retrying', 'publishing')
   and scheduled_at is not null;

-- Projected from the log like posts; those of projection 0 stand for what the log no longer keeps.
create table accounts (
  projection    smallint not null,
  provider      text not null,
  account       text not null,
  platform      text,
  name          text,
  state         text not null,
  since         timestamptz,
  last_event    text,
  last_event_at timestamptz,
  fold          json not null,
  primary key (projection, provider, account)
);

-- What moved, for lists and figures over time: a row for each state that a post, or one of its targets (`target`), came
-- into by the event `cause`. What else an event changed is worked out again from the log.
create table transitions (
  cause       bigint not null,
  received_at timestamptz not null,
  occurred_at timestamptz not null,
  attempt     integer not null,
  projection  smallint not null,
  superseded  boolean not null,
  again       boolean not null,
  provider    text not null,
  post        text not null,
  target      text,
  before      text,
  after       text not null,
  error       text
) partition by list (projection);
-- SINCE of tracker/queries/events.py, GATHERED of tracker/store/log/look_back.py, and drop_log_day. Rows come in nearly
-- this order, so that an index of the blocks is enough to find a stretch of time.
create index transitions_by_arrival on transitions using brin (received_at) with (autosummarize = on);

create function ensure_projection(wanted smallint) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtext('tracker.projections'));
  if exists (select from projections where version = wanted) then return; end if;
  execute format('create table %I partition of posts for values in (%L)', 'posts_v' || wanted, wanted);
  execute format('create table %I partition of transitions for values in (%L)', 'transitions_v' || wanted, wanted);
  insert into projections (version) values (wanted);
end $$;

-- What a rebuild fills has no indexes until it is full: each is then made in one go.
create function begin_projection(wanted smallint) returns void language plpgsql as $$
declare kind text;
begin
  perform pg_advisory_xact_lock(hashtext('tracker.projections'));
  foreach kind in array array['posts', 'transitions'] loop
    execute format('create table %I (like %I including defaults, constraint filled_first check (projection = %L))',
                   kind || '_v' || wanted, kind, wanted);
  end loop;
  insert into projections (version) values (wanted);
end $$;

-- The constraint spares the attachment a look at all rows, and is of no use afterwards.
create function finish_projection(kind text, wanted smallint) returns void language plpgsql as $$
declare part text := kind || '_v' || wanted;
begin
  execute format('alter table %I attach partition %I for values in (%L)', kind, part, wanted);
  execute format('alter table %I drop constraint filled_first', part);
  execute format('analyze %I', part);
end $$;

create function drop_projection(unwanted smallint) returns void language plpgsql as $$
begin
  if exists (select from projections where version = unwanted and current) then
    raise exception 'projection % is in use', unwanted using errcode = 'restrict_violation';
  end if;
  execute format('drop table if exists %I', 'posts_v' || unwanted);
  execute format('drop table if exists %I', 'transitions_v' || unwanted);
  delete from projections where version = unwanted;
end $$;

select ensure_projection(1::smallint);
update projections set current = true where version = 1;
"""

RULES = """
-- A service that cannot read its own rule files begins with the last good ones.
create table rule_book (
  name       text primary key,
  revision   text,
  files      bytea,
  kept_at    timestamptz,
  refused_at timestamptz,
  refused    text
);

-- The revision for which the posts that were there already have been looked at, which is done once for each.
create table armed_rules (
  rule        text primary key,
  revision    text not null,
  noted_at    timestamptz not null default now(),
  there_since timestamptz not null default now()
);

-- By hand, over what the rule files say.
create table rule_switches (
  rule    text primary key,
  enabled boolean not null,
  by      text not null,
  at      timestamptz not null
);

-- `since` tells a pause that was set by a clock that was ahead.
create table pauses (
  rule  text not null,
  scope text not null,
  by    text not null,
  until timestamptz not null,
  since timestamptz,
  primary key (rule, scope, by)
);

-- Made at run time; the id is that of the rule that sends there, too. The secret is worked out from it.
create table webhook_endpoints (
  id          text primary key,
  url         text not null,
  events      text[] not null,
  filter      jsonb not null,
  description text not null,
  by          text not null,
  created_at  timestamptz not null,
  failures    integer not null default 0
);

create table silences (
  id     uuid primary key,
  match  jsonb not null,
  since  timestamptz not null,
  until  timestamptz not null check (until > since),
  by     text not null,
  reason text not null
);
create index silences_until on silences (until);
create index silences_newest on silences (since desc, id);

-- Counted bucket by bucket, so that no two nodes meet at a row.
create table rule_counts (
  rule    text not null,
  outcome text not null,
  bucket  smallint not null,
  firings bigint not null,
  last_at timestamptz not null,
  primary key (rule, outcome, bucket)
);

-- The key is what makes a firing happen once, whoever comes to it again.
create table firings (
  rule        text not null,
  key         text not null,
  cause       text not null,
  revision    text not null,
  outcome     text not null check (outcome in ('fired', 'joined', 'queued', 'counted', 'suppressed', 'error')),
  detail      text,
  provider    text not null,
  post        text,
  run         uuid,
  fired_at    timestamptz not null,
  occurred_at timestamptz not null,
  number      bigint generated always as identity,
  primary key (rule, key, cause)
);
-- FIRINGS of tracker/queries/why.py.
create index firings_of_post on firings (provider, post, fired_at);
-- Budgets (SPENT and COUNTS of tracker/store/reactions/runs.py), and the firings of a rule as people ask for them.
create index firings_of_rule on firings (rule, outcome, fired_at desc);
-- Counts and cooldowns: RECENT.
create index firings_recent on firings (rule, key, fired_at desc);

-- So that two schedulers do the work of one.
create table fires (
  schedule text not null,
  fire_at  timestamptz not null,
  taken_at timestamptz not null,
  primary key (schedule, fire_at)
);
"""

RUNS = """
-- The id follows from the rule, the key and the cause, so that an index of these would refuse nothing that it does not.
create table runs (
  id         uuid primary key,
  rule       text not null,
  key        text not null,
  provider   text not null,
  post       text,
  target     text,
  state      text not null check (state in ('queued', 'active', 'done', 'cancelled', 'exhausted', 'failed')),
  data       json not null,
  started_at timestamptz not null,
  updated_at timestamptz not null,
  alone      boolean not null default true,
  starts_at  timestamptz
);
-- No second run of a key that admits but one, whatever two nodes believe.
create unique index runs_active on runs (rule, key) where state = 'active' and alone;
-- LOAD_OPEN of tracker/store/reactions/runs.py.
create index runs_open on runs (rule, key, started_at) where state in ('active', 'queued');
-- Lists of runs: of a post, all of them, those of a state and those of a rule.
create index runs_of_post on runs (provider, post, started_at);
create index runs_newest on runs (started_at desc, id);
create index runs_by_state on runs (state, started_at desc, id);
create index runs_of_rule on runs (rule, started_at desc, id);
-- STARTS of tracker/store/reactions/runs.py.
create index runs_starting on runs (rule, starts_at desc) where starts_at is not null;

-- A move is written by the statement that writes its run, and removed with it: see action_attempts.
create table run_moves (
  run    uuid not null,
  number integer not null,
  at     timestamptz not null,
  said   text not null,
  primary key (run, number)
);

-- Every wait is a row, so that none is forgotten when a process ends.
create table timers (
  rule     text not null,
  key      text not null,
  kind     text not null,
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
-- TAKE_DUE of tracker/store/reactions/timers.py.
create index timers_due on timers (bucket, due_at);
-- PENDING of tracker/queries/post_views.py, and the timers of a run.
create index timers_of_post on timers (provider, post);
create index timers_of_run on timers (run) where run is not null;
"""

ACTIONS = """
-- The id follows from the idempotency key, so that an index of the keys would refuse nothing that the id does not.
create table actions (
  id              uuid primary key,
  idempotency_key text not null,
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
                  check (state in ('pending', 'claimed', 'done', 'dead', 'unknown', 'discarded', 'shadow', 'hidden')),
  reason          text,
  due_at          timestamptz not null,
  attempts        integer not null default 0,
  lease           bigint not null default 0,
  owner           text,
  leased_until    timestamptz,
  created_at      timestamptz not null,
  finished_at     timestamptz,
  group_key       text,
  hidden_by       text,
  redelivers      uuid
);
-- CLAIM. By target, so that what waits for a full one is not read on the way to the others.
create index actions_waiting on actions (verb, target, due_at, id) where state = 'pending';
create unique index actions_one_change_of_a_post on actions (provider, post)
 where verb in ('retry', 'cancel', 'reschedule', 'delete', 'create') and state = 'claimed';
-- PUBLISHING, OPEN_OF_POST, the history of a post, and what a run asked for, which is about its post: ACTIONS of
-- tracker/queries/why.py, `newest_actions` of tracker/queries/runs.py.
create index actions_of_post on actions (provider, post, created_at);
-- Lists of actions, which stand in one order within each state: `list_actions`, `oldest_chosen`, SINCE of
-- tracker/queries/events.py; and RESCUE, for what is claimed is little.
create index actions_by_state on actions (state, created_at, id desc);
-- What a silence or a rule that mutes has hidden: HIDDEN and NEWEST_HIDDEN of tracker/queries/silences.py.
create index actions_hidden on actions (hidden_by, created_at) where hidden_by is not null;
-- CLAIM and ABSORB: what travels together, and what is said of one alert in its order.
create index actions_of_group on actions (group_key, due_at, id)
 where state = 'pending' and attempts = 0 and group_key is not null;
create index actions_of_alert on actions (target, (payload ->> 'key'))
 where verb = 'alert' and state in ('pending', 'claimed');

-- An attempt is written by the statement that claims its action, and removed before it: a foreign key would have each
-- looked up once more, and refuse nothing.
create table action_attempts (
  action      uuid not null,
  attempt     integer not null,
  lease       bigint not null,
  started_at  timestamptz not null,
  finished_at timestamptz,
  outcome     text check (outcome in ('done', 'retry', 'discard', 'unknown', 'lost')),
  reason      text,
  request     json,
  response    json,
  latency_ms  integer,
  primary key (action, attempt)
);

-- A resolution is to find the thread of its alert.
create table alert_messages (
  channel   text not null,
  key       text not null,
  reference jsonb not null,
  sent_at   timestamptz not null,
  primary key (channel, key)
);
create index alert_messages_sent on alert_messages (sent_at);

create table plans (
  id          uuid primary key,
  state       text not null default 'running' check (state in ('running', 'paused', 'done', 'cancelled')),
  subject     text not null check (subject in ('posts', 'actions')),
  verb        text not null,
  filters     jsonb not null,
  include_all boolean not null,
  until       timestamptz,
  pace        text not null,
  note        text not null,
  by          text not null,
  created_at  timestamptz not null,
  changed_at  timestamptz not null,
  next_at     timestamptz not null,
  total       integer not null,
  place       integer not null default 0,
  ordered     integer not null default 0,
  skipped     jsonb not null default '{}'
);
create index plans_newest on plans (created_at desc, id);
create index plans_due on plans (next_at, id) where state = 'running';

-- What a plan is about is settled when it is made. Those up to the place of the plan have had their turn.
create table plan_items (
  plan     uuid not null references plans (id) on delete cascade,
  number   integer not null,
  provider text,
  post     text,
  action   uuid,
  again    uuid,
  primary key (plan, number)
);
"""

PROVIDERS = """
-- What all processes know together about calls of a provider, so that they keep its limits as one. Each call updates
-- the row, and the room that its page has left takes the new version.
create table provider_standings (
  provider      text not null primary key,
  at            timestamptz not null,
  windows       jsonb not null,
  put_off_until timestamptz,
  failures      integer not null,
  openings      integer not null,
  open_until    timestamptz,
  trial         bigint not null,
  trial_until   timestamptz,
  credits       bigint,
  credits_at    timestamptz,
  skew          double precision,
  answered_at   timestamptz,
  failed_at     timestamptz,
  failure       text
) with (fillfactor = 50);

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
  conflicts    integer not null default 0,
  owner        text
);
create index reconciliations_newest on reconciliations (wanted_at desc, id);
create index reconciliations_open on reconciliations (provider, job, wanted_at) where state <> 'done';
create index reconciliations_of_provider on reconciliations (provider, wanted_at desc);

-- A post about which asking brings nothing new is asked about less and less often.
create table questions (
  provider text not null,
  post     text not null,
  times    integer not null,
  next_at  timestamptz not null,
  primary key (provider, post)
);
create index questions_old on questions (next_at);

-- A webhook that was only late takes its finding off the count of what was missed.
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

-- A provider's own rhythm is the measure of its silence.
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

-- What the payloads of each event usually look like, how far the log was read for that, and what has drifted.
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

ACCESS = """
-- Of keys and of tokens only the hash is kept: who reads this can sign in nowhere.
create table api_keys (
  id         text primary key,
  name       text not null,
  scopes     text[] not null,
  hash       bytea not null unique,
  created_at timestamptz not null,
  revoked_at timestamptz
);

create table sessions (
  hash       bytea primary key,
  key        text not null references api_keys (id),
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index sessions_expired on sessions (expires_at);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for subject in (LOG, PROTECTION, QUARANTINE, READERS, POSTS, RULES, RUNS, ACTIONS, PROVIDERS, ACCESS):
        op.script(subject)
