"""Posts, accounts, and what moved, as the fold reads and writes them: each function serves a whole batch.

What is said of an account joins what is known of it, whoever else has something to say meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.accounts import Account, merged
from tracker.domain.posts.event import LoggedEvent, bucket_of
from tracker.domain.posts.post import Post
from tracker.store.session import Part, columns_of, fetch_at_once, require_transaction, write_at_once

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from tracker.domain.posts.change import Change
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
    """A projection, and those of some posts that it knows."""

    version: int
    posts: dict[Key, StoredPost]


CURRENT_PROJECTION = "select version from projections where current"

KEPT = """
v.version, p.first_day, p.last_day, p.fold::text
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

SAVE = """
insert into posts select * from unnest($1::posts[])
    on conflict (projection, provider, post) do update
   set state = excluded.state, attempt = excluded.attempt, version = excluded.version,
       platforms = excluded.platforms, accounts = excluded.accounts, entered_at = excluded.entered_at,
       scheduled_at = excluded.scheduled_at, published_at = excluded.published_at, failed_at = excluded.failed_at,
       last_event_at = excluded.last_event_at, first_day = excluded.first_day, last_day = excluded.last_day,
       fold = excluded.fold, terms = excluded.terms
"""


KEEP = "insert into transitions select * from unnest($1::transitions[])"
FEW = 200
"""More rows are copied, which costs less for each of them."""


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
    return Standing(rows[0]["version"], known)


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
    targets = post.targets.values()
    return (
        projection, post.provider, post.id, bucket_of(post.provider, post.id), post.state, post.attempt, post.version,
        sorted({target.platform for target in targets}),
        sorted({target.account for target in targets if target.account is not None}),
        post.entered_at, post.scheduled_at, post.published_at, post.failed_at, post.last_event_at,
        kept.first_day, kept.last_day, post, post.terms,
    )  # fmt: skip


async def keeping(conn: Connection, projection: int, changes: Iterable[Change]) -> list[Part]:
    """Keep what moved by these changes; a few rows, and all without a transaction, are left to be written with more."""
    rows = rows_of_moves(projection, changes)
    if len(rows) > FEW and conn.is_in_transaction():
        await conn.copy_records_to_table("transitions", records=rows)
        return []
    return [Part((("kept_transitions", KEEP),), [rows])] if rows else []


def rows_of_moves(projection: int, changes: Iterable[Change]) -> list[tuple[object, ...]]:
    """All columns of `transitions`, in their order, for each move."""
    return [
        (
            change.cause, change.received_at, move.occurred_at, move.attempt, projection, move.superseded, move.again,
            change.provider, change.post, move.target, move.before, move.after,
            move.problem.code if move.problem else None,
        )
        for change in changes
        for move in change.moves
    ]  # fmt: skip


KnownAccounts = dict[Key, Account]

KEPT_FOR_GOOD = 0
"""The number under which accounts stand for what the log no longer keeps: no projection has it."""

LOAD_ACCOUNTS = """
select a.fold::text
  from accounts a join unnest($2::text[], $3::text[]) as wanted (provider, account)
    on a.provider = wanted.provider and a.account = wanted.account
 where a.projection = $1
"""

ALL_ACCOUNTS = "select fold::text from accounts where projection = $1"

TAKE_TURN_AT_ACCOUNTS = "select pg_advisory_xact_lock(hashtext('tracker.accounts'), $1)"

SAVE_ACCOUNTS = """
insert into accounts select * from unnest($1::accounts[])
    on conflict (projection, provider, account) do update
   set platform = excluded.platform, name = excluded.name, state = excluded.state, since = excluded.since,
       last_event = excluded.last_event, last_event_at = excluded.last_event_at, fold = excluded.fold
"""

KEEP_ACCOUNTS_FOR_GOOD = """
insert into accounts
select $1, provider, account, platform, name, state, since, last_event, last_event_at, fold from accounts
 where projection = (select version from projections where current)
    on conflict (projection, provider, account) do update
   set platform = excluded.platform, name = excluded.name, state = excluded.state, since = excluded.since,
       last_event = excluded.last_event, last_event_at = excluded.last_event_at, fold = excluded.fold
"""

FORGET_ACCOUNTS = """
delete from accounts where projection <> $1 and projection not in (select version from projections)
"""

_account_decoder = msgspec.json.Decoder(Account)


async def learn_accounts(conn: Connection, projection: int, said: Mapping[Key, Account]) -> KnownAccounts:
    """Add what is said, and answer what was known before; whoever has news takes a turn, so that none are lost."""
    before = await _load_accounts(conn, projection, said) if said else {}
    if not _news_of_accounts(before, said):
        return before
    require_transaction(conn)
    await conn.execute(TAKE_TURN_AT_ACCOUNTS, projection)
    if news := _news_of_accounts(await _load_accounts(conn, projection, said), said):
        in_order = sorted(news, key=attrgetter("provider", "id"))
        await conn.execute(SAVE_ACCOUNTS, [_row_of_account(projection, account) for account in in_order])
    return before


async def would_name_account(conn: Connection, projection: int, said: Mapping[Key, Account]) -> bool:
    """Whether one of them gets a name that is not known of it yet."""
    named = {key: one for key, one in said.items() if one.name}
    known = await _load_accounts(conn, projection, named) if named else {}
    return any(key not in known or merged(known[key], one).name != known[key].name for key, one in named.items())


async def seed_accounts(conn: Connection, projection: int) -> None:
    """Begin a projection with what stands for the part of the log that is no longer kept."""
    rows = await conn.fetch(ALL_ACCOUNTS, KEPT_FOR_GOOD)
    found = [_account_decoder.decode(row["fold"]) for row in rows]
    await learn_accounts(conn, projection, {(one.provider, one.id): one for one in found})


async def keep_accounts_for_good(conn: Connection) -> None:
    """Let the accounts as they are stand for what the log is about to lose."""
    await conn.execute(KEEP_ACCOUNTS_FOR_GOOD, KEPT_FOR_GOOD)


async def forget_left_over_accounts(conn: Connection) -> None:
    """Remove those of projections that are no more."""
    await conn.execute(FORGET_ACCOUNTS, KEPT_FOR_GOOD)


async def _load_accounts(conn: Connection, projection: int, keys: Collection[Key]) -> KnownAccounts:
    providers, accounts = [provider for provider, _ in keys], [account for _, account in keys]
    rows = await conn.fetch(LOAD_ACCOUNTS, projection, providers, accounts)
    known = [_account_decoder.decode(row["fold"]) for row in rows]
    return {(account.provider, account.id): account for account in known}


def _news_of_accounts(known: KnownAccounts, said: Mapping[Key, Account]) -> list[Account]:
    """The accounts that are otherwise with what is said."""
    together = ((known.get(key), merged(known[key], one) if key in known else one) for key, one in said.items())
    return [after for before, after in together if after != before]


def _row_of_account(projection: int, one: Account) -> tuple[object, ...]:
    """All columns of `accounts`, in their order."""
    last = one.last_event
    return (
        projection, one.provider, one.id, one.platform, one.name, str(one.state), one.since, last and last.text,
        last and last.at, one,
    )  # fmt: skip
