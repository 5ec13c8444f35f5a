"""Runs, one of them step by step, and its cancelling; and actions, with what somebody can do about them."""

from typing import Any

from litestar import Response, get, post

from tracker.dashboard.query import Query
from tracker.dashboard.session import ON_A_PAGE, Db, Here, Id, Now, Rules
from tracker.facts import commands
from tracker.queries.actions import STATES as ACTION_STATES
from tracker.queries.actions import ActionQuery, list_actions_with_attempts
from tracker.queries.checkup import NEEDS_SOMEBODY
from tracker.queries.posts import titles_of
from tracker.queries.runs import STATES, RunQuery, find_run, list_runs, one_run, steps_of


@get("/runs")
async def show_runs(visit: Here, database: Db, now: Now, rules: Rules) -> Response[Any]:
    """The newest first, by state and rule."""
    asked = Query(visit.request.query_params)
    query = RunQuery.parse(now, state=asked.query.getall("state", []), rule=asked.text("rule"))
    async with database.connection() as conn:
        page = await list_runs(conn, query, asked.cursor, ON_A_PAGE)
        titles = await titles_of(conn, [(run.provider, run.post) for run in page.items])
    names = sorted({*(known.id for known in rules.rules()), *([query.rule] if query.rule else [])})
    return visit.list_page(
        "runs", "/runs", page.next, {"state": query.states, "rule": query.rule}, runs=page.items, chosen=query.states,
        titles=titles, rule=query.rule, names=names, states=STATES,
    )  # fmt: skip


@get("/runs/{run:uuid}")
async def show_run(visit: Here, database: Db, rules: Rules, run: Id) -> Response[Any]:
    """Its steps, what it asked for, and what it waits for."""
    async with database.connection() as conn:
        known = await find_run(conn, run)
        shown = await one_run(conn, known, rules.rules())
    rule = next((rule for rule in rules.rules() if rule.id == known.rule), None)
    return visit.page("run", run=shown, steps=steps_of(known, rule, shown.actions))


@post("/runs/{run:uuid}/cancel")
async def cancel(visit: Here, database: Db, now: Now, run: Id) -> Response[Any]:
    """End it, with all that nobody has begun."""
    return await visit.does("cancelled", database, lambda conn, by: commands.cancel_run(conn, run, by, now))


@post("/runs/{run:uuid}/acknowledge")
async def acknowledge(visit: Here, database: Db, now: Now, run: Id) -> Response[Any]:
    """Somebody sees to what it has told."""
    return await visit.does("acknowledged", database, lambda conn, by: commands.acknowledge(conn, run, by, now))


OTHERS = tuple(state for state in ACTION_STATES if state not in NEEDS_SOMEBODY)


@get("/actions")
async def show_actions(visit: Here, database: Db) -> Response[Any]:
    """Without a filter, the dead and the doubtful stand before the others."""
    asked = Query(visit.request.query_params)
    states = asked.words("state", ACTION_STATES)
    plan = asked.id("plan")
    apart, urgent = not states and asked.cursor is None and plan is None, []
    async with database.connection() as conn:
        if apart:
            urgent = (await list_actions_with_attempts(conn, ActionQuery(NEEDS_SOMEBODY), None, ON_A_PAGE)).items
        others = ActionQuery(states or (() if plan else OTHERS), plan=plan)
        rest = await list_actions_with_attempts(conn, others, asked.cursor, ON_A_PAGE)
        titles = await titles_of(conn, [(action.provider, action.post) for action in (*urgent, *rest.items)])
    return visit.list_page(
        "actions", "/actions", rest.next, {"state": states, "plan": plan}, urgent=urgent, rest=rest.items,
        chosen=states, titles=titles, states=ACTION_STATES, apart=apart, many_here=plan is None,
    )  # fmt: skip


@post("/actions/{action:uuid}/retry")
async def retry(visit: Here, database: Db, now: Now, action: Id) -> Response[Any]:
    """Attempt it once more."""
    return await visit.does("retried", database, lambda conn, _: commands.retry_action(conn, action, now))


@post("/actions/{action:uuid}/discard")
async def discard(visit: Here, database: Db, now: Now, action: Id) -> Response[Any]:
    """Never attempt it again."""
    return await visit.does("discarded", database, lambda conn, _: commands.discard_action(conn, action, now))
