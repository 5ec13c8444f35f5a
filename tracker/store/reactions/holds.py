"""What is held for a while, with an end: paused rules and silenced alerts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tracker.domain.duration import TOLERANCE
from tracker.domain.runs.engine_state import Holds, Pause, Silence
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracker.store.database import Connection


IN_FORCE = """
select rule, scope, until, by, since, null::uuid as id, null::jsonb as match, null as reason from pauses
 where until > $1 and (since is null or since <= $2)
 union all
select null, null, until, by, since, id, match, reason from silences where until > $1
 order by rule, scope, by
"""

HOLD = """
insert into pauses (rule, scope, until, by, since)
select distinct on (rule, scope, by) rule, scope, until, by, since
  from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[])
       as held (rule, scope, until, by, since)
 order by rule, scope, by, until desc
    on conflict (rule, scope, by) do update
   set until = case when pauses.since > excluded.since + $6 then excluded.until
                    else greatest(pauses.until, excluded.until) end,
       since = excluded.since
"""

RELEASE = """
delete from pauses p using unnest($1::text[], $2::text[]) as gone (rule, scope)
 where p.rule = gone.rule and p.scope = gone.scope
"""

FORGET = "delete from pauses where until < $1"


async def in_force(conn: Connection, since: datetime, now: datetime) -> Holds:
    """The pauses and silences that hold at `since` or later, but for pauses that a clock has set which was ahead."""
    rows = await conn.fetch(IN_FORCE, since, now + TOLERANCE)
    silences = [into(Silence, row) for row in rows if row["id"]]
    silences.sort(key=lambda silence: (silence.since, silence.id))
    return Holds([into(Pause, row) for row in rows if not row["id"]], silences)


async def hold(conn: Connection, pauses: Collection[Pause]) -> None:
    """Set the pauses; one that is there already is only made longer, unless a clock has set it that was ahead."""
    rows = [(pause.rule, pause.scope, pause.until, pause.by, pause.since) for pause in pauses]
    if rows:
        await conn.execute(HOLD, *(list(column) for column in zip(*rows, strict=True)), TOLERANCE)


async def release(conn: Connection, gone: Collection[tuple[str, str]]) -> None:
    """End every pause of these (rule, scope)."""
    if gone:
        await conn.execute(RELEASE, *(list(column) for column in zip(*gone, strict=True)))


async def forget(conn: Connection, before: datetime) -> None:
    """Drop the pauses that ended before that moment."""
    await conn.execute(FORGET, before)


BEGIN_SILENCE = "insert into silences (id, match, since, until, by, reason) values ($1, $2, $3, $4, $5, $6)"

END_SILENCE = """
update silences set until = greatest($2::timestamptz, since + interval '1 microsecond')
 where id = $1 and until > $2
returning id
"""

ONE_SILENCE = "select id, match, since, until, by, reason from silences where id = $1"


async def begin_silence(conn: Connection, silence: Silence) -> None:
    """Record the silence: from its beginning to its end alerts that fit it are hidden."""
    values = (silence.id, silence.match, silence.since, silence.until, silence.by, silence.reason)
    await conn.execute(BEGIN_SILENCE, *values)


async def end_silence(conn: Connection, silence: UUID, now: datetime) -> bool:
    """End the silence; answers whether it was not over before."""
    return await conn.fetchval(END_SILENCE, silence, now) is not None


async def get_silence(conn: Connection, silence: UUID) -> Silence | None:
    """The silence, over or not; None: there is none of that id."""
    row = await conn.fetchrow(ONE_SILENCE, silence)
    return Silence(*row) if row else None
