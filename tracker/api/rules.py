"""Rules: those of the files with what they came to, why files were refused, their switches, and backtests."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from tracker.api.handlers import ONE, READING, TRYING, By, Cursor, Db, Limit, Now, Rules, command, text
from tracker.api.problems import MAX_BODY, OF_BODIES, BadParameter, problem
from tracker.domain.rules.rule import Rule
from tracker.facts import commands
from tracker.parameters import parse_time
from tracker.process.backtest import Span
from tracker.process.backtest_service import (
    BacktestOut,
    BacktestService,
    NewBacktest,
    NothingToTry,
    TooLong,
    Unreadable,
    backtest_out,
)
from tracker.queries import rule_status
from tracker.queries.rule_views import OneRuleOut, RuleOut, RulesOut, fault_out, rule_details, rule_fields
from tracker.rulebook.source import RuleSource, rule_called
from tracker.store.database import Connection, Database

LONGEST = timedelta(days=90)


def _unreadable(request: Request[Any, Any, Any], error: Unreadable) -> Response[Any]:
    return problem(request, 422, error.code, str(error), faults=[fault_out(fault) for fault in error.faults])


@post(
    "/rules/backtest",
    status_code=200,
    responses=TRYING,
    request_max_body_size=MAX_BODY,
    exception_handlers={Unreadable: _unreadable, **OF_BODIES},
    summary="Try rules on the real log",
)
async def backtest(now: Now, trial: NamedDependency[BacktestService], data: JSONBody[NewBacktest]) -> BacktestOut:
    """Together with the other rules in force; nothing is done and nothing kept. One at a time."""
    span = _span(data, now)
    try:
        found, plans = await trial.run(data.text, span, now)
    except NothingToTry as error:
        raise BadParameter("text", str(error)) from error
    except TooLong as error:
        raise BadParameter("since", str(error)) from error
    return backtest_out(found, found.rules, plans)


def _span(asked: NewBacktest, now: datetime) -> Span:
    since = parse_time("since", asked.since, now)
    until = parse_time("until", asked.until, now) if asked.until else now
    if since >= until:
        raise BadParameter("since", "must be before `until`")
    if until - since > LONGEST:
        raise BadParameter("since", f"the span is longer than {LONGEST.days}d: ask for less of the log")
    return Span(since, min(until, now))


RuleId = Annotated[str, PathParameter(description="The rule's id: its name in the file.")]
Enabled = Annotated[bool | None, text("Only those that are on, or off.")]


@get("/rules", responses=READING, summary="Rules, by their ids")
async def list_rules(
    database: Db, now: Now, rules: Rules, limit: Limit = 50, cursor: Cursor = None, enabled: Enabled = None
) -> RulesOut:
    """With how each does, and why the files as they are now were refused, if they were."""
    async with database.connection() as conn:
        page = await rule_status.list_rules(conn, rules, now, cursor, limit, enabled)
    items = [RuleOut(**rule_fields(status)) for status in page.items]
    faults, footing = [fault_out(fault) for fault in rules.faults()], rules.footing()
    return RulesOut(items, page.next, faults, footing.source, footing.refused_at, footing.kept_at)


@get("/rules/{id:str}", responses=ONE, summary="One rule")
async def one_rule(database: Db, now: Now, rules: Rules, id: RuleId) -> OneRuleOut:
    """With its steps, in words."""
    rule = rule_called(rules, id)
    async with database.connection() as conn:
        return await _one(conn, rule, rules, now)


@command("/rules/{id:str}/enable", ONE, "Switch it on")
async def enable_rule(by: By, database: Db, now: Now, rules: Rules, id: RuleId) -> OneRuleOut:
    """Whatever its file says; it looks at the posts anew, and a canary begins again. To do it twice changes nothing."""
    return await _switch(database, rule_called(rules, id), rules, now, on=True, by=by)


@command("/rules/{id:str}/disable", ONE, "Switch it off")
async def disable_rule(by: By, database: Db, now: Now, rules: Rules, id: RuleId) -> OneRuleOut:
    """Whatever its file says, over reloads and restarts; its runs end at their next move."""
    return await _switch(database, rule_called(rules, id), rules, now, on=False, by=by)


@command("/rules/{id:str}/resume", ONE, "End what pauses it")
async def resume_rule(by: By, database: Db, now: Now, rules: Rules, id: RuleId) -> OneRuleOut:
    """Also what its budget does; what was suppressed meanwhile stays so. To do it twice changes nothing."""
    rule = rule_called(rules, id)
    async with database.transaction() as conn:
        await commands.resume_rule(conn, rule.id, by, now)
        return await _one(conn, rule, rules, now)


async def _switch(database: Database, rule: Rule, rules: RuleSource, now: datetime, *, on: bool, by: str) -> OneRuleOut:
    async with database.transaction() as conn:
        await commands.switch_rule(conn, rule, on=on, by=by, now=now)
        return await _one(conn, rule, rules, now)


async def _one(conn: Connection, rule: Rule, rules: RuleSource, now: datetime) -> OneRuleOut:
    return OneRuleOut(**rule_fields(await rule_status.status_of(conn, rule, rules, now)), **rule_details(rule))
