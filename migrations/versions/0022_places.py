"""Buckets that stand together have one place, which is not written over but written anew.

A row that is updated at each step leaves a version behind that nobody may remove while some transaction stays open,
and all of them are passed at the next step. The newest place is the first that an index of steps finds.
"""

from alembic import op

revision = "0022"
down_revision = "0021"

PLACES = """
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

create table places (
  name         text not null,
  share        smallint not null,
  step         bigint not null,
  epoch        integer not null,
  snapshot     pg_snapshot not null,
  caught_up_at timestamptz,
  primary key (name, share, step)
);

insert into shares (name, share, buckets, lease)
select name, bucket, array[bucket], lease from subscriptions;

insert into places (name, share, step, epoch, snapshot, caught_up_at)
select name, bucket, 1, epoch, snapshot, caught_up_at from subscriptions;

drop table subscriptions;

create view subscriptions as
select s.name, b.bucket, p.epoch, p.snapshot, p.caught_up_at, s.lease, s.owner, s.leased_until, s.heartbeat_at
  from shares s
 cross join lateral (select epoch, snapshot, caught_up_at from places
                      where name = s.name and share = s.share
                      order by step desc limit 1) p
 cross join unnest(s.buckets) as b (bucket);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(PLACES)
