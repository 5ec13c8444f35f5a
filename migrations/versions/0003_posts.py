"""Posts and changes: what the log says, projected, one list partition for each version of the projection."""

from alembic import op

revision = "0003"
down_revision = "0002"

POSTS = """
create table projections (
  version    smallint primary key,
  current    boolean not null default false,
  created_at timestamptz not null default now()
);
create unique index projections_current on projections (current) where current;

create table posts (
  projection   smallint not null,
  provider     text not null,
  post         text not null,
  bucket       smallint not null,
  state        text not null,
  attempt      integer not null,
  version      integer not null,
  platforms    text[] not null,
  accounts     text[] not null,
  entered_at   timestamptz,
  scheduled_at timestamptz,
  published_at timestamptz,
  failed_at    timestamptz,
  last_event_at timestamptz,
  first_day    date not null,
  last_day     date not null,
  fold         jsonb not null,
  primary key (projection, provider, post)
) partition by list (projection);
create index posts_newest on posts (projection, last_event_at desc, provider, post);
create index posts_by_state on posts (projection, state, last_event_at desc, provider, post);
create index posts_by_id on posts (projection, post);

create sequence changes_id_seq;

create table changes (
  projection  smallint not null,
  id          bigint not null default nextval('changes_id_seq'),
  epoch       integer not null,
  xid         xid8 not null default pg_current_xact_id(),
  bucket      smallint not null,
  live        boolean not null,
  provider    text not null,
  post        text,
  cause       bigint not null,
  event       text not null,
  kind        text not null,
  before      text,
  after       text,
  attempt     integer not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  source      text not null,
  fact        text not null,
  moves       jsonb not null,
  notes       jsonb not null,
  context     jsonb,
  detail      jsonb,
  primary key (projection, id)
) partition by list (projection);
create index changes_unread on changes (epoch, xid, id) where live;
create index changes_of_post on changes (projection, provider, post, id);

create function ensure_projection(wanted smallint) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtext('tracker.projections'));
  if exists (select from projections where version = wanted) then return; end if;
  execute format('create table %I partition of posts for values in (%L)', 'posts_v' || wanted, wanted);
  execute format('create table %I partition of changes for values in (%L)', 'changes_v' || wanted, wanted);
  insert into projections (version) values (wanted);
end $$;

create function drop_projection(unwanted smallint) returns void language plpgsql as $$
begin
  if exists (select from projections where version = unwanted and current) then
    raise exception 'projection % is in use', unwanted using errcode = 'restrict_violation';
  end if;
  execute format('drop table if exists %I', 'posts_v' || unwanted);
  execute format('drop table if exists %I', 'changes_v' || unwanted);
  delete from projections where version = unwanted;
end $$;

select ensure_projection(1::smallint);
update projections set current = true where version = 1;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(POSTS)
