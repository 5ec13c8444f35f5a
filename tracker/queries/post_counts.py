"""How many posts: all by their states, and those that a query is about; and which values there are to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import cast, func, literal, select, union_all
from sqlalchemy.types import Text
from sqlmodel import col

from tracker.queries.paging import AnySelect, fetch, of_current_projection
from tracker.queries.post_filters import STATES, PostQuery, filters
from tracker.store.tables.posts import Post as Posts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.store.database import Connection

COUNTED_OF_A_STATE, COUNTED = 1000, 10_000
"""Counting ends there, so that a number costs no more than a few pages do."""
NEWEST, MOST_VALUES = 2000, 200
"""The values to choose from are those of so many posts that were heard of last, and no more than these of each."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many posts fit but for their state, in each, and wholly. Unless `exact`, a bound + 1 is more."""

    states: Mapping[str, int]
    found: int
    exact: bool = False


async def count_by_state(conn: Connection) -> dict[str, int]:
    """How many posts are in each state."""
    posts = func.count().label("posts")
    state = col(Posts.state)
    rows = await fetch(conn, select(state, posts).where(of_current_projection()).group_by(state).order_by(state))
    return {row["state"]: row["posts"] for row in rows}


async def count_fitting(conn: Connection, query: PostQuery) -> Counts | None:
    """How many posts fit, within bounds; None where words are searched for, which no index counts."""
    if query.q:
        return None
    rows = await fetch(conn, counting(query, STATES, COUNTED_OF_A_STATE))
    states = {row["state"]: row["posts"] for row in rows}
    wanted = query.wanted_states or STATES
    found = sum(states[state] for state in wanted)
    if any(states[state] > COUNTED_OF_A_STATE for state in wanted):
        found = sum(row["posts"] for row in await fetch(conn, counting(query, wanted, COUNTED)))
    return Counts(states, min(found, COUNTED + 1))


def counting(query: PostQuery, states: Sequence[str], most: int) -> AnySelect:
    """For each of the states how many posts fit the rest of the query, up to one more than `most`."""
    state = col(Posts.state)

    def of(wanted: str) -> AnySelect:
        fitting = select(literal(1).label("one")).where(*filters(query), state == wanted).limit(most + 1)
        return select(cast(literal(wanted), Text).label("state"), func.count().label("posts")).select_from(
            fitting.subquery(f"in_{wanted}")
        )

    counted = union_all(*map(of, states)).subquery("counted")
    return select(counted.c.state, counted.c.posts)


CHOICES = f"""
with newest as materialized (
  select provider, platforms, accounts, terms from posts
   where projection = (select version from projections where current)
   order by last_event_at desc limit {NEWEST}
), named as (
  select 'provider' as kind, provider as value from newest
   union select 'platform', unnest(platforms) from newest
   union select 'account', unnest(accounts) from newest
   union select case left(term, 1) when '!' then 'error' when '#' then 'label' else 'attribute' end,
                ltrim(term, '!#') from (select unnest(terms) as term from newest) terms
), numbered as (
  select kind, value, row_number() over (partition by kind order by value) as number from named
)
select kind, value from numbered where number <= {MOST_VALUES} order by kind, value
"""


async def list_choices(conn: Connection) -> dict[str, list[str]]:
    """Values to choose from, by the name of their filter: those of the posts that were heard of last, in order."""
    choices: dict[str, list[str]] = {
        kind: [] for kind in ("provider", "platform", "account", "error", "label", "attribute")
    }
    for row in await conn.fetch(CHOICES):
        choices[row["kind"]].append(row["value"])
    return choices
