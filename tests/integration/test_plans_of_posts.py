"""Plans about posts: who is meant is settled when the order is given, and each is ordered once, as if by hand."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import NOON, PROVIDER, told
from tracker.act.plans import PlanRunner
from tracker.domain.posts.event import Problem, Report, State, TargetFact
from tracker.errors import Rejected
from tracker.facts import commands, planning
from tracker.facts.own_facts import reconciled
from tracker.queries.paging import compiled
from tracker.queries.plans import parse_order, try_order, which_posts
from tracker.queries.post_filters import PostQuery
from tracker.queries.posts import find_post
from tracker.store.actions import plans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.actions.plans import Plan
    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

pytestmark = pytest.mark.anyio

HOSTILE = ("../../x", "%2e%2e", "<b>'\"`--", "\u202eevil", "[*]?", "a" * 190, "retry", "💥", "a\nb")


@pytest.fixture
async def corridor(database: Database) -> Corridor:
    return await Corridor(database, []).open()


def failed(post: str, *, retryable: bool | None) -> Incoming:
    problem = Problem("x", "", retryable)
    report = Report(targets=(TargetFact("instagram", state=State.FAILED, problem=problem),))
    return reconciled(PROVIDER, post, report, NOON, NOON)


async def plan(
    corridor: Corridor, verb: str = "retry", query: PostQuery | None = None, *, pace: str = "100 per second",
    ids: Sequence[tuple[str | None, str]] | None = None, **more: Any,
) -> Plan:  # fmt: skip
    order = parse_order("posts", verb, {}, pace=pace, **more)
    which = which_posts(order, query or PostQuery(), ids)
    async with corridor.database.transaction(unhurried=True) as conn:
        return await planning.make_plan(conn, order, compiled(which), "Ada", corridor.now())


async def carried_out(corridor: Corridor, made: Plan) -> Plan:
    runner = PlanRunner(corridor.database, corridor.now)
    while True:
        while await runner.step():
            pass
        async with corridor.database.connection() as conn:
            known = await plans.get(conn, made.id)
        if known.state != "running":
            return known
        corridor.at += 1


async def facts(corridor: Corridor) -> list[tuple[str, str | None, dict[str, Any]]]:
    rows = await corridor.rows(
        "select kind, post, convert_from(body, 'utf8') from events where source = 'manual' order by position"
    )
    return [(str(kind), post, json.loads(str(body))["detail"]) for kind, post, body in rows]  # type: ignore[misc]


async def test_those_are_tried_again_that_it_may_help_and_the_log_says_why(corridor: Corridor) -> None:
    await corridor.tell(
        failed("hopeless", retryable=False), failed("unsaid", retryable=None), failed("hopeful", retryable=True),
        told("fine", "published", 0),
    )  # fmt: skip
    known = await carried_out(corridor, await plan(corridor))
    assert (known.total, known.ordered, known.skipped) == (3, 2, {"will_not_help": 1})
    told_of = await facts(corridor)
    assert [kind for kind, *_ in told_of] == ["plan.made", "action.requested", "action.requested"]
    assert {post for _, post, _ in told_of[1:]} == {"unsaid", "hopeful"}
    assert {(detail["plan"], detail["by"]) for *_, detail in told_of} == {(str(known.id), "Ada")}
    await corridor.settle()
    assert {claimed.post for claimed in corridor.world.performed} == {"unsaid", "hopeful"}


async def test_what_it_will_not_help_is_tried_where_everything_is_meant(corridor: Corridor) -> None:
    await corridor.tell(failed("hopeless", retryable=False))
    known = await carried_out(corridor, await plan(corridor, include_all=True))
    assert (known.ordered, known.skipped) == (1, {})


async def test_what_fails_later_is_not_swept_in_and_what_has_moved_on_is_passed_over(corridor: Corridor) -> None:
    await corridor.tell(*(told(f"p{n}", "failed", 0) for n in range(3)))
    made = await plan(corridor)
    corridor.at = 1
    async with corridor.database.transaction() as conn:
        await commands.retry_post(conn, (await find_post(conn, "p0")).post, "Bo", corridor.now())
    await corridor.tell(told("p1", "published", 1), told("late", "failed", 1))
    known = await carried_out(corridor, made)
    assert (known.total, known.ordered) == (3, 1)
    assert known.skipped == {"under_way": 1, "published": 1}


async def test_four_nodes_order_each_once(corridor: Corridor) -> None:
    names = [f"p{n:02}" for n in range(60)]
    await corridor.tell(*(told(name, "failed", 0) for name in names))
    made = await plan(corridor)
    nodes = [PlanRunner(corridor.database, corridor.now) for _ in range(4)]
    for _ in range(5):
        corridor.at += 0.3
        await asyncio.gather(*(node.step() for node in nodes))
    known = await carried_out(corridor, made)
    assert (known.ordered, known.skipped) == (60, {})
    await corridor.settle()
    assert sorted(str(claimed.post) for claimed in corridor.world.performed) == names


async def test_two_plans_about_the_same_posts_order_each_once(corridor: Corridor) -> None:
    await corridor.tell(*(told(f"p{n}", "failed", 0) for n in range(9)))
    first, second = await plan(corridor), await plan(corridor)
    nodes = [PlanRunner(corridor.database, corridor.now) for _ in range(2)]
    for _ in range(6):
        corridor.at += 0.3
        await asyncio.gather(*(node.step() for node in nodes))
    ends = [await carried_out(corridor, made) for made in (first, second)]
    assert sum(known.ordered for known in ends) == 9
    assert sum(known.skipped.get("under_way", 0) for known in ends) == 9
    assert await corridor.rows("select count(*) from actions") == [(9,)]


async def test_whoever_is_passed_over_takes_no_time_of_the_pace(corridor: Corridor) -> None:
    await corridor.tell(*(failed(f"p{n:03}", retryable=n == 129) for n in range(130)))
    made = await plan(corridor, pace="1 per hour")
    runner = PlanRunner(corridor.database, corridor.now)
    while await runner.step():
        pass
    async with corridor.database.connection() as conn:
        known = await plans.get(conn, made.id)
    assert (known.state, known.ordered, known.skipped) == ("done", 1, {"will_not_help": 129})


async def test_a_silence_of_each_ends_for_all_at_the_same_time(corridor: Corridor) -> None:
    await corridor.tell(*(told(name, "failed", 0) for name in HOSTILE))
    end = NOON.replace(hour=15)
    known = await carried_out(corridor, await plan(corridor, "silence", until=end, note="known"))
    assert (known.ordered, known.skipped) == (len(HOSTILE), {})
    rows = await corridor.rows("select distinct until, by, reason from silences")
    assert rows == [(end, "Ada", "known")]
    over = await carried_out(corridor, await plan(corridor, "silence", until=NOON, note="known"))
    assert over.skipped == {"over": len(HOSTILE)}


async def test_silences_of_more_posts_than_every_step_can_read_are_refused(
    corridor: Corridor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MOST_SILENCED", 1)
    await corridor.tell(told("p1", "failed", 0), told("p2", "failed", 0))
    with pytest.raises(Rejected, match="more than 1 posts"):
        await plan(corridor, "silence", until=NOON.replace(hour=15))
    assert await corridor.rows("select * from plans") == []


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_post_may_be_called_anything(corridor: Corridor, name: str) -> None:
    await corridor.tell(told(name, "failed", 0), told("other", "failed", 0))
    by_id = await carried_out(corridor, await plan(corridor, ids=[(PROVIDER, name)]))
    assert (by_id.total, by_id.ordered) == (1, 1)
    asked = await carried_out(corridor, await plan(corridor, "reconcile", PostQuery(q=name)))
    assert asked.ordered == 1
    assert {post for _, post, _ in (await facts(corridor)) if post} == {name}


async def test_ids_are_of_the_provider_that_is_named(corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0))
    for ids, total in (([("other", "p1")], 0), ([(None, "p1"), ("other", "p1")], 1), ([(PROVIDER, "p1")], 1)):
        order = parse_order("posts", "retry", {})
        async with corridor.database.connection() as conn:
            assert (await try_order(conn, order, which_posts(order, PostQuery(), ids))).matched == total


MANY = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, entered_at,
                   last_event_at, first_day, last_day, fold)
select version, $1, 'many' || n, 0, 'failed', 1, 1, '{x}', '{}', $2, $2, $3, $3,
       format('{"provider":"%s","id":"many%s","state":"failed"}', $1::text, n)::json
  from projections, generate_series(1, 30000) n where current
"""


async def test_a_plan_about_many_is_bounded_in_what_it_looks_at(corridor: Corridor) -> None:
    async with corridor.database.connection() as conn:
        await conn.execute(MANY, PROVIDER, NOON, NOON.date())
        await conn.execute("analyze posts")
        order = parse_order("posts", "retry", {})
        tried = await try_order(conn, order, which_posts(order, PostQuery(), None))
    assert (tried.matched, tried.exact, tried.orders) == (10_000, False, 10_000)
    made = await plan(corridor)
    assert made.total == 30_000
    corridor.at = 2
    assert await PlanRunner(corridor.database, corridor.now).step()
    async with corridor.database.connection() as conn:
        known = await plans.get(conn, made.id)
    assert (known.ordered, known.left) == (100, 29_900)
