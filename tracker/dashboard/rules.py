"""Rules: the list with what each came to, the page of one, and their switches."""

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.dashboard.backtests import FIRST_SPAN, SPANS
from tracker.dashboard.query import Query, address, rule_address
from tracker.dashboard.rendering import Visit
from tracker.dashboard.rule_trouble import rule_trouble
from tracker.dashboard.session import Clock
from tracker.domain.runs.firing import Outcome
from tracker.facts import commands
from tracker.queries import rule_status
from tracker.queries.rule_firings import MOST_COUNTED, latest_firings
from tracker.queries.runs import RunQuery, list_runs
from tracker.rulebook.source import RuleSource, rule_called
from tracker.store.database import Database

STATES = ("on", "off")
OPEN = ("active", "queued")
ON_A_PAGE = 50
FIRINGS, RUNS = 10, 5

RuleId = Annotated[str, PathParameter()]


@get("/rules")
async def show_rules(
    visit: NamedDependency[Visit],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
) -> Response[Any]:
    """By their ids, whatever file they stand in."""
    asked = Query(visit.request.query_params)
    states = asked.words("state", STATES)
    enabled = "on" in states if len(set(states)) == 1 else None
    async with database.connection() as conn:
        page = await rule_status.list_rules(conn, rules, clock(), asked.cursor, ON_A_PAGE, enabled)
    more = address("/rules", state=states, cursor=page.next) if page.next else None
    return visit.page(
        "rules", rules=page.items, chosen=states, states=STATES, first=asked.cursor is None, more=more,
        most=MOST_COUNTED, trouble=rule_trouble(rules.faults(), rules.footing()),
    )  # fmt: skip


@get("/rules/{rule:str}")
async def show_rule(
    visit: NamedDependency[Visit],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    rule: RuleId,
) -> Response[Any]:
    """What it says, how it does, and what it came to last."""
    known = rule_called(rules, rule)
    cursor = Query(visit.request.query_params).cursor
    async with database.connection() as conn:
        found = await rule_status.status_of(conn, known, rules, clock())
        firings = await latest_firings(conn, rule, cursor, FIRINGS)
        runs = await list_runs(conn, RunQuery(OPEN, rule), None, RUNS)
    more = rule_address(rule, cursor=firings.next) if firings.next else None
    return visit.page(
        "rule", found=found, rule=known, firings=firings.items, first=cursor is None, more=more, runs=runs.items,
        more_runs=runs.next, open_states=OPEN, outcomes=list(Outcome), most=MOST_COUNTED,
        trouble=rule_trouble(rules.faults(), rules.footing()), source=rules.texts().get(rule, ""), spans=SPANS,
        since=FIRST_SPAN,
    )  # fmt: skip


@post("/rules/{rule:str}/enable")
async def enable(
    visit: NamedDependency[Visit],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    rule: RuleId,
) -> Response[Any]:
    """Switch it on, whatever its file says."""
    return await _switch(visit, database, clock, rules, rule, on=True)


@post("/rules/{rule:str}/disable")
async def disable(
    visit: NamedDependency[Visit],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    rule: RuleId,
) -> Response[Any]:
    """Switch it off, whatever its file says."""
    return await _switch(visit, database, clock, rules, rule, on=False)


async def _switch(
    visit: Visit, database: Database, clock: Clock, rules: RuleSource, rule: str, *, on: bool
) -> Response[Any]:
    by = visit.must_operate().name
    known = rule_called(rules, rule)
    async with database.transaction() as conn:
        await commands.switch_rule(conn, known, on=on, by=by, now=clock())
    return await visit.back("enabled" if on else "disabled")
