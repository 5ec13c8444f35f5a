"""What has just happened, for somebody who watches: new states, firings and finished attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection

SINCE = """
select recorded as at, what, post, said
  from (
    select c.received_at as recorded, 'state' as what, c.post, coalesce(c.before || ' → ', '') || c.after as said
      from changes c
     where c.live and c.received_at > $1 and c.after is distinct from c.before
    union all
    select f.fired_at, 'rule', f.post, f.rule || ' ' || f.outcome from firings f where f.fired_at > $1
    union all
    select t.finished_at, 'action', a.post, a.verb || ' ' || a.target || ': ' || t.outcome
      from action_attempts t join actions a on a.id = t.action
     where t.finished_at > $1
  ) news
 order by recorded
 limit 100
"""


@dataclass(frozen=True, slots=True)
class News:
    """One line: `what` is state, rule or action."""

    at: datetime
    what: str
    post: str | None
    said: str


async def since(conn: Connection, moment: datetime) -> list[News]:
    """The next hundred lines after that moment."""
    return [News(*row) for row in await conn.fetch(SINCE, moment)]
