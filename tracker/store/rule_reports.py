"""What rules came to: how often each outcome, and when for the last time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.domain.firing import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.store.database import Connection

MOST_COUNTED = 10_000
"""Firings of one rule and outcome within a span are counted up to this many."""

IN_ALL = """
select rule, outcome, sum(firings)::bigint as firings, max(last_at) as last_at
  from rule_counts where rule = any($1::text[])
 group by rule, outcome
"""

SINCE = """
select wanted.rule, o.outcome, counted.firings
  from unnest($1::text[]) as wanted (rule)
 cross join unnest($2::text[]) as o (outcome)
 cross join lateral (select count(*) as firings
                       from (select from firings
                              where rule = wanted.rule and outcome = o.outcome and fired_at > $3 limit $4) f) counted
 where counted.firings > 0
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """Firings of one rule by outcome, in all and since a moment; `last` is when each outcome came last."""

    in_all: dict[str, int] = field(default_factory=dict)
    recent: dict[str, int] = field(default_factory=dict)
    last: dict[str, datetime] = field(default_factory=dict)


async def tallies(conn: Connection, rules: Sequence[str], since: datetime) -> dict[str, Tally]:
    """What each of the rules came to; one that never fired has an empty tally."""
    found: dict[str, Tally] = defaultdict(Tally)
    for row in await conn.fetch(IN_ALL, list(rules)):
        tally = found[row["rule"]]
        tally.in_all[row["outcome"]] = row["firings"]
        tally.last[row["outcome"]] = row["last_at"]
    for row in await conn.fetch(SINCE, list(rules), [str(outcome) for outcome in Outcome], since, MOST_COUNTED):
        found[row["rule"]].recent[row["outcome"]] = row["firings"]
    return found
