"""Actions in Postgres: what is wanted, recorded before it is attempted, and what people then want otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tracker.domain.posts.event import bucket_of
from tracker.errors import NotFound, Rejected
from tracker.store.session import Part, columns_of, into, write_at_once
from tracker.store.wakeups import ACTIONS
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tracker.domain.runs.engine_state import ActionRequest
    from tracker.store.database import Connection


@dataclass(frozen=True, slots=True)
class KnownAction:
    """What is on record of an action, but for what it says and what came of its attempts."""

    id: UUID
    verb: str
    target: str
    state: str
    rule: str | None
    run: UUID | None
    provider: str
    post: str | None
    attempts: int
    due_at: datetime


INTEND = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, group_key, rule, revision, run, provider,
                     post, bucket, state, hidden_by, created_at)
select id, key, verb, target, payload, due_at, group_key, nullif(rule, ''), nullif(revision, ''), run, provider, post,
       bucket, state, hidden_by, $16
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::text[],
              $9::text[], $10::uuid[], $11::text[], $12::text[], $13::smallint[], $14::text[], $15::text[])
       as t (id, key, verb, target, payload, due_at, group_key, rule, revision, run, provider, post, bucket, state,
             hidden_by)
    on conflict (id) do nothing
"""

HOLD_POST = "select pg_advisory_xact_lock(hashtextextended($1, 0))"

OPEN_OF_POST = """
select id from actions
 where provider = $1 and post = $2 and verb = $3 and state in ('pending', 'claimed')
 order by created_at, id
 limit 1
"""

WITHDRAW = """
update actions set state = 'discarded', reason = 'cancelled', finished_at = $2
 where id = any($1::uuid[]) and state = 'pending' and not payload ? 'others'
returning id
"""

LOCK = "select * from actions where id = $1 for update"

PUT_BACK = "update actions set state = 'pending', due_at = $2, finished_at = null where id = any($1::uuid[])"

DISCARD = "update actions set state = 'discarded', reason = 'by_hand', finished_at = $2 where id = $1"


async def intend(conn: Connection, asked: Collection[ActionRequest], now: datetime) -> None:
    """Record the actions, each once, and wake the workers; one whose rule is "" was asked for by a person."""
    await write_at_once(conn, intending(conn, asked, now))


def intending(conn: Connection, asked: Collection[ActionRequest], now: datetime) -> list[Part]:
    """The actions, each recorded once; with the commit the workers are woken."""
    if not asked:
        return []
    rows = [
        (s.id, s.idempotency_key, s.verb, s.target, s.payload, s.due_at, s.group, one.rule, one.revision, one.run,
         one.provider, one.post, bucket_of(one.provider, one.post), one.fate, one.why)
        for one in asked for s in [one.action]
    ]  # fmt: skip
    wake_after_commit(conn, ACTIONS)
    return [Part((("intended", INTEND),), [*columns_of(rows, 15), now])]


async def withdraw(conn: Connection, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Discard those actions that nobody has begun and no other alert travels with; answers their ids."""
    return {row["id"] for row in await conn.fetch(WITHDRAW, list(ids), now)} if ids else set()


async def open_of_post(conn: Connection, provider: str, post: str, verb: str) -> UUID | None:
    """The pending or claimed action of that verb about the post; whoever else asks waits for this transaction's end."""
    await conn.execute(HOLD_POST, f"{verb}\n{provider}\n{post}")
    found: UUID | None = await conn.fetchval(OPEN_OF_POST, provider, post, verb)
    return found


async def put_back(conn: Connection, action: UUID, now: datetime) -> KnownAction:
    """Have the action attempted once more, now; raises NotFound, or Rejected when it is under way."""
    known = await _lock(conn, action)
    if known.state not in ("dead", "unknown", "discarded"):
        raise Rejected(
            "not_ended", f"action {action} is {known.state}: only dead, unknown or discarded ones are retried"
        )
    await attempt_again(conn, [action], now)
    return known


async def attempt_again(conn: Connection, ids: Sequence[UUID], now: datetime) -> None:
    """Have these ended actions attempted once more, as they are, now."""
    await conn.execute(PUT_BACK, list(ids), now)
    wake_after_commit(conn, ACTIONS)


async def discard(conn: Connection, action: UUID, now: datetime) -> KnownAction:
    """Never attempt the action again; raises NotFound, or Rejected when it is under way or done."""
    known = await _lock(conn, action)
    if known.state not in ("pending", "dead", "unknown"):
        raise Rejected(
            "not_open", f"action {action} is {known.state}: only pending, dead or unknown ones are discarded"
        )
    await conn.execute(DISCARD, action, now)
    return known


async def _lock(conn: Connection, action: UUID) -> KnownAction:
    row = await conn.fetchrow(LOCK, action)
    if row is None:
        raise NotFound(f"there is no action {action}")
    return into(KnownAction, row)
