"""Figures side by side: how posts ended within a span and the span before it, by what they are told apart by.

A post, or a target where platforms or accounts are told apart, counts once in a span: as it last ended within it. They
reach as far back as the log is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from tracker.errors import BadParameter
from tracker.parameters import parse_choice, parse_span, refuse_zero_bytes
from tracker.queries.accounts import names_of

if TYPE_CHECKING:
    from tracker.store.database import Connection, Row

GROUPS = ("account", "platform", "provider", "error", "attribute")
LONGEST, SHORTEST = timedelta(days=92), timedelta(hours=1)
MOST_SHOWN = 100


class EndsOut(Struct, frozen=True):
    """How posts ended within a span, each as it last did."""

    published: int
    partly: Annotated[int, Meta(description="Published in part only.")]
    failed: int
    rate: Annotated[float | None, Meta(description="(failed + partly) / all that ended; null: none did.")]
    median_delay: Annotated[float | None, Meta(description="From planned to published, in seconds.")]
    missed_by_webhook: Annotated[int, Meta(description="Posts of which only asking told something.")]


class FigureOut(Struct, frozen=True):
    """One of those told apart; null for what it is not told apart by."""

    provider: str | None
    platform: str | None
    account: str | None
    name: Annotated[str | None, Meta(description="What the account is called.")]
    error: str | None
    attribute: Annotated[str | None, Meta(description="Name and value, as in campaign:spring.")]
    now: EndsOut
    before: EndsOut


class SlotOut(Struct, frozen=True):
    """How posts ended in a part of the span."""

    begins_at: datetime
    published: int
    partly: int
    failed: int


class FiguresOut(Struct, frozen=True):
    """A span beside the one before it, which is as long."""

    by: str
    since: datetime
    until: datetime
    before_since: Annotated[datetime, Meta(description="From when on `before` counts, up to `since`.")]
    now: EndsOut
    before: EndsOut
    pace: Annotated[list[SlotOut], Meta(description="The span in parts, in order.")]
    items: Annotated[list[FigureOut], Meta(description=f"The {MOST_SHOWN} with the most ends, the largest first.")]


ENDS = """
with ends as (
  select distinct on (t.provider, t.post, t.target, t.occurred_at < $2)
         t.provider, t.post, t.target, t.after, t.error, t.occurred_at, t.occurred_at < $2 as earlier
    from transitions t
   where t.projection = (select version from projections where current)
     and t.received_at >= $1 and t.occurred_at >= $1 and t.occurred_at < $3
     and (t.target is not null) = {targets} and t.after in ('published', 'partial', 'failed')
     and ($4::text is null or t.provider = $4)
   order by t.provider, t.post, t.target, t.occurred_at < $2, t.occurred_at desc, t.cause desc
), told as (
  select e.*, substring(e.target from '^[^:#]*') as platform, p.fold->'targets'->e.target->>'account' as account,
         case when e.after <> 'failed' and p.scheduled_at <= e.occurred_at
              then extract(epoch from e.occurred_at - p.scheduled_at)::float8 end as delay, p.terms
    from ends e
    left join posts p on p.projection = (select version from projections where current)
                     and p.provider = e.provider and p.post = e.post
)
select {columns},
       count(*) filter (where not earlier and after = 'published') as published,
       count(*) filter (where not earlier and after = 'partial') as partly,
       count(*) filter (where not earlier and after = 'failed') as failed,
       percentile_cont(0.5) within group (order by delay) filter (where not earlier) as delay,
       count(*) filter (where earlier and after = 'published') as published_before,
       count(*) filter (where earlier and after = 'partial') as partly_before,
       count(*) filter (where earlier and after = 'failed') as failed_before,
       percentile_cont(0.5) within group (order by delay) filter (where earlier) as delay_before
  from told {more}
 where ($5::text is null or platform = $5) and ($6::text is null or account = $6) and {only}
 group by {grouping} order by count(*) desc, {order} limit {most}
"""
"""The moves are found by the blocks in which they arrived: nothing arrives before it has happened."""

MISSED = """
select {columns}, count(distinct (provider, post)) filter (where found_at >= $2) as missed,
       count(distinct (provider, post)) filter (where found_at < $2) as missed_before
  from (select f.provider, f.post, f.found_at, p.terms, t.value->>'platform' as platform, t.value->>'account' as account
          from findings f
          left join posts p on p.projection = (select version from projections where current)
                           and p.provider = f.provider and p.post = f.post
          left join lateral json_each(p.fold->'targets') t on true
         where f.told_at is null and f.found_at >= $1 and f.found_at < $3
           and ($4::text is null or f.provider = $4)) found {more}
 where ($5::text is null or platform = $5) and ($6::text is null or account = $6) and {only}
 group by {grouping}
"""

TERMS, IS_ATTRIBUTE = "cross join lateral unnest(terms) as attribute", "left(attribute, 1) not in ('#', '!')"
COLUMNS = {
    "provider": ("provider",), "platform": ("platform",), "account": ("provider", "platform", "account"),
    "error": ("error",), "attribute": ("attribute",),
}  # fmt: skip


class FiguresQuery(Struct, frozen=True):
    """Which span, told apart by one of GROUPS; of one provider, platform and account only where they are named."""

    span: timedelta
    by: str = "account"
    provider: str | None = None
    platform: str | None = None
    account: str | None = None

    @classmethod
    def parse(cls, now: datetime, *, span: str, by: str, **only: str | None) -> FiguresQuery:
        """As people write it. Raises BadParameter."""
        refuse_zero_bytes(**only)
        length = parse_span("span", span, now)
        if not SHORTEST <= length <= LONGEST:
            raise BadParameter("span", f"must be from 1h to {LONGEST.days}d")
        named = {name: text or None for name, text in only.items()}
        named["platform"] = (named.get("platform") or "").lower() or None
        return cls(length, parse_choice("by", by, GROUPS), **named)

    @property
    def of_targets(self) -> bool:
        """Whether the targets of posts are counted, and not posts."""
        return self.by in ("platform", "account") or bool(self.platform or self.account)


async def figures(conn: Connection, query: FiguresQuery, until: datetime) -> FiguresOut:
    """The span that ends at `until`, and the one before it."""
    since = until - query.span
    earliest = since - query.span
    given = (earliest, since, until, query.provider, query.platform, query.account)
    missed_of = {} if query.by == "error" else {
        _key(row, query.by): row for row in await conn.fetch(missing(query.by), *given)
    }  # fmt: skip
    rows = await conn.fetch(ending(query.by, targets=query.of_targets), *given)
    named = await names_of(conn, {(row["provider"], row["account"]) for row in rows if query.by == "account"})
    whole = await conn.fetchrow(ending(None, targets=query.of_targets), *given)
    missed = await conn.fetchrow(missing(None), *given)
    slots = _slots(query.span)
    pace = await conn.fetch(pacing(targets=query.of_targets, slot=query.span / slots), *given)
    return FiguresOut(
        query.by, since, until, earliest, *_both(whole, missed),
        _pace(pace, since, query.span / slots, slots),
        [_figure(row, query.by, named, missed_of.get(_key(row, query.by))) for row in rows],
    )  # fmt: skip


def ending(by: str | None, *, targets: bool) -> str:
    """The statement that counts how posts, or targets, ended by that, or in all (None)."""
    only = {"error": "error is not null", "account": "account is not null", "attribute": IS_ATTRIBUTE}
    return ENDS.format(
        targets=targets, columns=_columns(by), grouping=_columns(by) if by else "()",
        order=_columns(by) if by else "1", most=MOST_SHOWN,
        only=only.get(by or "", "true"), more=TERMS if by == "attribute" else "",
    )  # fmt: skip


def pacing(*, targets: bool, slot: timedelta) -> str:
    """The statement that counts how they ended by the part of the span, each so long."""
    part = f"floor(extract(epoch from occurred_at - $2::timestamptz) / {slot.total_seconds()})::int"
    return ENDS.format(
        targets=targets, columns=f"{part} as slot", grouping=part, order="1", most=MOST_SHOWN, only="not earlier",
        more="",
    )  # fmt: skip


def missing(by: str | None) -> str:
    """The statement that counts what webhooks missed."""
    only = {"account": "account is not null", "platform": "platform is not null", "attribute": IS_ATTRIBUTE}
    return MISSED.format(
        columns=_columns(by), grouping=_columns(by) if by else "()", only=only.get(by or "", "true"),
        more=TERMS if by == "attribute" else "",
    )  # fmt: skip


def _columns(by: str | None) -> str:
    return ", ".join(COLUMNS[by]) if by else "true as whole"


def _key(row: Row, by: str) -> tuple[str | None, ...]:
    return tuple(row[name] for name in COLUMNS[by])


def _both(row: Row | None, missed: Row | None) -> tuple[EndsOut, EndsOut]:
    return _ends(row, missed, ""), _ends(row, missed, "_before")


def _ends(row: Row | None, missed: Row | None, which: str) -> EndsOut:
    published, partly, failed = (row[name + which] if row else 0 for name in ("published", "partly", "failed"))
    ended = published + partly + failed
    return EndsOut(
        published, partly, failed, (partly + failed) / ended if ended else None,
        row["delay" + which] if row else None, missed["missed" + which] if missed else 0,
    )  # fmt: skip


def _figure(row: Row, by: str, named: dict[tuple[str, str], str], missed: Row | None) -> FigureOut:
    told: dict[str, Any] = dict.fromkeys(("provider", "platform", "account", "name", "error", "attribute"))
    told |= {name: row[name] for name in COLUMNS[by]}
    told["name"] = named.get((told["provider"] or "", told["account"] or ""))
    now, before = _both(row, missed)
    return FigureOut(**told, now=now, before=before)


def _slots(span: timedelta) -> int:
    """Hours, quarters of a day, or days."""
    size = next((hours for hours, days in ((1, 2), (6, 8)) if span <= timedelta(days=days)), 24)
    return max(1, round(span / timedelta(hours=size)))


def _pace(rows: Sequence[Row], since: datetime, slot: timedelta, slots: int) -> list[SlotOut]:
    counted = {row["slot"]: (row["published"], row["partly"], row["failed"]) for row in rows}
    return [SlotOut(since + place * slot, *counted.get(place, (0, 0, 0))) for place in range(slots)]
