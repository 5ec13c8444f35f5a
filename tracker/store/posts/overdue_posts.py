"""Posts about which a provider should be asked, when to ask again, and what asking found that no webhook told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tracker.domain.posts.post import Post
from tracker.domain.posts.reconciliation import UNDER_WAY, next_question
from tracker.store.posts.posts import logged
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from tracker.domain.posts.event import LoggedEvent
    from tracker.store.database import Connection

OVERDUE = """
select p.fold::text from posts p left join questions q on q.provider = p.provider and q.post = p.post
 where p.projection = (select version from projections where current)
   and p.provider = $1 and p.scheduled_at < $2 and p.scheduled_at is not null
   and p.state in ('unknown', 'draft', 'awaiting_approval', 'scheduled', 'retrying', 'publishing')
   and (q.next_at is null or q.next_at <= $3)
 order by p.scheduled_at limit $4
"""

STILL = """
select p.fold::text from posts p left join questions q on q.provider = p.provider and q.post = p.post
 where p.projection = (select version from projections where current)
   and p.provider = $1 and p.state = any($5::text[]) and p.last_event_at < $2
   and (q.next_at is null or q.next_at <= $3)
 order by p.last_event_at limit $4
"""

ASKED = """
insert into questions (provider, post, times, next_at)
select $1, post, 1, $4 from unnest($2::text[]) post
    on conflict (provider, post) do update
   set times = questions.times + 1,
       next_at = $3::timestamptz + least($5::interval * (2 ^ least(questions.times, 10)), $6::interval)
"""

ANSWERED = "delete from questions where provider = $1 and post = any($2::text[])"

FORGET_QUESTIONS = "delete from questions where next_at < $1"

FORGET_FINDINGS = "delete from findings where found_at < $1"

FOUND = """
insert into findings (position, provider, post, reconciliation, heard_at, found_at)
select t.position, $1, t.post, $2, t.heard_at, $3
  from unnest($4::bigint[], $5::text[], $6::timestamptz[]) as t (position, post, heard_at)
on conflict do nothing
"""

UNTOLD = """
select f.position, f.post, f.heard_at, e.kind, e.body, e.source, e.occurred_at, e.received_at, e.body_hash, e.bucket,
       e.part, e.provider, e.day
  from findings f join events e on e.position = f.position and e.day >= $2::date
 where f.provider = $1 and f.told_at is null and f.found_at >= $2
 order by f.found_at limit 5000
"""

WEBHOOKS = """
select position, day, bucket, source, provider, kind, post, part, occurred_at, received_at, body_hash, body
  from events
 where provider = $1 and post = any($2::text[]) and source = $1 and day >= $3::date
"""

TOLD = "update findings set told_at = $2 where position = any($1::bigint[])"

MISSED = """
select provider, count(*) as missed, count(distinct post) as posts from findings
 where told_at is null and found_at >= $1 and found_at < $2
 group by provider
"""

FOUND_IN = """
select post, min(heard_at) as heard_at from findings
 where provider = $1 and told_at is null and found_at between $2 and $3 and reconciliation = $4
 group by post order by post limit $5
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding that no webhook has told yet: the fact that asking appended, and what had been heard before."""

    event: LoggedEvent
    heard_at: datetime | None


@dataclass(frozen=True, slots=True)
class Untold:
    """A post of which no webhook has told what asking found; None: nothing at all was heard of it before."""

    post: str
    heard_at: datetime | None


class Missed(NamedTuple):
    """Facts that asking found and no webhook told, and of how many posts they are."""

    facts: int
    posts: int


async def overdue(conn: Connection, provider: str, before: datetime, now: datetime, limit: int) -> list[Post]:
    """Posts that were to be published `before` and have not ended, the longest overdue first."""
    return [_post(row["fold"]) for row in await conn.fetch(OVERDUE, provider, before, now, limit)]


async def still(conn: Connection, provider: str, before: datetime, now: datetime, limit: int) -> list[Post]:
    """Posts under way of which nothing was heard since `before`, the longest silent first."""
    return [_post(row["fold"]) for row in await conn.fetch(STILL, provider, before, now, limit, list(UNDER_WAY))]


async def asked(conn: Connection, provider: str, posts: Collection[str], now: datetime) -> None:
    """Note that these posts were asked about to no effect: ask again later, and later each time."""
    await conn.execute(ASKED, provider, list(posts), now, now + next_question(1), next_question(1), next_question(99))


async def answered(conn: Connection, provider: str, posts: Collection[str]) -> None:
    """Note that something was learnt of these posts, so that they need not be asked about again."""
    await conn.execute(ANSWERED, provider, list(posts))


async def forget(conn: Connection, *, questions: datetime, findings: datetime) -> None:
    """Drop what was to be asked again before then, and was not, for those posts have ended; and findings as old."""
    await conn.execute(FORGET_QUESTIONS, questions)
    await conn.execute(FORGET_FINDINGS, findings)


async def found(
    conn: Connection, provider: str, reconciliation: UUID, now: datetime,
    findings: Sequence[tuple[int, str, datetime | None]],
) -> None:  # fmt: skip
    """Keep that these facts (position, post, the last that had been heard of it) were found by asking."""
    columns = ([one[place] for one in findings] for place in range(3))
    await conn.execute(FOUND, provider, reconciliation, now, *columns)


async def unreported(conn: Connection, provider: str, since: datetime) -> list[Found]:
    """The findings since then that no webhook has told yet."""
    return [Found(logged(row), row["heard_at"]) for row in await conn.fetch(UNTOLD, provider, since)]


async def webhooks(conn: Connection, provider: str, posts: Collection[str], since: datetime) -> list[LoggedEvent]:
    """What the provider's webhooks told of these posts, from the day of `since` on."""
    return [logged(row) for row in await conn.fetch(WEBHOOKS, provider, list(posts), since)]


async def mark_reported(conn: Connection, positions: Collection[int], now: datetime) -> None:
    """Note that webhooks have told the facts at these positions after all."""
    await conn.execute(TOLD, list(positions), now)


async def missed(conn: Connection, since: datetime, until: datetime) -> dict[str, Missed]:
    """For each provider, how many facts were missed by webhook and found by asking then, and of how many posts."""
    return {row["provider"]: Missed(row["missed"], row["posts"]) for row in await conn.fetch(MISSED, since, until)}


async def found_in(
    conn: Connection, provider: str, reconciliation: UUID, span: tuple[datetime, datetime], limit: int
) -> list[Untold]:
    """The posts of which that round alone, in that span, has told something."""
    return [into(Untold, row) for row in await conn.fetch(FOUND_IN, provider, *span, reconciliation, limit)]


def _post(fold: str) -> Post:
    return msgspec.json.decode(fold, type=Post)
