"""What is on record of rules and one post: firings with what their runs came to, and the actions of runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tracker.domain.runs.firing import Firing
from tracker.store.posts.posts import logged
from tracker.store.reactions.firings import firing_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracker.domain.posts.event import LoggedEvent
    from tracker.store.database import Connection

MOST_FIRINGS = 500
MOST_ACTIONS = 500
MOST_EVENTS = 500

FIRINGS = """
select f.rule, f.key, f.cause, f.revision, f.outcome, f.detail, f.provider, f.post, f.run, f.fired_at, f.occurred_at,
       r.state as run_state, r.data->>'why' as run_why
  from firings f left join runs r on r.id = f.run
 where f.provider = $1 and f.post = $2 and ($3::text is null or f.rule = $3)
 order by f.fired_at desc
 limit $4
"""

ACTIONS = """
select run, id, verb, target, state, reason, hidden_by, due_at, created_at, finished_at
  from actions where run = any($1::uuid[])
 order by created_at desc, id
 limit $2
"""

EVENTS = """
select * from (select position, bucket, source, provider, kind, post, part, occurred_at, received_at, body_hash, body
                 from events where provider = $1 and post = $2
                order by position desc limit $3) e
 order by position
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A firing, and how its run stands; retention may have dropped the run."""

    firing: Firing
    run_state: str | None
    run_why: str | None


@dataclass(frozen=True, slots=True)
class ActionTaken:
    """An action of a run, and what it came to; `hidden_by` is what kept it from people."""

    run: UUID
    id: UUID
    verb: str
    target: str
    state: str
    reason: str | None
    hidden_by: str | None
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None


async def firings_about(conn: Connection, provider: str, post: str, rule: str | None) -> list[Recorded]:
    """The last firings about the post, of one rule or of all, the newest first."""
    rows = await conn.fetch(FIRINGS, provider, post, rule, MOST_FIRINGS)
    return [Recorded(firing_of(row), row["run_state"], row["run_why"]) for row in rows]


async def actions_of(conn: Connection, runs: Collection[UUID]) -> list[ActionTaken]:
    """What these runs have asked for, the first one first."""
    rows = await conn.fetch(ACTIONS, list(runs), MOST_ACTIONS) if runs else []
    return [ActionTaken(*row) for row in reversed(rows)]


async def events_about(conn: Connection, provider: str, post: str) -> list[LoggedEvent]:
    """The last events about the post that the log keeps, the first one first."""
    return [logged(row) for row in await conn.fetch(EVENTS, provider, post, MOST_EVENTS)]
