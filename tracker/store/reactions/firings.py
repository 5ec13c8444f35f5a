"""Firings: a change fires a rule at most once, and what became of each is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.posts.event import bucket_of
from tracker.domain.runs.firing import Firing, Outcome
from tracker.store.session import Part, write_at_once

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.rate import Rate
    from tracker.domain.runs.firing import Identity
    from tracker.store.database import Connection, Row

LOCK_SHARED_KEYS = """
select pg_advisory_xact_lock(key) from (select distinct hashtextextended(name, 0) as key from unnest($1::text[]) name
                                         order by 1) keys
"""

KNOWN = """
select f.rule, f.key, f.cause
  from unnest($1::text[], $2::text[], $3::text[]) as wanted (rule, key, cause)
 cross join lateral (select rule, key, cause from firings
                      where rule = wanted.rule and key = wanted.key and cause >= wanted.cause and cause <= wanted.cause
                      order by cause limit 1) f
"""
"""The order keeps it one look for each into the index of the keys, also in a plan made when there were few firings."""

RECENT = """
select f.*
  from unnest($1::text[], $2::text[], $3::timestamptz[]) as wanted (rule, key, since)
 cross join lateral (select * from firings
                      where rule = wanted.rule and key = wanted.key and fired_at >= wanted.since
                      order by fired_at desc limit $4) f
 order by f.number
"""

BEGAN = """unnest(array['fired', 'queued']) as began (outcome)
         cross join lateral (select fired_at from firings
                              where rule = wanted.rule and outcome = began.outcome and fired_at > wanted.since
                                and ($4::timestamptz is null or fired_at <= $4)
                              order by fired_at desc limit wanted.most) f"""
"""One look for each into the index by outcome: it alone has them in this order."""

SPENT = f"""
select wanted.rule, array(select fired_at from {BEGAN} order by fired_at desc limit wanted.most) as times
  from unnest($1::text[], $2::timestamptz[], $3::integer[]) as wanted (rule, since, most)
"""

COUNTS = f"""
select wanted.rule, (select count(*) from (select from {BEGAN} limit wanted.most) f)
  from unnest($1::text[], $2::timestamptz[], $3::integer[]) as wanted (rule, since, most)
"""

RECORD = """
insert into firings (rule, key, cause, revision, outcome, detail, provider, post, run, fired_at, occurred_at)
select *
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
              $9::uuid[], $10::timestamptz[], $11::timestamptz[])
on conflict (rule, key, cause) do nothing
returning rule, key, cause, outcome, fired_at
"""

COUNT = """
insert into rule_counts (rule, outcome, bucket, firings, last_at)
select k.rule, k.outcome, t.bucket, count(*) as firings, max(k.fired_at) as last_at
  from recorded k join unnest($1::text[], $2::text[], $3::text[], $12::smallint[]) as t (rule, key, cause, bucket)
                       using (rule, key, cause)
 group by 1, 2, 3
 order by 1, 2, 3
    on conflict (rule, outcome, bucket) do update
   set firings = rule_counts.firings + excluded.firings, last_at = greatest(rule_counts.last_at, excluded.last_at)
"""

BETWEEN = """
select * from firings
 where rule = any($1::text[]) and fired_at >= $2 and fired_at <= $3
 order by fired_at
"""

MOST_RECENT = 2000


async def lock_shared_keys(conn: Connection, names: Collection[str]) -> None:
    """Hold, to the end of the transaction, keys that several buckets share; always in the same order."""
    await conn.execute(LOCK_SHARED_KEYS, list(names))


async def recent(conn: Connection, wanted: Mapping[tuple[str, str], datetime]) -> list[Firing]:
    """The firings of each (rule, key) since its moment, the first one first."""
    if not wanted:
        return []
    rules, keys = zip(*wanted, strict=True)
    rows = await conn.fetch(RECENT, list(rules), list(keys), list(wanted.values()), MOST_RECENT)
    return [firing_of(row) for row in rows]


async def between(conn: Connection, rules: Collection[str], since: datetime, until: datetime) -> list[Firing]:
    """The firings of these rules that were decided from `since` to `until`, the first one first."""
    return [firing_of(row) for row in await conn.fetch(BETWEEN, list(rules), since, until)]


def firing_of(row: Row) -> Firing:
    """A row of `firings` as a value."""
    return Firing(
        row["rule"], row["key"], row["cause"], row["revision"], Outcome(row["outcome"]), row["detail"],
        row["provider"], row["post"], row["run"], row["fired_at"], row["occurred_at"],
    )  # fmt: skip


async def spent(
    conn: Connection, budgets: Mapping[str, Rate], now: datetime, until: datetime
) -> dict[str, list[datetime]]:
    """When runs of these rules began within the span of their budgets, and not later than `until`."""
    if not budgets:
        return {}
    since = [now - budget.per for budget in budgets.values()]
    rows = await conn.fetch(SPENT, list(budgets), since, [budget.times for budget in budgets.values()], until)
    return {row["rule"]: row["times"] for row in rows}


async def counts(conn: Connection, since: Mapping[str, datetime], most: Sequence[int]) -> dict[str, int]:
    """How often each rule fired since its moment, counted to the number in `most` that stands in its place."""
    if not since:
        return {}
    return dict(map(tuple, await conn.fetch(COUNTS, list(since), list(since.values()), most, None)))


async def known(conn: Connection, wanted: Collection[Identity]) -> set[Identity]:
    """The identities (rule, key, cause) among these that are on record already."""
    if not wanted:
        return set()
    columns = (list(column) for column in zip(*wanted, strict=True))
    return {(row["rule"], row["key"], row["cause"]) for row in await conn.fetch(KNOWN, *columns)}


async def record(conn: Connection, firings: Sequence[Firing]) -> None:
    """Keep the firings."""
    await write_at_once(conn, recording(firings))


def recording(firings: Sequence[Firing]) -> list[Part]:
    """The firings, each kept once, and counted by rule."""
    rows = [
        (f.rule, f.key, f.cause, f.revision, f.outcome, f.detail, f.provider, f.post, f.run, f.at, f.occurred_at,
         bucket_of(f.provider, f.post))
        for f in firings
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [Part((("recorded", RECORD), ("counted", COUNT)), columns)] if rows else []
