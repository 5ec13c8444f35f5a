"""The log's days: made ahead, sealed when they are over, and dropped when they are kept no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.post import Post
from tracker.store.posts.posts import logged
from tracker.store.session import columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from tracker.domain.posts.event import LoggedEvent
    from tracker.store.database import Connection

WAIT_BRIEFLY = "set local lock_timeout = '2s'"

OPEN_DAYS_BEFORE = "select day from log_days where sealed_by is null and day < $1 order by day"

SEAL = "select seal_log_day($1)"

DROPPABLE_DAYS_BEFORE = """
select day from log_days d
 where day < $1 and sealed_by is not null
   and not exists (select from subscriptions s
                    where s.name = 'processor'
                      and (s.epoch < d.sealed_in
                           or s.epoch = d.sealed_in and not pg_visible_in_snapshot(d.sealed_by, s.snapshot)))
   and not exists (select from parked p join events e on e.position = p.item
                    where p.subscription = 'processor' and e.day = d.day)
 order by day
"""

POSTS_OF_DAY = """
select distinct provider, post from events
 where day = $1 and post is not null and (provider, post) > ($2, $3)
 order by provider, post
 limit $4
"""

POSTS_THAT_ENDED_BY = """
select p.provider, p.post, p.fold::text
  from unnest($2::text[], $3::text[]) as wanted (provider, post)
  join posts p on p.projection = (select version from projections where current)
              and p.provider = wanted.provider and p.post = wanted.post
 where p.last_day <= $1
"""

EVENTS_OF_DAY = """
select e.* from unnest($2::text[], $3::text[]) as wanted (provider, post)
  join events e on e.day = $1 and e.provider = wanted.provider and e.post = wanted.post
 order by e.position
"""

SAVE_BASELINES = """
insert into baselines (provider, post, through, fold)
select provider, post, $1, fold from unnest($2::text[], $3::text[], $4::json[]) as t (provider, post, fold)
on conflict (provider, post) do update set through = excluded.through, fold = excluded.fold
"""

DROP = "select drop_log_day($1)"

PRUNE_REPEATS = "delete from repeats where received_at < $1"

PRUNE_QUARANTINE = "delete from quarantine where authentic and coalesce(last_at, received_at) < $1"

PRUNE_ACTIONS = """
with old as (
  delete from action_attempts t using actions a
   where t.action = a.id and a.finished_at < $1 and a.state in ('done', 'dead', 'discarded')
)
delete from actions
 where finished_at < $1 and state in ('done', 'dead', 'discarded')
    or created_at < $1 and state in ('shadow', 'hidden')
"""

PRUNE_ALERT_MESSAGES = "delete from alert_messages where sent_at < $1"

PRUNE_RUNS = """
with old as (delete from runs where state not in ('active', 'queued') and updated_at < $1 returning id)
delete from run_moves m using old where m.run = old.id
"""


async def wait_briefly(conn: Connection) -> None:
    """Have this transaction fail soon when somebody holds a lock that it needs."""
    await conn.execute(WAIT_BRIEFLY)


async def open_days_before(conn: Connection, day: date) -> list[date]:
    """The days before `day` that still take events."""
    return [row["day"] for row in await conn.fetch(OPEN_DAYS_BEFORE, day)]


async def seal(conn: Connection, day: date) -> None:
    """Close the day: no event enters it any more."""
    await conn.execute(SEAL, day)


async def droppable_days_before(conn: Connection, day: date) -> list[date]:
    """The sealed days before `day` that every processor has read to the end and that hold nothing parked."""
    return [row["day"] for row in await conn.fetch(DROPPABLE_DAYS_BEFORE, day)]


async def posts_of_day(conn: Connection, day: date, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
    """The next page of posts that have events in the day."""
    return [(row["provider"], row["post"]) for row in await conn.fetch(POSTS_OF_DAY, day, *after, limit)]


async def posts_that_ended_by(conn: Connection, day: date, keys: Sequence[tuple[str, str]]) -> list[Post]:
    """The posts among these that have no event after the day, as they are."""
    rows = await conn.fetch(POSTS_THAT_ENDED_BY, day, *columns_of(keys, 2))
    return [msgspec.json.decode(row["fold"], type=Post) for row in rows]


async def events_of_day(conn: Connection, day: date, keys: Sequence[tuple[str, str]]) -> list[LoggedEvent]:
    """The events of these posts in the day, in the order of their positions."""
    return [logged(row) for row in await conn.fetch(EVENTS_OF_DAY, day, *columns_of(keys, 2))]


async def save_baselines(conn: Connection, day: date, posts: Sequence[Post]) -> None:
    """Keep the posts as what stands from now on for their events up to the day."""
    columns = columns_of([(post.provider, post.id) for post in posts], 2)
    await conn.execute(SAVE_BASELINES, day, *columns, list(posts))


async def drop(conn: Connection, day: date) -> None:
    """Forget the day's events, and what they moved; which deliveries were seen is not forgotten."""
    await conn.execute(DROP, day)


async def prune_repeats(conn: Connection, before: datetime) -> None:
    """Forget which deliveries came again before that moment."""
    await conn.execute(PRUNE_REPEATS, before)


async def prune_quarantine(conn: Connection, before: datetime) -> None:
    """Forget authentic but unusable deliveries that came last before that moment."""
    await conn.execute(PRUNE_QUARANTINE, before)


async def prune_actions(conn: Connection, before: datetime) -> None:
    """Forget actions, with their attempts, and runs that ended before that moment; firings are never forgotten."""
    await conn.execute(PRUNE_ACTIONS, before)
    await conn.execute(PRUNE_ALERT_MESSAGES, before)
    await conn.execute(PRUNE_RUNS, before)
