"""What has just happened, for somebody who watches: new states, firings and finished attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection

PAGE = 500

SINCE = """
select at, key, what, provider, post, said
  from (
    select c.received_at as at, 'state ' || c.id as key, 'state' as what, c.provider, c.post,
           coalesce(c.before || ' → ', '') || c.after as said
      from (select * from changes
             where projection = (select version from projections where current)
             order by id desc limit 20000) c
     where c.live and c.received_at >= $1 and c.after is distinct from c.before
    union all
    select f.fired_at, concat_ws(' ', 'rule', f.rule, f.key, f.cause), 'rule', f.provider, f.post,
           f.rule || ' ' || f.outcome
      from armed_rules r
     cross join lateral (select * from firings where rule = r.rule and fired_at >= $1) f
    union all
    select t.finished_at, concat_ws(' ', 'action', t.action, t.attempt), 'action', a.provider, a.post,
           a.verb || ' ' || a.target || ': ' || t.outcome
      from actions a join action_attempts t on t.action = a.id
     where a.created_at >= $1::timestamptz - interval '1 day' and t.finished_at >= $1
  ) news
 where (at, key) > ($1, $2)
 order by at, key
 limit $3
"""


@dataclass(frozen=True, slots=True)
class News:
    """One line: `what` is state, rule or action, and `key` tells it from every other line."""

    at: datetime
    key: str
    what: str
    provider: str
    post: str | None
    said: str


async def since(conn: Connection, moment: datetime, key: str = "") -> list[News]:
    """The next lines, PAGE at most, after the one with that moment and key.

    It looks at the newest 20 000 changes, and at actions of the last day.
    """
    return [News(*row) for row in await conn.fetch(SINCE, moment, key, PAGE)]
