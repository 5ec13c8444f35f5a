"""Actions in Postgres: what is wanted, recorded before it is attempted, and what people then want otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self
from uuid import UUID

from msgspec.structs import replace

from tracker.domain.posts.event import bucket_of
from tracker.errors import NotFound
from tracker.store.actions.action_claims import claimed_from
from tracker.store.session import Part, columns_of, into, write_at_once
from tracker.store.wakeups import ACTIONS
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tracker.domain.actions import Claimed
    from tracker.domain.runs.engine_state import ActionRequest
    from tracker.store.database import Connection, Row


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
                     post, bucket, state, hidden_by, created_at, attempts, lease, owner, leased_until)
select id, key, verb, target, payload, due_at, group_key, nullif(rule, ''), nullif(revision, ''), run, provider, post,
       bucket, state, hidden_by, $16, (state = 'claimed')::integer, (state = 'claimed')::integer,
       case when state = 'claimed' then $17::text end,
       case when state = 'claimed' then clock_timestamp() + $18::interval end
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::text[],
              $9::text[], $10::uuid[], $11::text[], $12::text[], $13::smallint[], $14::text[], $15::text[])
       as t (id, key, verb, target, payload, due_at, group_key, rule, revision, run, provider, post, bucket, state,
             hidden_by)
    on conflict (id) do nothing
returning *
"""

BEGIN = """
insert into action_attempts (action, attempt, lease, started_at)
select id, attempts, lease, $16 from intended where state = 'claimed'
"""

TAKEN = """
select taken.*
  from moved
 cross join lateral (select * from intended where state = 'claimed' and moved.step is not null offset 0) taken
"""
"""What is recorded as claimed, where `moved` has gone first."""


class Hands(Protocol):
    """Who performs actions in this process, under the name of `node` and for as long as a `lease` lasts."""

    node: str
    lease: timedelta

    def keep_free(self, target: str) -> bool:
        """Whether there is room for one more, for a target as in "send cms"; then it is kept until it is given back."""

    def give_back(self, target: str) -> None:
        """Nothing came of it, or it has begun."""

    def begin(self, claimed: Claimed) -> None:
        """Perform what has been claimed."""


class Handover:
    """Actions that one statement records as claimed by whoever performs them in this process.

    That is a claim like any other: it has a lease, and its attempt is on record before it is made. Only a `send` that
    is due and of no group is handed over: nothing has to be looked at for it but whether there is room. Whatever is
    not begun when the block ends was not recorded, or is left to its lease.
    """

    def __init__(self, hands: Hands | None = None) -> None:
        self.hands = hands
        self._kept: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._kept and self.hands:
            self.hands.give_back(self._kept.pop())

    def claimed(self, asked: ActionRequest, now: datetime) -> ActionRequest:
        """The request as it is recorded: as claimed, or as it is."""
        action, target = asked.action, f"{asked.action.verb} {asked.action.target}"
        fits = asked.fate == "pending" and action.verb == "send" and action.group is None and action.due_at <= now
        if not fits or self.hands is None or not self.hands.keep_free(target):
            return asked
        self._kept.append(target)
        return replace(asked, fate="claimed")

    def begin(self, rows: Sequence[Row]) -> None:
        """Begin what `TAKEN` has answered, now that it is committed."""
        if self.hands:
            for row in rows:
                self.hands.begin(claimed_from(row))


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

PUT_BACK = "update actions set state = 'pending', due_at = $2, finished_at = null where id = $1"

DISCARD = "update actions set state = 'discarded', reason = 'by_hand', finished_at = $2 where id = $1"


async def intend(conn: Connection, asked: Collection[ActionRequest], now: datetime) -> None:
    """Record the actions, each once, and wake the workers; one whose rule is "" was asked for by a person."""
    await write_at_once(conn, intending(conn, asked, now))


def intending(
    conn: Connection, asked: Collection[ActionRequest], now: datetime, handover: Handover | None = None
) -> list[Part]:
    """The actions, each recorded once; with the commit the workers are woken for those that are not handed over."""
    handover = Handover() if handover is None else handover
    if not asked:
        return []
    asked = [handover.claimed(one, now) for one in asked]
    rows = [
        (s.id, s.idempotency_key, s.verb, s.target, s.payload, s.due_at, s.group, one.rule, one.revision, one.run,
         one.provider, one.post, bucket_of(one.provider, one.post), one.fate, one.why)
        for one in asked for s in [one.action]
    ]  # fmt: skip
    if any(one.fate != "claimed" for one in asked):
        wake_after_commit(conn, ACTIONS)
    owner = (handover.hands.node, handover.hands.lease) if handover.hands else (None, None)
    return [Part((("intended", INTEND), ("begun", BEGIN)), [*columns_of(rows, 15), now, *owner])]


async def withdraw(conn: Connection, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Discard those actions that nobody has begun and no other alert travels with; answers their ids."""
    return {row["id"] for row in await conn.fetch(WITHDRAW, list(ids), now)} if ids else set()


async def open_of_post(conn: Connection, provider: str, post: str, verb: str) -> UUID | None:
    """The pending or claimed action of that verb about the post; whoever else asks waits for this transaction's end."""
    await conn.execute(HOLD_POST, f"{verb}\n{provider}\n{post}")
    found: UUID | None = await conn.fetchval(OPEN_OF_POST, provider, post, verb)
    return found


async def lock(conn: Connection, action: UUID) -> KnownAction:
    """The action, locked for this transaction; raises NotFound."""
    row = await conn.fetchrow(LOCK, action)
    if row is None:
        raise NotFound(f"there is no action {action}")
    return into(KnownAction, row)


async def attempt_again(conn: Connection, action: UUID, now: datetime) -> None:
    """Have an ended action attempted once more, as it is, now."""
    await conn.execute(PUT_BACK, action, now)
    wake_after_commit(conn, ACTIONS)


async def discard(conn: Connection, action: UUID, now: datetime) -> None:
    """Never attempt the action again."""
    await conn.execute(DISCARD, action, now)
