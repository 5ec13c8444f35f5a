"""How each rule does: whether it is on, a canary until when, what holds it, and how often it came to what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.domain.duration import TOLERANCE
from tracker.domain.runs.engine_state import Outcome
from tracker.queries.paging import AnySelect, EachOf, Keyset, Page, list_page, read_cursor, write_cursor
from tracker.store.reactions import holds, rule_book, timers
from tracker.store.session import into
from tracker.store.tables.reactions import Firing as Firings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.domain.runs.engine_state import Pause
    from tracker.rulebook.source import RuleSource
    from tracker.store.database import Connection
    from tracker.store.reactions.rule_book import Switch

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
    as_listed = partial(into, ListedFiring)
    return await list_page(conn, firings_of(rule), NEWEST_FIRST, cursor, limit, as_listed, each=each)


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


HELD = """
with paused as (
  select rule, max(until) as until, count(*) as keys, array_agg(distinct by) as by,
         coalesce(min(since), $2::timestamptz) as since
    from pauses where until > $1::timestamptz and (since is null or since <= $1::timestamptz + $4::interval)
   group by rule
), broken as (
  select distinct rule from rule_counts where outcome = 'error' and last_at > $2
)
select rule, p.until, p.by, coalesce(p.keys, 0) as keys,
       case when p.rule is null then 0
            else (select count(*) from (select from firings f where f.rule = p.rule and f.outcome = 'suppressed'
                                           and f.fired_at >= p.since and f.detail like 'paused by %' limit $3) f)
       end as kept_back,
       case when b.rule is null then 0
            else (select count(*) from (select from firings f where f.rule = b.rule and f.outcome = 'error'
                                           and f.fired_at > $2 limit $3) f)
       end as errors
  from paused p full join broken b using (rule)
 order by rule
"""


class HeldRule(Struct, frozen=True):
    """A rule that is paused, or whose condition could not be evaluated.

    `until` and `by` are of its pauses, and None and empty without any; `keys` is for how many it is paused, `kept_back`
    what that has suppressed so far, `errors` counts those of the last day.
    """

    rule: str
    until: datetime | None
    by: list[str] | None
    keys: int
    kept_back: int
    errors: int


async def held_rules(conn: Connection, now: datetime) -> list[HeldRule]:
    """The rules that do not do what their files say, at present."""
    rows = await conn.fetch(HELD, now, now - DAY, MOST_COUNTED, TOLERANCE)
    return [into(HeldRule, row) for row in rows]


BY_ID = "id"
DAY = timedelta(days=1)
"""Firings are counted over this span, and ever."""


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """A rule as its file says it, and how it does.

    `place` is its file and line, `switch` what somebody wants of it by hand. `in_force_since` and `canary_until` are
    None where no process has put this revision in force, and where it is no canary (any more).
    """

    rule: Rule
    place: tuple[str, int] | None
    switch: Switch | None
    in_force_since: datetime | None
    canary_until: datetime | None
    tally: Tally
    pauses: Sequence[Pause]

    @property
    def enabled(self) -> bool:
        """Whether it is on, by hand or by its file."""
        return rule_book.is_on(self.rule, self.switch)

    @property
    def state(self) -> str:
        """In one word: on, off, or canary."""
        return "off" if not self.enabled else "canary" if self.canary_until else "on"

    @property
    def last_fired_at(self) -> datetime | None:
        """When a run of it last began."""
        return max((self.tally.last[one] for one in ("fired", "queued") if one in self.tally.last), default=None)


async def list_rules(
    conn: Connection, source: RuleSource, now: datetime, cursor: str | None, limit: int, enabled: bool | None = None
) -> Page[RuleStatus]:
    """A page of the rules by their ids, all or those that are on (or off)."""
    last = read_cursor(cursor, BY_ID, str) if cursor else ""
    switches = await rule_book.switches_by_rule(conn)
    left = [
        rule
        for rule in sorted(source.rules(), key=lambda rule: rule.id)
        if rule.id > last and enabled in {None, rule_book.is_on(rule, switches.get(rule.id))}
    ]
    found = await _statuses(conn, left[:limit], source, switches, now)
    return Page(found, write_cursor(BY_ID, left[limit - 1].id) if len(left) > limit else None)


async def status_of(conn: Connection, rule: Rule, source: RuleSource, now: datetime) -> RuleStatus:
    """How one rule does."""
    (found,) = await _statuses(conn, [rule], source, await rule_book.switches_by_rule(conn), now)
    return found


async def _statuses(
    conn: Connection, shown: Sequence[Rule], source: RuleSource, switches: Mapping[str, Switch], now: datetime
) -> list[RuleStatus]:
    armed = await timers.armed_revisions(conn)
    pauses = (await holds.in_force(conn, now, now)).pauses
    counted = await tallies(conn, [rule.id for rule in shown], now - DAY)
    places, found = source.places(), []
    for rule in shown:
        revision, at = armed.get(rule.id, (None, None))
        since = at if revision == rule.revision else None
        canary = since + rule.canary if since and rule.canary else None
        held = [pause for pause in pauses if pause.rule == rule.id and _can_meet(rule, pause.scope)]
        found.append(
            RuleStatus(
                rule, places.get(rule.id), switches.get(rule.id), since, canary if canary and canary > now else None,
                counted.get(rule.id, Tally()), held,
            )
        )  # fmt: skip
    return found


def _can_meet(rule: Rule, scope: str) -> bool:
    """Whether anything that the rule matches lies within the scope of a pause, by its provider and platform."""
    per, _, key = scope.partition(" ")
    if per not in ("account", "platform", "provider"):
        return True
    provider, _, rest = key.partition("/")
    named = {"provider": provider, "platform": rest.partition(":")[0]}
    return all(
        any(fnmatchcase(named[clause.field], word) for word in clause.words)
        for clause in rule.match if named.get(clause.field, "?") not in ("", "?")
    )  # fmt: skip
