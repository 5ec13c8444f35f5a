"""Versions of the projection: building one beside the current, comparing the two, and switching."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.post import FOLD_VERSION, Post
from tracker.store.database import PLANNED_FOR_ITS_VALUES
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import date

    from tracker.store.database import Connection

TAKE_REBUILD_LOCK = "select pg_try_advisory_lock(hashtext('tracker.process.rebuild'))"

BY_FOLD = """
select fold_version as fold, armed, not exists (select from deliveries) as empty from projections where current
"""

MADE_BY = "update projections set fold_version = $1 where current"

FOLLOWED = "update projections set armed = true where current"

PROGRESS = "update projections set filled = $2 where version = $1"

STANDING = """
select current.fold_version as fold, being.filled,
       exists (select from pg_locks where locktype = 'advisory' and objsubid = 1
                  and objid::bigint = hashtext('tracker.process.rebuild')::bigint & 4294967295) as busy
  from projections current
  left join lateral (select filled from projections where not current order by version desc limit 1) being on true
 where current.current
"""

LEFT_OVER = "select version from projections where not current order by version"

DROP = "select drop_projection($1)"

NEXT_VERSION = "select (max(version) + 1)::smallint from projections"

CREATE = "select begin_projection($1)"

MADE = """
update projections made set fold_version = $2, armed = current.fold_version = $2 and current.armed
  from projections current where made.version = $1 and current.current
"""

COUNT_EVENTS = "select count(*) from deliveries"

BASELINES_ALONE = """
select fold::text, through from baselines b
 where not exists (select from posts p where p.projection = $1 and p.provider = b.provider and p.post = b.post)
 order by provider, post
"""

FEWER_OR_MORE = """
select count(*) filter (where old.post is null) as only_new,
       count(*) filter (where new.post is null) as only_old,
       count(*) filter (where old.fold::text <> new.fold::text and old.fold::jsonb <> new.fold::jsonb) as different,
       count(*) as posts
  from (select * from posts where projection = $1) old
  full join (select * from posts where projection = $2) new using (provider, post)
"""

DIFFERENT_POSTS = """
select provider, post, old.state as before, new.state as after
  from (select * from posts where projection = $1) old
  full join (select * from posts where projection = $2) new using (provider, post)
 where old.fold::text is distinct from new.fold::text and old.fold::jsonb is distinct from new.fold::jsonb
 order by provider, post
 limit $3
"""

SWITCH_OFF = "update projections set current = false where version = $1"

SWITCH_ON = "update projections set current = true where version = $1"

FORGET_PARKED = "delete from parked where subscription = $1"

TAKE_OVER_PARKED = "update parked set subscription = $2 where subscription = $1"


@dataclass(frozen=True, slots=True)
class MadeBy:
    """The fold that has made the posts in use, whether timers follow them, and whether nothing has ever come."""

    fold: int
    armed: bool
    empty: bool


@dataclass(frozen=True, slots=True)
class Making:
    """The fold that has made the posts in use; `busy`: others are being made, and so much of the log is `filled` in."""

    fold: int
    filled: float | None
    busy: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """How many posts there are in one version or the other, and how many differ, and the first that do.

    Each of `sample` is provider, post, and its state in the old and in the new version; None: it is not there.
    """

    posts: int
    only_new: int
    only_old: int
    different: int
    sample: list[tuple[str, str, str | None, str | None]]


async def take_rebuild_lock(conn: Connection) -> bool:
    """Take the lock on rebuilding, held until the connection closes; answers whether it was free."""
    return bool(await conn.fetchval(TAKE_REBUILD_LOCK))


async def drop_left_over(conn: Connection) -> None:
    """Remove what an interrupted rebuild, or the one before the switch, left behind."""
    for row in await conn.fetch(LEFT_OVER):
        await conn.execute(DROP, row["version"])


async def create_next(conn: Connection) -> int:
    """An empty projection with the next number, which has no indexes and cannot be read before it is filled."""
    version: int = await conn.fetchval(NEXT_VERSION)
    await conn.execute(CREATE, version)
    await conn.execute(MADE, version, FOLD_VERSION)
    return version


async def made_by(conn: Connection) -> MadeBy:
    """Which fold has made the posts in use."""
    return into(MadeBy, await conn.fetchrow(BY_FOLD))


async def note_fold(conn: Connection) -> None:
    """The posts in use are what this fold makes of them."""
    await conn.execute(MADE_BY, FOLD_VERSION)


async def note_armed(conn: Connection) -> None:
    """Timers follow the posts in use."""
    await conn.execute(FOLLOWED)


async def note_progress(conn: Connection, version: int, filled: float) -> None:
    """How much of the log has been folded into a version."""
    await conn.execute(PROGRESS, version, filled)


async def making(conn: Connection) -> Making:
    """Whether posts are being made anew."""
    return into(Making, await conn.fetchrow(STANDING))


async def count_events(conn: Connection) -> int:
    """How many deliveries the log has ever taken, for a progress bar."""
    total: int = await conn.fetchval(COUNT_EVENTS)
    return total


async def baselines_alone(conn: Connection, version: int) -> AsyncIterator[tuple[Post, date]]:
    """Each post of which no fact is kept any more, and the last day that its baseline stands for."""
    async for row in conn.cursor(BASELINES_ALONE, version):
        yield msgspec.json.decode(row["fold"], type=Post), row["through"]


async def compare(conn: Connection, old: int, new: int, sample: int) -> Compared:
    """How two versions of the projection differ, with the first `sample` posts that do."""
    await conn.execute(PLANNED_FOR_ITS_VALUES)
    found = into(Compared, await conn.fetchrow(FEWER_OR_MORE, old, new), sample=[])
    if not (found.only_new or found.only_old or found.different):
        return found
    return replace(found, sample=[tuple(row) for row in await conn.fetch(DIFFERENT_POSTS, old, new, sample)])


async def switch(conn: Connection, old: int, new: int, parked_as: str, name: str) -> None:
    """Let people and rules read `new` from now on."""
    await conn.execute(SWITCH_OFF, old)
    await conn.execute(SWITCH_ON, new)
    await conn.execute(FORGET_PARKED, name)
    await conn.execute(TAKE_OVER_PARKED, parked_as, name)
