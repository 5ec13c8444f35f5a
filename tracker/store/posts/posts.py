"""Posts and changes as the fold reads and writes them: each function is one statement for a whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import LoggedEvent, bucket_of
from tracker.domain.posts.post import Post
from tracker.store.session import Part, columns_of, fetch_at_once, write_at_once
from tracker.store.wakeups import CHANGES
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date

    from tracker.domain.posts.change import Change
    from tracker.store.checkpoints.snapshot import Checkpoint
    from tracker.store.database import Connection, Row


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post as the projection keeps it, with the log days between which its facts stand."""

    post: Post
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Standing:
    """A projection, the newest epoch of the log, and those of some posts that the projection knows."""

    version: int
    epoch: int
    posts: dict[Key, StoredPost]


CURRENT_PROJECTION = "select version from projections where current"

KEPT = """
v.version, (select max(epoch) from log_epochs) as epoch, p.first_day, p.last_day, p.fold::text
  from (select coalesce($1::smallint, (select version from projections where current)) as version) v
  left join lateral (
       select p.*
         from unnest($2::text[], $3::text[]) as wanted (provider, post)
        cross join lateral (select first_day, last_day, fold from posts
                             where projection = v.version and (provider, post) >= (wanted.provider, wanted.post)
                               and (provider, post) <= (wanted.provider, wanted.post)
                             order by provider, post limit 1) p) p on true
"""
STANDING = f"select {KEPT}"
STANDING_ONCE_MOVED = f"select {KEPT} cross join moved"
"""The order keeps it one look for each into the index of the keys, also in a plan made when there were few posts."""

BASELINES = """
select b.provider, b.post, b.through, b.fold::text
  from unnest($1::text[], $2::text[]) as wanted (provider, post)
 cross join lateral (select * from baselines where provider = wanted.provider and post = wanted.post limit 1) b
"""

EARLIER_EVENTS = """
select e.*
  from unnest($1::text[], $2::text[]) as wanted (provider, post)
 cross join lateral (
       select position, day, bucket, source, provider, kind, post, part, occurred_at, received_at, body_hash, body
         from events
        where provider = wanted.provider and post = wanted.post and day >= $3
          and (epoch < $4 or epoch = $4 and pg_visible_in_snapshot(xid, $5))
        order by position) e
 where not exists (select from parked where subscription = $6 and item = e.position)
"""

SAVE = """
insert into posts select * from unnest($1::posts[])
    on conflict (projection, provider, post) do update
   set state = excluded.state, attempt = excluded.attempt, version = excluded.version,
       platforms = excluded.platforms, accounts = excluded.accounts, entered_at = excluded.entered_at,
       scheduled_at = excluded.scheduled_at, published_at = excluded.published_at, failed_at = excluded.failed_at,
       last_event_at = excluded.last_event_at, first_day = excluded.first_day, last_day = excluded.last_day,
       fold = excluded.fold, attributes = excluded.attributes
"""

CHANGE_COLUMNS = (
    "projection", "live", "epoch", "bucket", "provider", "post", "cause", "event", "kind", "before", "after",
    "attempt", "occurred_at", "received_at", "source", "fact", "moves", "notes", "context", "detail",
)  # fmt: skip

INSERT_CHANGES = f"""
insert into changes ({", ".join(CHANGE_COLUMNS)})
select * from unnest($1::smallint[], $2::boolean[], $3::integer[], $4::smallint[], $5::text[], $6::text[],
                     $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::integer[],
                     $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::json[], $18::json[],
                     $19::json[], $20::json[])
"""

FACTS_OF_AN_EVENT = 8
"""So many changes of one event have numbers in the order of the log."""


async def current_projection(conn: Connection) -> int:
    """The version of the projection that people read and that rules react to."""
    version: int = await conn.fetchval(CURRENT_PROJECTION)
    return version


async def standing(conn: Connection, projection: int | None, keys: Collection[Key]) -> Standing:
    """The posts with these keys (provider, id) that the projection knows; None: the one that people read."""
    return _standing(await conn.fetch(STANDING, projection, *columns_of(keys, 2)))


async def standing_once_moved(conn: Connection, moving: Part, keys: Collection[Key]) -> Standing:
    """The posts that people read as they stand once a place is moved, whose next step is in `moved`."""
    return _standing(await fetch_at_once(conn, [moving], STANDING_ONCE_MOVED, None, *columns_of(keys, 2)))


def _standing(rows: Sequence[Row]) -> Standing:
    kept = [
        StoredPost(msgspec.json.decode(row["fold"], type=Post), row["first_day"], row["last_day"])
        for row in rows
        if row["fold"]
    ]
    known = {(k.post.provider, k.post.id): k for k in kept}
    return Standing(rows[0]["version"], rows[0]["epoch"], known)


async def load(conn: Connection, keys: Collection[Key]) -> dict[Key, StoredPost]:
    """The posts with these keys (provider, id), by their keys, in the projection that people read."""
    return (await standing(conn, None, keys)).posts


async def baselines(conn: Connection, keys: Collection[Key]) -> dict[Key, Post]:
    """For each post the fold of its facts that the log no longer keeps; a post without such facts is left out."""
    return {key: post for key, (post, _) in (await dated_baselines(conn, keys)).items()}


async def dated_baselines(conn: Connection, keys: Collection[Key]) -> dict[Key, tuple[Post, date]]:
    """The baselines of these posts, each with the last day of the log that it stands for."""
    rows = await conn.fetch(BASELINES, *columns_of(keys, 2))
    found = [(msgspec.json.decode(row["fold"], type=Post), row["through"]) for row in rows]
    return {(post.provider, post.id): (post, through) for post, through in found}


async def earlier_events(
    conn: Connection, keys: Collection[Key], from_day: date, seen: Checkpoint, subscription: str
) -> list[LoggedEvent]:
    """The events of these posts that `seen` sees, without those that are parked."""
    rows = await conn.fetch(EARLIER_EVENTS, *columns_of(keys, 2), from_day, seen.epoch, seen.raw, subscription)
    return [logged(row) for row in rows]


def logged(row: Row) -> LoggedEvent:
    """A row of `events` as a value."""
    return LoggedEvent(
        row["position"], row["bucket"], row["source"], row["provider"], row["kind"], row["post"], row["part"],
        row["occurred_at"], row["received_at"], row["body_hash"], row["body"],
    )  # fmt: skip


async def save(conn: Connection, projection: int, posts: Iterable[StoredPost]) -> None:
    """Write the posts as they are now."""
    await write_at_once(conn, [saving(projection, posts)])


def saving(projection: int, posts: Iterable[StoredPost]) -> Part:
    """The posts as they are now; every column but the days follows from the fold."""
    rows = [row_of_post(projection, kept) for kept in posts]
    rows.sort(key=itemgetter(1, 2))
    return Part((("saved_posts", SAVE),), [rows])


def row_of_post(projection: int, kept: StoredPost) -> tuple[object, ...]:
    """All columns of `posts`, in their order."""
    post = kept.post
    targets, attributes = post.targets.values(), sorted(post.attributes.items())
    return (
        projection, post.provider, post.id, bucket_of(post.provider, post.id), post.state, post.attempt, post.version,
        sorted({target.platform for target in targets}),
        sorted({target.account for target in targets if target.account is not None}),
        post.entered_at, post.scheduled_at, post.published_at, post.failed_at, post.last_event_at,
        kept.first_day, kept.last_day, post, [f"{name}:{text}" for name, text in attributes],
    )  # fmt: skip


async def record_changes(
    conn: Connection,
    projection: int,
    live: bool,
    changes: Sequence[Change],
    epoch: int,
    first_number: int | None = None,
) -> None:
    """Keep the changes; only live ones are told to those who listen."""
    await copy_changes(conn, "changes", projection, live, changes, epoch, first_number)
    if live:
        wake_after_commit(conn, CHANGES)


def recording(conn: Connection, projection: int, changes: Sequence[Change], epoch: int) -> Part:
    """A few changes, as `record_changes` keeps them."""
    wake_after_commit(conn, CHANGES)
    rows = [row_of_change(projection, True, epoch, change) for change in changes]
    return Part((("recorded_changes", INSERT_CHANGES),), columns_of(rows, len(CHANGE_COLUMNS)))


async def copy_changes(
    conn: Connection,
    table: str,
    projection: int,
    live: bool,
    changes: Sequence[Change],
    epoch: int,
    first_number: int | None,
) -> None:
    """Add changes to the table, numbered as they come, or from `first_number` on in the order of the log."""
    rows: Iterable[tuple[object, ...]] = (row_of_change(projection, live, epoch, change) for change in changes)
    columns: tuple[str, ...] = CHANGE_COLUMNS
    if first_number is not None:
        rows, columns = map(_with_number, _numbers(first_number, changes), rows), ("id", *CHANGE_COLUMNS)
    await conn.copy_records_to_table(table, records=rows, columns=columns)


def row_of_change(projection: int, live: bool, epoch: int, change: Change) -> tuple[object, ...]:
    """The values of CHANGE_COLUMNS for a change."""
    c = change
    return (
        projection, live, epoch, bucket_of(c.provider, c.post), c.provider, c.post, c.cause, c.event, c.kind, c.before,
        c.after, c.attempt, c.occurred_at, c.received_at, c.source, c.fact, c.moves, c.notes, c.context,
        c.detail,
    )  # fmt: skip


def _with_number(number: int, row: tuple[object, ...]) -> tuple[object, ...]:
    return (number, *row)


def _numbers(first: int, changes: Iterable[Change]) -> Iterator[int]:
    """One for each; those of one event stand side by side."""
    cause, nth = -1, 0
    for change in changes:
        nth = nth + 1 if change.cause == cause else 0
        cause = change.cause
        if nth == FACTS_OF_AN_EVENT:
            raise ValueError(f"event {cause} says more than {nth} things")
        yield first + cause * FACTS_OF_AN_EVENT + nth
