"""Accounts as projections keep them: what is said joins what is known, whoever else has something to say meanwhile."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.accounts import Account, merged
from tracker.store.session import require_transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tracker.store.database import Connection

Key = tuple[str, str]
Known = dict[Key, Account]

KEPT_FOR_GOOD = 0
"""The number under which accounts stand for what the log no longer keeps: no projection has it."""

LOAD = """
select a.fold::text
  from accounts a join unnest($2::text[], $3::text[]) as wanted (provider, account)
    on a.provider = wanted.provider and a.account = wanted.account
 where a.projection = $1
"""

ALL = "select fold::text from accounts where projection = $1"

TAKE_TURN = "select pg_advisory_xact_lock(hashtext('tracker.accounts'), $1)"

SAVE = """
insert into accounts select * from unnest($1::accounts[])
    on conflict (projection, provider, account) do update
   set platform = excluded.platform, name = excluded.name, state = excluded.state, since = excluded.since,
       last_event = excluded.last_event, last_event_at = excluded.last_event_at, fold = excluded.fold
"""

KEEP_FOR_GOOD = """
insert into accounts
select $1, provider, account, platform, name, state, since, last_event, last_event_at, fold from accounts
 where projection = (select version from projections where current)
    on conflict (projection, provider, account) do update
   set platform = excluded.platform, name = excluded.name, state = excluded.state, since = excluded.since,
       last_event = excluded.last_event, last_event_at = excluded.last_event_at, fold = excluded.fold
"""

FORGET = """
delete from accounts where projection <> $1 and projection not in (select version from projections)
"""

_decoder = msgspec.json.Decoder(Account)


async def learn(conn: Connection, projection: int, said: Mapping[Key, Account]) -> None:
    """Add what is said; whoever has something new takes a turn, so that nothing of another is lost."""
    if not said or not _news(await _load(conn, projection, said), said):
        return
    require_transaction(conn)
    await conn.execute(TAKE_TURN, projection)
    if news := _news(await _load(conn, projection, said), said):
        await conn.execute(SAVE, [_row(projection, one) for one in sorted(news, key=attrgetter("provider", "id"))])


async def would_be_named(conn: Connection, projection: int, said: Mapping[Key, Account]) -> bool:
    """Whether one of them gets a name that is not known of it yet."""
    named = {key: one for key, one in said.items() if one.name}
    known = await _load(conn, projection, named) if named else {}
    return any(key not in known or merged(known[key], one).name != known[key].name for key, one in named.items())


async def seed(conn: Connection, projection: int) -> None:
    """Begin a projection with what stands for the part of the log that is no longer kept."""
    rows = await conn.fetch(ALL, KEPT_FOR_GOOD)
    found = [_decoder.decode(row["fold"]) for row in rows]
    await learn(conn, projection, {(one.provider, one.id): one for one in found})


async def keep_for_good(conn: Connection) -> None:
    """Let the accounts as they are stand for what the log is about to lose."""
    await conn.execute(KEEP_FOR_GOOD, KEPT_FOR_GOOD)


async def forget_left_over(conn: Connection) -> None:
    """Remove those of projections that are no more."""
    await conn.execute(FORGET, KEPT_FOR_GOOD)


async def _load(conn: Connection, projection: int, keys: Collection[Key]) -> Known:
    providers, accounts = [provider for provider, _ in keys], [account for _, account in keys]
    found = [_decoder.decode(row["fold"]) for row in await conn.fetch(LOAD, projection, providers, accounts)]
    return {(one.provider, one.id): one for one in found}


def _news(known: Known, said: Mapping[Key, Account]) -> list[Account]:
    """The accounts that are otherwise with what is said."""
    together = ((known.get(key), merged(known[key], one) if key in known else one) for key, one in said.items())
    return [after for before, after in together if after != before]


def _row(projection: int, one: Account) -> tuple[object, ...]:
    """All columns of `accounts`, in their order."""
    last = one.last_event
    return (
        projection, one.provider, one.id, one.platform, one.name, str(one.state), one.since, last and last.text,
        last and last.at, one,
    )  # fmt: skip
