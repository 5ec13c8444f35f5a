"""Orders about many posts or actions: which ones an order is about, what would come of it, and plans as they stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import and_, cast, literal_column, or_, select
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.types import Text
from sqlmodel import col

from tracker.domain.plans import STATES, USUAL, Order, passes_over_action, passes_over_post
from tracker.domain.posts.post import Post
from tracker.domain.rate import Pace, Rate
from tracker.errors import BadParameter
from tracker.parameters import parse_choices, refuse_zero_bytes
from tracker.queries.actions import ActionQuery, chosen
from tracker.queries.paging import AnySelect, Keyset, Page, any_of, compiled, fitting, list_page
from tracker.queries.post_filters import PostQuery, filters, says
from tracker.queries.posts import LOOK
from tracker.store.actions import plans
from tracker.store.actions.plans import MOST, MOST_SILENCED, OUTCOMES_OF
from tracker.store.session import into
from tracker.store.tables.operations import Plan
from tracker.store.tables.posts import Post as Posts
from tracker.store.tables.reactions import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.store.database import Connection

COUNTED = 10_000
"""A dry run looks at no more than so many."""
FASTEST = 100
"""A second."""
USUAL_PACE = "10 per second"
LONGEST_NOTE, MOST_IDS = 500, 1000

NEWEST_FIRST = Keyset("plans -created_at", tuple[datetime, UUID], col(Plan.created_at), (col(Plan.id),))


class PlanOut(Struct, frozen=True):
    """An order about many, and how far it is."""

    id: UUID
    state: Annotated[str, Meta(description="running, paused, done or cancelled.")]
    subject: Annotated[str, Meta(description="posts or actions.")]
    verb: Annotated[str, Meta(description="retry, reconcile or silence; retry, discard or redeliver.")]
    filters: Annotated[dict[str, Any], Meta(description="What chose them when it was made.")]
    include_all: Annotated[bool, Meta(description="Whether it is also for those that it usually passes over.")]
    until: Annotated[datetime | None, Meta(description="When its silences end.")]
    pace: str
    note: str
    by: Annotated[str, Meta(description="The name of the key that made it.")]
    created_at: datetime
    changed_at: Annotated[datetime, Meta(description="When it came into its state.")]
    total: Annotated[int, Meta(description=f"How many it is about, {MOST} at most, and {MOST_SILENCED} of silences.")]
    ordered: Annotated[int, Meta(description="For how many the order was given.")]
    skipped: Annotated[dict[str, int], Meta(description="How many it has passed over, by reason.")]
    left: Annotated[int, Meta(description="How many have not had their turn.")]
    ends_at: Annotated[datetime | None, Meta(description="When the last one's turn comes; null unless it is running.")]


class OnePlanOut(PlanOut, frozen=True):
    """A plan, and what has become of its orders."""

    outcomes: Annotated[
        dict[str, int],
        Meta(description=f"In which states its actions are now, of the {OUTCOMES_OF} that had their turn last."),
    ]
    failed: Annotated[int, Meta(description="How many of these came to nothing: dead and unknown ones.")]


class PlannedOut(Struct, frozen=True):
    """What an order about many does, or would do."""

    plan: Annotated[PlanOut | None, Meta(description="null for a dry run, which plans nothing.")]
    matched: Annotated[int, Meta(description=f"How many it is about, counted to {COUNTED}.")]
    exact: Annotated[bool, Meta(description="Whether these are all; otherwise the numbers are of the oldest.")]
    orders: Annotated[int, Meta(description="For how many of these the order is given.")]
    skipped: Annotated[dict[str, int], Meta(description="How many of these are passed over, by reason.")]


@dataclass(frozen=True, slots=True)
class Item:
    """One that an order is about, as it stands; `passed_over` is why it is not given, where it is not."""

    number: int
    post: Post | None
    action: UUID | None
    passed_over: str | None


def parse_order(
    subject: str, verb: str, filters: Mapping[str, object], *, pace: str | None = None, note: str = "",
    include_all: bool = False, until: datetime | None = None,
) -> Order:  # fmt: skip
    """The order as people write it, but for the filters, which `which_ones` reads. Raises BadParameter."""
    refuse_zero_bytes(note=note, pace=pace)
    if len(note) > LONGEST_NOTE:
        raise BadParameter("note", f"has more than {LONGEST_NOTE} letters")
    try:
        rate = Rate.parse(pace or USUAL_PACE)
        if Pace(rate).gap.total_seconds() * FASTEST < 1:
            raise ValueError(f"{FASTEST} a second is the most")
    except (ValueError, OverflowError) as error:
        raise BadParameter("pace", str(error)) from error
    return Order(subject, verb, filters, str(rate), note.strip(), include_all, until)


def which_ones(order: Order, now: datetime) -> AnySelect:
    """Those that the order is about now, by its filters: those of the list, and `ids`. Raises BadParameter.

    An id is an action's, or a post's, alone or with its provider before it.
    """
    filters: dict[str, Any] = dict(order.filters)
    ids = filters.pop("ids", None)
    if order.subject == "actions":
        return which_actions(order, ActionQuery.parse(now, **filters), ids)
    pairs = None if ids is None else [(None, one) if isinstance(one, str) else tuple(one) for one in ids]
    return which_posts(order, PostQuery.parse(now, **filters), pairs)


def which_posts(order: Order, query: PostQuery, ids: Sequence[tuple[str | None, str]] | None) -> AnySelect:
    """The posts that fit all filters, and are one of `ids` where these are given, each of a provider or of any.

    A word is sought in the LOOK posts that were heard of last.
    """
    refuse_zero_bytes(**{f"ids[{n}]": post for n, (_, post) in enumerate(ids or ())})
    usual = USUAL.get((order.subject, order.verb), ()) if ids is None else ()
    states, at = query.wanted_states or usual, col(Posts.last_event_at)
    where = filters(query) + ([any_of(col(Posts.state), states)] if states else [])
    if ids is not None:
        of_provider: dict[str | None, list[str]] = {}
        for provider, post in ids:
            of_provider.setdefault(provider, []).append(post)
        where.append(or_(*(and_(*fitting(Posts, provider=one, post=these)) for one, these in of_provider.items())))
    posts = select(at.label("at"), col(Posts.provider), col(Posts.post), cast(None, PG_UUID).label("action"))
    if not query.q:
        return posts.where(*where).order_by(at, col(Posts.provider), col(Posts.post)).limit(MOST + 1)
    newest = posts.add_columns(cast(col(Posts.fold), Text).label("fold")).where(*where).order_by(at.desc()).limit(LOOK)
    these = newest.subquery("newest").c
    return select(these.at, these.provider, these.post, these.action).where(says(these.post, these.fold, query.q))


def which_actions(order: Order, query: ActionQuery, ids: Sequence[UUID] | None) -> AnySelect:
    """The actions that fit all filters, and are one of `ids` where these are given."""
    of = replace(query, states=query.states or (() if ids is not None else USUAL[order.subject, order.verb]))
    at, id_ = col(Action.created_at), col(Action.id)
    nothing: Any = literal_column("null::text")
    columns: tuple[Any, ...] = (at.label("at"), nothing.label("provider"), nothing.label("post"), id_.label("action"))
    where = [any_of(col(Action.state), of.states)] if of.states else []
    where += [any_of(id_, ids)] if ids is not None else []
    return chosen(of, *columns).where(*where).order_by(at, id_).limit(MOST + 1)


JUDGED_POSTS = """
select c.number, p.fold::text as fold,
       exists (select from actions a where a.provider = c.provider and a.post = c.post and a.verb = '{verb}'
                                       and a.state in ('pending', 'claimed')) as under_way
  from ({which}) c
  left join lateral (select fold from posts where projection = (select version from projections where current)
                                              and provider = c.provider and post = c.post offset 0) p on true
 order by c.number
"""

JUDGED_ACTIONS = """
select c.number, c.action, a.state
  from ({which}) c left join lateral (select state from actions where id = c.action offset 0) a on true
 order by c.number
"""

NEXT_OF_PLAN = """
select number, provider, post, action from plan_items where plan = $1 and number > $2 order by number limit $3
"""


async def list_plans(
    conn: Connection, states: Sequence[str] | None, now: datetime, cursor: str | None = None, limit: int = 50
) -> Page[PlanOut]:
    """A page of plans, the newest first."""
    wanted = select(Plan).where(*fitting(Plan, state=parse_choices("state", states, STATES)))
    return await list_page(conn, wanted, NEWEST_FIRST, cursor, limit, lambda row: plan_out(into(plans.Plan, row), now))


async def one_plan(conn: Connection, plan: UUID, now: datetime) -> OnePlanOut:
    """The plan, and what has become of its orders; raises NotFound."""
    known = await plans.get(conn, plan)
    outcomes = await plans.outcomes(conn, known)
    failed = sum(outcomes.get(state, 0) for state in ("dead", "unknown"))
    return OnePlanOut(**_shown(known, now), outcomes=outcomes, failed=failed)


async def try_order(conn: Connection, order: Order, which: AnySelect) -> PlannedOut:
    """What would come of the order, for the oldest COUNTED that it is about."""
    text, values = compiled(which.limit(COUNTED + 1))
    numbered = f"select row_number() over () as number, w.* from ({text}) w"
    items = await _judged(conn, order, numbered, values)
    reasons = Counter(item.passed_over for item in items[:COUNTED])
    orders = reasons.pop(None, 0)
    skipped = {reason: number for reason, number in reasons.items() if reason}
    return PlannedOut(None, min(len(items), COUNTED), len(items) <= COUNTED, orders, skipped)


async def next_of_plan(conn: Connection, plan: plans.Plan, limit: int) -> list[Item]:
    """Those whose turn is next, as they stand."""
    return await _judged(conn, plan, NEXT_OF_PLAN, (plan.id, plan.place, limit))


async def _judged(conn: Connection, order: Order | plans.Plan, which: str, values: Sequence[Any]) -> list[Item]:
    posts, everything = order.subject == "posts", order.include_all
    text = (JUDGED_POSTS if posts else JUDGED_ACTIONS).format(which=which, verb=order.verb)
    items = []
    for row in await conn.fetch(text, *values):
        if posts:
            post = msgspec.json.decode(row["fold"], type=Post) if row["fold"] else None
            reason = passes_over_post(order.verb, post, row["under_way"], everything)
            items.append(Item(row["number"], post, None, reason))
        else:
            reason = passes_over_action(order.verb, row["state"], everything)
            items.append(Item(row["number"], None, row["action"], reason))
    return items


def plan_out(plan: plans.Plan, now: datetime) -> PlanOut:
    """A plan as it is shown."""
    return PlanOut(**_shown(plan, now))


def _shown(plan: plans.Plan, now: datetime) -> dict[str, Any]:
    ends_at = max(plan.next_at, now) + max(plan.left - 1, 0) * Pace(Rate.parse(plan.pace)).gap
    names = {name for name in PlanOut.__struct_fields__ if name != "ends_at"}
    return {name: getattr(plan, name) for name in names} | {"ends_at": ends_at if plan.state == "running" else None}
