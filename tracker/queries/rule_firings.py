"""What rules came to: how often each outcome, when for the last time, and one after another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.domain.runs.firing import Outcome
from tracker.queries.paging import AnySelect, EachOf, Keyset, Page, list_page
from tracker.store.rows import into
from tracker.store.tables.reactions import Firing as Firings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

OUTCOMES = tuple(str(outcome) for outcome in Outcome)
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


NEWEST_FIRST = Keyset("-fired_at", tuple[datetime, int], col(Firings.fired_at), (col(Firings.number),), together=True)


class ListedFiring(Struct, frozen=True):
    """What a rule came to once."""

    number: int
    key: str
    outcome: str
    detail: str | None
    provider: str
    post: str | None
    run: UUID | None
    fired_at: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """Firings of one rule by outcome, in all and since a moment; `last` is when each outcome came last."""

    in_all: dict[str, int] = field(default_factory=dict)
    recent: dict[str, int] = field(default_factory=dict)
    last: dict[str, datetime] = field(default_factory=dict)


async def latest_firings(conn: Connection, rule: str, cursor: str | None = None, limit: int = 50) -> Page[ListedFiring]:
    """A page of what the rule came to, the newest first."""
    each = EachOf(col(Firings.outcome), OUTCOMES)
    return await list_page(conn, firings_of(rule), NEWEST_FIRST, cursor, limit, _firing, each=each)


def firings_of(rule: str) -> AnySelect:
    """Everything that the rule came to."""
    return select(*(getattr(Firings, name) for name in ListedFiring.__struct_fields__)).where(col(Firings.rule) == rule)


async def tallies(conn: Connection, rules: Sequence[str], since: datetime) -> dict[str, Tally]:
    """What each of the rules came to; one that never fired has an empty tally."""
    found: dict[str, Tally] = defaultdict(Tally)
    for row in await conn.fetch(IN_ALL, list(rules)):
        tally = found[row["rule"]]
        tally.in_all[row["outcome"]] = row["firings"]
        tally.last[row["outcome"]] = row["last_at"]
    for row in await conn.fetch(SINCE, list(rules), list(OUTCOMES), since, MOST_COUNTED):
        found[row["rule"]].recent[row["outcome"]] = row["firings"]
    return found


def _firing(row: Row) -> ListedFiring:
    return into(ListedFiring, row)
