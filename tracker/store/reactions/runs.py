"""What rules began, on record: firings, of which a change causes one at most, and runs with every move they made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.posts.event import bucket_of
from tracker.domain.runs.engine_state import MOST_RECENT, Firing, Outcome
from tracker.domain.runs.run import Run
from tracker.errors import NotFound
from tracker.store.session import Part, columns_of, write_at_once

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.rate import Rate
    from tracker.domain.runs.engine_state import Identity, Movement
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

STARTS = """
select wanted.rule, array(select starts_at from runs where rule = wanted.rule and starts_at is not null
                                 and started_at <= $3 order by starts_at desc limit wanted.most) as starts
  from unnest($1::text[], $2::integer[]) as wanted (rule, most)
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


async def lock_shared_keys(conn: Connection, names: Collection[str]) -> None:
    """Hold, to the end of the transaction, keys that several buckets share; always in the same order."""
    await conn.execute(LOCK_SHARED_KEYS, list(names))


async def recent(conn: Connection, wanted: Mapping[tuple[str, str], datetime]) -> list[Firing]:
    """The firings of each (rule, key) since its moment, the first one first."""
    if not wanted:
        return []
    rows = await conn.fetch(RECENT, *columns_of(wanted, 2), list(wanted.values()), MOST_RECENT)
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


async def starts(conn: Connection, throttled: Mapping[str, Rate], until: datetime) -> dict[str, list[datetime]]:
    """When the last runs of these rules begin their steps, in this order, of those that were set going `until` then."""
    rows = await conn.fetch(STARTS, list(throttled), [rate.times for rate in throttled.values()], until)
    return {row["rule"]: row["starts"][::-1] for row in rows}


async def counts(conn: Connection, since: Mapping[str, datetime], most: Sequence[int]) -> dict[str, int]:
    """How often each rule fired since its moment, counted to the number in `most` that stands in its place."""
    if not since:
        return {}
    return dict(map(tuple, await conn.fetch(COUNTS, list(since), list(since.values()), most, None)))


async def known(conn: Connection, wanted: Collection[Identity]) -> set[Identity]:
    """The identities (rule, key, cause) among these that are on record already."""
    if not wanted:
        return set()
    return {(row["rule"], row["key"], row["cause"]) for row in await conn.fetch(KNOWN, *columns_of(wanted, 3))}


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
    return [Part((("recorded", RECORD), ("counted", COUNT)), columns_of(rows, 12))] if rows else []


HOLD = "for update of r"
"""Only where a transaction is open: outside of one it would hold nothing, and make of each look a commit."""

LOAD_OPEN = f"""
select r.data
  from unnest($1::text[], $2::text[]) as wanted (rule, key)
  join runs r on r.rule = wanted.rule and r.key = wanted.key and r.state in ('active', 'queued')
 order by r.started_at, r.id
   {HOLD}
"""

LOAD_TRYING = f"""
select r.data
  from unnest($1::text[], $2::text[]) as wanted (provider, post)
  join runs r on r.provider = wanted.provider and r.post = wanted.post and r.state = 'active'
 where r.data ->> 'phase' in ('backoff', 'acting', 'watching')
 order by r.started_at, r.id
   {HOLD}
"""

LOCK = "select data from runs where id = $1 for update"

SAVE = """
insert into runs (id, rule, key, provider, post, target, state, data, started_at, updated_at, alone, starts_at)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::json[],
                     $9::timestamptz[], $10::timestamptz[], $11::boolean[], $12::timestamptz[])
    on conflict (id) do update
   set state = excluded.state, data = excluded.data, updated_at = excluded.updated_at
"""

SAVE_MOVES = """
insert into run_moves (run, number, at, said)
select * from unnest($1::uuid[], $2::integer[], $3::timestamptz[], $4::text[])
on conflict do nothing
"""

RECALL = f"""
with known as ({KNOWN}
), told as (
  select rule, key, data from runs r where id = any($4::uuid[]) {HOLD}
), wanted as (
  select rule, key from unnest($5::text[], $6::text[]) as touched (rule, key) union select rule, key from told
), open as (
  select r.data
    from wanted join runs r on r.rule = wanted.rule and r.key = wanted.key and r.state in ('active', 'queued')
   order by r.started_at, r.id
     {HOLD}
), spent as (
  select rule, sum(firings)::bigint as firings from rule_counts
   where rule = any($7::text[]) and outcome in ('fired', 'queued')
   group by rule
)
select (select array_agg(array[rule, key, cause]) from known) as known,
       array(select data from told) as told,
       array(select data from open) as open,
       (select json_object_agg(rule, firings) from spent) as totals,
       exists (select from pauses where until > $8) or exists (select from silences where until > $8) as is_held
"""
"""All that most batches need of what rules have begun, in one look; what few need is asked for besides."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is on record: firings by identity, the runs asked for, and those that are open for the keys or theirs.

    `totals` are how often rules have ever fired, of those that have; `is_held`: there are pauses or silences.
    """

    known: set[Identity]
    told: list[Run]
    open: list[Run]
    totals: dict[str, int]
    is_held: bool


async def recall(
    conn: Connection,
    identities: Collection[Identity],
    ids: Collection[UUID],
    keys: Collection[tuple[str, str]],
    rules: Collection[str],
    since: datetime,
) -> Recalled:
    """The firings among these, these runs and the open ones of these (rule, key), and how often the rules fired.

    The runs are held for the open transaction; pauses and silences count that last until `since` or longer.
    """
    wanted = (*columns_of(identities, 3), list(ids), *columns_of(keys, 2), list(rules), since)
    row = await conn.fetchrow(_as_held(conn, RECALL), *wanted)
    told, still_open = ([Run.from_data(data) for data in row[name]] for name in ("told", "open"))
    known = {(rule, key, cause) for rule, key, cause in row["known"] or ()}
    return Recalled(known, told, still_open, row["totals"] or {}, row["is_held"])


async def load_open(conn: Connection, wanted: Collection[tuple[str, str]]) -> list[Run]:
    """The active and the queued runs of these (rule, key), the oldest first, held for the open transaction."""
    if not wanted:
        return []
    return [Run.from_data(row["data"]) for row in await conn.fetch(_as_held(conn, LOAD_OPEN), *columns_of(wanted, 2))]


async def load_trying(conn: Connection, posts: Collection[tuple[str, str]]) -> list[Run]:
    """The active runs that are at a retry of these (provider, post), the oldest first, held as those above."""
    if not posts:
        return []
    return [Run.from_data(row["data"]) for row in await conn.fetch(_as_held(conn, LOAD_TRYING), *columns_of(posts, 2))]


def saving(runs: Collection[Run], moves: Collection[Movement]) -> list[Part]:
    """The runs as they are now, with the moves they made; those that end come first, so their keys are free."""
    ended_first = sorted(runs, key=lambda run: run.state == "active")
    rows = [
        (r.id, r.rule, r.key, r.provider, r.post, r.target, r.state, r.kept, r.started_at, r.updated_at, r.alone,
         r.starts_at)
        for r in ended_first
    ]  # fmt: skip
    made = [(move.run, move.number, move.at, move.said) for move in moves]
    parts = [Part((("saved_runs", SAVE),), columns_of(rows, 12))] if rows else []
    return [*parts, Part((("saved_moves", SAVE_MOVES),), columns_of(made, 4))] if made else parts


async def lock(conn: Connection, run: UUID) -> Run:
    """The run, held for this transaction; raises NotFound."""
    row = await conn.fetchrow(LOCK, run)
    if row is None:
        raise NotFound(f"there is no run {run}")
    return Run.from_data(row["data"])


def _as_held(conn: Connection, query: str) -> str:
    return query if conn.is_in_transaction() else query.replace(HOLD, "")
