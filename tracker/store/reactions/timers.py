"""Timers in Postgres: every wait is a row, so that none is lost by a restart or a reload."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from tracker.domain.posts.event import bucket_of
from tracker.domain.rules.decision import Timer
from tracker.store.session import Part, columns_of, write_at_once

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.store.database import Connection, Row

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class StoredTimer:
    """A timer, and the run that it belongs to where it is a run's own."""

    timer: Timer
    run: UUID | None = None


SET = """
insert into timers (rule, key, kind, bucket, due_at, meaning, cause, run, provider, post, target, data)
select * from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::text[], $7::text[],
                     $8::uuid[], $9::text[], $10::text[], $11::text[], $12::jsonb[])
    on conflict (rule, key, kind) do update
   set bucket = excluded.bucket, due_at = excluded.due_at, meaning = excluded.meaning, cause = excluded.cause,
       run = excluded.run, post = excluded.post, target = excluded.target, data = excluded.data
 where timers.kind <> 'silence' or timers.meaning <> excluded.meaning or timers.due_at < excluded.due_at
"""
"""Of silences the one that began last stands, whichever share of the log tells of it first."""

REMOVE = """
delete from timers t using unnest($1::text[], $2::text[], $3::text[]) as gone (rule, key, kind)
 where t.rule = gone.rule and t.key = gone.key and t.kind = gone.kind
"""

HOLD = "for update"

DUE = f"""
select t.*
  from unnest($1::smallint[]) as held (bucket)
 cross join lateral (select * from timers where bucket = held.bucket and due_at <= $2
                        and (due_at <= $4 or rule <> all ($5::text[]))
                      order by due_at limit $3 {HOLD}) t
 order by t.due_at
 limit $3
"""

NEXT_DUE = """
select min(t.due_at)
  from unnest($1::smallint[]) as held (bucket)
 cross join lateral (select due_at from timers where bucket = held.bucket order by due_at limit 1) t
"""

REVISIONS = "select rule, revision, noted_at from armed_rules"

THERE_SINCE = "select rule, there_since from armed_rules"

NOTE_REVISION = """
insert into armed_rules (rule, revision, noted_at, there_since) values ($1, $2, $3, $3)
    on conflict (rule) do update set revision = excluded.revision, noted_at = excluded.noted_at
"""

FORGET_REVISIONS = "delete from armed_rules where rule = any($1::text[])"

DROP_STALE = "delete from timers where rule = $1 and meaning <> $2 and run is null returning key"

HOLD_REVISIONS = "select pg_advisory_xact_lock(hashtext('tracker.arming'))"

POSTS_IN = """
select fold::text from posts
 where projection = (select version from projections where current) and (provider, post) > ($1, $2)
   and state = any ($4::text[])
 order by provider, post
 limit $3
"""


async def hold_revisions(conn: Connection) -> None:
    """Lock the revisions: nobody else arms rules until this transaction is over."""
    await conn.execute(HOLD_REVISIONS)


async def set_all(conn: Connection, timers: Collection[StoredTimer]) -> None:
    """Set the timers, each in place of the one that stands under its rule, key and kind."""
    await write_at_once(conn, setting(timers))


def setting(timers: Collection[StoredTimer]) -> list[Part]:
    """The timers, each set in place of the one that stands under its rule, key and kind."""
    rows = [
        (t.rule, t.key, t.kind, bucket_of(t.provider, t.post), t.due_at, t.meaning, t.cause, kept.run, t.provider,
         t.post, t.target, t.data)
        for kept in timers
        for t in [kept.timer]
    ]  # fmt: skip
    return [Part((("set_timers", SET),), columns_of(rows, 12))] if rows else []


def removing(keys: Collection[Key]) -> list[Part]:
    """Takes away the timers under these (rule, key, kind), where they are there."""
    return [Part((("removed_timers", REMOVE),), columns_of(keys, 3))] if keys else []


@dataclass(frozen=True, slots=True)
class Ripe:
    """Which timers are due: of these buckets those up to `now`, but of the rules `shared` those up to `sure`."""

    buckets: Sequence[int]
    now: datetime
    sure: datetime
    shared: Sequence[str] = ()


async def due(conn: Connection, ripe: Ripe, limit: int, *, held: bool = True) -> list[StoredTimer]:
    """The timers that are due, earliest first, `held` for this transaction."""
    query = DUE if held else DUE.replace(HOLD, "")
    rows = await conn.fetch(query, ripe.buckets, ripe.now, limit, ripe.sure, ripe.shared)
    # Of those that are due at one moment, the first may do something for the others.
    return [_kept(row) for row in sorted(rows, key=itemgetter("due_at", "rule", "key", "kind"))]


async def next_due(conn: Connection, buckets: Sequence[int]) -> datetime | None:
    """When the next timer of these buckets is due; None: there is none."""
    at: datetime | None = await conn.fetchval(NEXT_DUE, buckets)
    return at


async def armed_revisions(conn: Connection) -> dict[str, tuple[str, datetime]]:
    """For each rule the revision for which the posts that were there have been looked at, and when that was."""
    return {row["rule"]: (row["revision"], row["noted_at"]) for row in await conn.fetch(REVISIONS)}


async def there_since(conn: Connection) -> dict[str, datetime]:
    """Since when each rule has been in force without a break, whatever it meant meanwhile."""
    return {row["rule"]: row["there_since"] for row in await conn.fetch(THERE_SINCE)}


async def note_revision(conn: Connection, rule: str, revision: str, now: datetime) -> None:
    """Note that the posts have been looked at for this revision of the rule."""
    await conn.execute(NOTE_REVISION, rule, revision, now)


async def forget_revisions(conn: Connection, rules: Collection[str]) -> None:
    """Forget these rules' revisions: when the rules are in force again, the posts are looked at anew."""
    if rules:
        await conn.execute(FORGET_REVISIONS, list(rules))


async def drop_stale(conn: Connection, rule: str, revision: str) -> int:
    """Take away the rule's timers that an earlier revision has set, and answer how many these were."""
    return len(await conn.fetch(DROP_STALE, rule, revision))


async def posts_in(conn: Connection, states: Collection[str], after: tuple[str, str], limit: int) -> Sequence[str]:
    """The next page of posts in these states, as JSON."""
    return [row["fold"] for row in await conn.fetch(POSTS_IN, *after, limit, list(states))]


def _kept(row: Row) -> StoredTimer:
    timer = Timer(
        row["rule"], row["key"], row["kind"], row["due_at"], row["meaning"], row["cause"], row["provider"], row["post"],
        row["target"], row["data"],
    )  # fmt: skip
    return StoredTimer(timer, row["run"])
