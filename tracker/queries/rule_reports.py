"""What rules came to: how often each outcome, when for the last time, and one after another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.runs.firing import Outcome
from tracker.queries.paging import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

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


# Outcome by outcome, so that each is read in order from the index.
LATEST = """
select f.*
  from unnest({outcomes}::text[]) as o (outcome)
 cross join lateral (select number, key, outcome, detail, provider, post, run, fired_at from firings
                      where {where} and outcome = o.outcome
                      order by fired_at desc, number desc limit {limit}) f
 order by f.fired_at desc, f.number desc
 limit {limit}
"""


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last firing of a page."""

    fired_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Firings of one rule by outcome, in all and since a moment; `last` is when each outcome came last."""

    in_all: dict[str, int] = field(default_factory=dict)
    recent: dict[str, int] = field(default_factory=dict)
    last: dict[str, datetime] = field(default_factory=dict)


async def latest_firings(
    conn: Connection, rule: str, after: After | None, limit: int
) -> tuple[list[Row], After | None]:
    """A page of what the rule came to, the newest first, and where the next one begins."""
    statement, values = page(rule, after, limit + 1)
    found: list[Row] = await conn.fetch(statement, *values)
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], After(last["fired_at"], last["number"]) if last else None


def page(rule: str, after: After | None, limit: int) -> tuple[str, list[object]]:
    """The statement and its values for one page."""
    where = Conditions().add("rule = {}", rule)
    if after:
        where.add("fired_at <= {}", after.fired_at)
        where.add("(fired_at < {0} or number < {1})", after.fired_at, after.number)
    statement = LATEST.format(outcomes=f"${len(where.values) + 1}", where=where, limit=limit)
    return statement, [*where.values, [str(outcome) for outcome in Outcome]]


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
