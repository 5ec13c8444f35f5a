"""Figures side by side: how posts ended within a span and the span before it, by what they are told apart by.

A post, or a target where platforms or accounts are told apart, counts once in a span: as it last ended within it. They
reach as far back as the log is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from tracker.errors import BadParameter
from tracker.parameters import parse_choice, parse_span, refuse_zero_bytes
from tracker.queries.accounts import names_of

if TYPE_CHECKING:
    from tracker.store.database import Connection, Row

GROUPS = ("account", "platform", "provider", "error", "attribute")
LONGEST, SHORTEST = timedelta(days=92), timedelta(hours=1)
MOST_SHOWN, MOST_COUNTED = 100, 50_000
"""Of those told apart; and the ends that are counted each: of more, those of one post in so many are."""


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
    one_in: Annotated[
        int,
        Meta(
            description=f"1: every post was counted. More: with over {MOST_COUNTED} ends, only one post in so many was,"
            " and the numbers are estimates from it; what webhooks missed is counted whole all the same."
        ),
    ]


MOVES = """
  from transitions t {sample}
 where t.projection = (select version from projections where current)
   and t.received_at >= $1 and t.occurred_at >= $1 and t.occurred_at < $2
   and (t.target is not null) = {targets} and t.after in ('published', 'partial', 'failed')
   and ($3::text is null or t.provider = $3)
   and {of_account}
"""
"""They are found by the blocks in which they arrived: nothing arrives before it has happened."""

AS_MANY = f"select count(*) from (select {MOVES} limit {MOST_COUNTED + 1}) counted"
A_HUNDREDTH = f"select count(*) {MOVES}"

ENDS = f"""
with ends as (
  select distinct on (t.provider, t.post, t.target, t.occurred_at < $6)
         t.provider, t.post, t.target, t.after, t.error, t.occurred_at, t.occurred_at < $6 as earlier
   {MOVES} {{chosen}}
   order by t.provider, t.post, t.target, t.occurred_at < $6, t.occurred_at desc, t.cause desc
), told as materialized (
  select * from (
    select e.*, substring(e.target from '^[^:#]*') as platform, {{account}} as account, p.terms,
           case when e.after <> 'failed' and p.scheduled_at <= e.occurred_at
                then extract(epoch from e.occurred_at - p.scheduled_at)::float8 end as delay,
           floor(extract(epoch from e.occurred_at - $6::timestamptz) / {{slot}})::int as slot
      from ends e
      left join posts p on p.projection = (select version from projections where current)
                       and p.provider = e.provider and p.post = e.post) e
   where ($5::text is null or platform = $5) and ($4::text is null or account = $4)
)
(select 'item' as part, null::int as slot, {{columns}}, {{counts}} from told {{more}} where {{only}}
  group by {{grouping}} order by count(*) desc, {{grouping}} limit {MOST_SHOWN})
union all
select 'whole', null, {{none}}, {{counts}} from told
union all
select 'slot', slot, {{none}}, {{counts}} from told where not earlier group by slot
"""

COUNTS = ", ".join(
    f"{{many}} * count(*) filter (where {which} and after = '{state}') as {name}{end}"
    for which, end in (("not earlier", ""), ("earlier", "_before"))
    for state, name in (("published", "published"), ("partial", "partly"), ("failed", "failed"))
) + "".join(
    f", percentile_cont(0.5) within group (order by delay) filter (where {which}) as delay{end}"
    for which, end in (("not earlier", ""), ("earlier", "_before"))
)

ANY_ACCOUNT = "$4::text is null"
OF_ACCOUNT = """(t.provider, t.post) in (
   select provider, post from posts
    where accounts @> array[$4] and projection = (select version from projections where current))"""
OF_ONE_IN = "and hashtext(t.post) % {one_in} = 0"

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
 where ($6::text is null or platform = $6) and ($5::text is null or account = $5) and {only}
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
    only = (query.provider, query.account, query.platform)
    one_in = await _one_in(conn, query, earliest, until)
    rows = defaultdict(list)
    for row in await conn.fetch(ending(query, one_in), earliest, until, *only, since):
        rows[row["part"]].append(row)
    given = (earliest, since, until, *only)
    missed_of = {} if query.by == "error" else {
        _key(row, query.by): row for row in await conn.fetch(missing(query.by), *given)
    }  # fmt: skip
    named = await names_of(conn, {(row["provider"], row["account"]) for row in rows["item"] if query.by == "account"})
    missed = await conn.fetchrow(missing(None), *given)
    slots = _slots(query.span)
    return FiguresOut(
        query.by, since, until, earliest, *_both(rows["whole"][0], missed),
        _pace(rows["slot"], since, query.span / slots, slots),
        [_figure(row, named, missed_of.get(_key(row, query.by))) for row in rows["item"]], one_in,
    )  # fmt: skip


async def _one_in(conn: Connection, query: FiguresQuery, earliest: datetime, until: datetime) -> int:
    """Of how many posts one is counted, so that some MOST_COUNTED ends are; where there are more, by a look at few."""
    given = (earliest, until, query.provider, query.account)
    if await conn.fetchval(AS_MANY.format(**_moves(query)), *given) <= MOST_COUNTED:
        return 1
    hundredth = {"sample": "tablesample system (1)"}
    seen: int = await conn.fetchval(A_HUNDREDTH.format(**_moves(query) | hundredth), *given)
    return max(2, -(-100 * seen // MOST_COUNTED))


def _moves(query: FiguresQuery) -> dict[str, object]:
    of_account = OF_ACCOUNT if query.account else ANY_ACCOUNT
    return {"targets": query.of_targets, "of_account": of_account, "sample": ""}


def ending(query: FiguresQuery, one_in: int) -> str:
    """The statement that counts how posts, or targets, ended: by what they are told apart by, in all, and by slot."""
    only = {"error": "error is not null", "account": "account is not null", "attribute": IS_ATTRIBUTE}
    grouping = ", ".join(COLUMNS[query.by])
    chosen = OF_ONE_IN.format(one_in=one_in) if one_in > 1 else ""
    by_account = query.account or query.by == "account"
    return ENDS.format(
        **_moves(query), chosen=chosen, slot=(query.span / _slots(query.span)).total_seconds(),
        account="p.fold->'targets'->e.target->>'account'" if by_account else "null::text",
        columns=", ".join(name if name in COLUMNS[query.by] else f"null::text as {name}" for name in GROUPS),
        none=", ".join(["null"] * len(GROUPS)), counts=COUNTS.format(many=one_in), grouping=grouping,
        only=only.get(query.by, "true"), more=TERMS if query.by == "attribute" else "",
    )  # fmt: skip


def missing(by: str | None) -> str:
    """The statement that counts what webhooks missed, by that, or in all (None)."""
    columns = ", ".join(COLUMNS[by]) if by else "true"
    only = {"account": "account is not null", "platform": "platform is not null", "attribute": IS_ATTRIBUTE}
    return MISSED.format(
        columns=columns, grouping=columns if by else "()", only=only.get(by or "", "true"),
        more=TERMS if by == "attribute" else "",
    )  # fmt: skip


def _key(row: Row, by: str) -> tuple[str | None, ...]:
    return tuple(row[name] for name in COLUMNS[by])


def _both(row: Row, missed: Row | None) -> tuple[EndsOut, EndsOut]:
    return _ends(row, missed, ""), _ends(row, missed, "_before")


def _ends(row: Row, missed: Row | None, which: str) -> EndsOut:
    published, partly, failed = (row[name + which] for name in ("published", "partly", "failed"))
    ended = published + partly + failed
    return EndsOut(
        published, partly, failed, (partly + failed) / ended if ended else None,
        row["delay" + which], missed["missed" + which] if missed else 0,
    )  # fmt: skip


def _figure(row: Row, named: dict[tuple[str, str], str], missed: Row | None) -> FigureOut:
    told = {name: row[name] for name in GROUPS}
    now, before = _both(row, missed)
    return FigureOut(**told, name=named.get((row["provider"], row["account"])), now=now, before=before)


def _slots(span: timedelta) -> int:
    """Hours, quarters of a day, or days."""
    size = next((hours for hours, days in ((1, 2), (6, 8)) if span <= timedelta(days=days)), 24)
    return max(1, round(span / timedelta(hours=size)))


def _pace(rows: Sequence[Row], since: datetime, slot: timedelta, slots: int) -> list[SlotOut]:
    counted = {row["slot"]: (row["published"], row["partly"], row["failed"]) for row in rows}
    return [SlotOut(since + place * slot, *counted.get(place, (0, 0, 0))) for place in range(slots)]
