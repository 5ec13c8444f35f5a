"""What failed and why, in sum: posts that fell short, counted by any of provider, platform, account and error."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.domain.posts.target import FALLEN_SHORT
from tracker.parameters import parse_choices
from tracker.queries.paging import EachOf, compiled, page_of
from tracker.queries.post_filters import PostQuery, filters
from tracker.queries.posts import NEWEST_FIRST, keyset_of
from tracker.store.tables.posts import Post as Posts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection

GROUPS = ("error", "platform", "account", "provider")
USUAL = ("error", "platform", "account")
LATELY, SLOTS = timedelta(hours=24), 24
LOOKED_AT, MOST_CAUSES = 5000, 100
"""So many of the posts that fell short last are looked at, and so many causes shown."""


class CauseOut(Struct, frozen=True):
    """Posts that failed alike; null for what they were not told apart by, or what nobody has named."""

    error: str | None
    platform: str | None
    account: str | None
    provider: str | None
    posts: int
    message: Annotated[str, Meta(description="The newest of what providers said.")]
    pace: Annotated[list[int], Meta(description=f"The posts of each of {SLOTS} parts of the span, in order.")]


class CausesOut(Struct, frozen=True):
    """Why posts failed that were heard of last within the span, the most frequent cause first."""

    since: datetime
    until: datetime
    items: list[CauseOut]
    complete: Annotated[bool, Meta(description=f"false: more than {LOOKED_AT} posts failed; these are of the newest.")]


CAUSES = """
with short as materialized ({posts}), parts as (
  select s.provider, s.post, s.last_event_at as at, t.value->>'platform' as platform, t.value->>'account' as account,
         t.value->'problem'->>'code' as error, coalesce(t.value->'problem'->>'message', '') as message
    from short s
   cross join lateral (
         select value from json_each(s.fold->'targets') where value->'problem' is not null
         union all
         select s.fold->'whole' where s.fold->'whole'->'problem' is not null and not exists (
                select from json_each(s.fold->'targets') where value->'problem' is not null)) t
), counted as (
  select {groups}, least(floor(extract(epoch from at - ${since}::timestamptz) / ${slot}::float8)::int, {slots} - 1)
         as slot, count(distinct (provider, post)) as posts, max(at) as at,
         (array_agg(message order by at desc))[1] as message
    from parts
   where (${error}::text is null or error = ${error}) and (${platform}::text is null or platform = ${platform})
     and (${account}::text is null or account = ${account})
   group by {groups}, slot
)
select {groups}, sum(posts)::int as posts, (array_agg(message order by at desc))[1] as message,
       array_agg(slot order by slot) as slots, array_agg(posts order by slot) as pace,
       (select count(*) from short) > {looked_at} as more
  from counted group by {groups} order by sum(posts) desc, {groups} limit {most}
"""


async def list_causes(conn: Connection, query: PostQuery, now: datetime, by: Sequence[str] = USUAL) -> CausesOut:
    """What the posts that fit failed for, counted by some of GROUPS; of the last day unless `query` says since when.

    Raises BadParameter. Words that are searched for are passed over.
    """
    groups = tuple(dict.fromkeys(parse_choices("group", by, GROUPS))) or USUAL
    until = query.until or now
    begin = query.since or until - LATELY
    query = replace(query, since=begin)
    text, values = causing(query, begin, until, groups)
    rows = await conn.fetch(text, *values)
    return CausesOut(
        begin,
        until,
        [
            CauseOut(
                **{name: row[name] if name in groups else None for name in GROUPS}, posts=row["posts"],
                message=row["message"], pace=_pace(row["slots"], row["pace"]),
            )
            for row in rows
        ],
        not any(row["more"] for row in rows),
    )  # fmt: skip


def causing(query: PostQuery, since: datetime, until: datetime, groups: Sequence[str]) -> tuple[str, list[Any]]:
    """The statement and its values: each state alone is in order in an index, and is read from its newest post on."""
    keyset = keyset_of(NEWEST_FIRST)
    columns = (*keyset.key, keyset.at, col(Posts.fold))
    states = EachOf(col(Posts.state), query.states or sorted(FALLEN_SHORT))
    posts, values = compiled(page_of(select(*columns).where(*filters(query)), keyset, None, LOOKED_AT + 1, states))
    given = {
        "since": since, "slot": max((until - since) / SLOTS / timedelta(seconds=1), 1.0),
        "error": query.error, "platform": query.platform, "account": query.account,
    }  # fmt: skip
    places = {name: len(values) + 1 + number for number, name in enumerate(given)}
    text = CAUSES.format(
        posts=posts, groups=", ".join(groups), slots=SLOTS, looked_at=LOOKED_AT, most=MOST_CAUSES, **places
    )
    return text, [*values, *given.values()]


def _pace(slots: Sequence[int], posts: Sequence[int]) -> list[int]:
    of_slot = dict(zip(slots, posts, strict=True))
    return [of_slot.get(slot, 0) for slot in range(SLOTS)]
