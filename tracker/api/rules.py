"""Rules: those of the files with what they came to, why files were refused, and their switches."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from tracker import by_hand
from tracker.api import parameters
from tracker.api.guards import caller, requires
from tracker.api.refusals import ONE, READING
from tracker.api.rule_schemas import OneRuleOut, RuleOut, RulesOut, fault_out, rule_details, rule_fields
from tracker.api.words import Clock, Cursor, Limit, RuleSource
from tracker.domain.rule import Rule
from tracker.errors import NotFound, did_you_mean
from tracker.store import holds, rule_reports, rule_switches, timers
from tracker.store.database import Connection, Database
from tracker.store.paging import write_cursor
from tracker.store.rule_reports import Tally

BY_ID = "id"
DAY = timedelta(days=1)

RuleId = Annotated[str, PathParameter(description="The rule's id: its name in the file.")]
Enabled = Annotated[bool | None, QueryParameter(description="Only those that are on, or off.")]


class After(Struct, frozen=True, array_like=True):
    """The last rule of a page."""

    id: str


@get("/rules", responses=READING, summary="Rules, by their ids")
async def list_rules(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    limit: Limit = 50,
    cursor: Cursor = None,
    enabled: Enabled = None,
) -> RulesOut:
    """With how each does, and why the files as they are now were refused, if they were."""
    after = parameters.cursor(cursor, BY_ID, After)
    async with database.connection() as conn:
        switches = await rule_switches.by_rule(conn)
        left = [
            rule
            for rule in sorted(rules.rules(), key=lambda rule: rule.id)
            if (after is None or rule.id > after.id) and enabled in {None, _is_on(rule, switches)}
        ]
        items = [RuleOut(**fields) for fields in await _fields(conn, left[:limit], rules, switches, clock())]
    following = write_cursor(BY_ID, After(items[-1].id)) if len(left) > limit else None
    return RulesOut(items, following, [fault_out(fault) for fault in rules.faults()])


@get("/rules/{id:str}", responses=ONE, summary="One rule")
async def one_rule(
    database: NamedDependency[Database], clock: NamedDependency[Clock], rules: NamedDependency[RuleSource], id: RuleId
) -> OneRuleOut:
    """With its steps, in words."""
    rule = _find(rules, id)
    async with database.connection() as conn:
        return await _one(conn, rule, rules, clock())


@post("/rules/{id:str}/enable", status_code=200, guards=[requires("operate")], responses=ONE, summary="Switch it on")
async def enable_rule(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    id: RuleId,
) -> OneRuleOut:
    """Whatever its file says; it looks at the posts anew, and a canary begins again. To do it twice changes nothing."""
    return await _switch(database, _find(rules, id), rules, clock(), on=True, by=caller(request).name)


@post("/rules/{id:str}/disable", status_code=200, guards=[requires("operate")], responses=ONE, summary="Switch it off")
async def disable_rule(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    id: RuleId,
) -> OneRuleOut:
    """Whatever its file says, over reloads and restarts; its runs end at their next move."""
    return await _switch(database, _find(rules, id), rules, clock(), on=False, by=caller(request).name)


async def _switch(database: Database, rule: Rule, rules: RuleSource, now: datetime, *, on: bool, by: str) -> OneRuleOut:
    async with database.transaction() as conn:
        await by_hand.switch_rule(conn, rule, on=on, by=by, now=now)
        return await _one(conn, rule, rules, now)


async def _one(conn: Connection, rule: Rule, rules: RuleSource, now: datetime) -> OneRuleOut:
    (fields,) = await _fields(conn, [rule], rules, await rule_switches.by_rule(conn), now)
    return OneRuleOut(**fields, **rule_details(rule))


async def _fields(
    conn: Connection,
    shown: Sequence[Rule],
    rules: RuleSource,
    switches: dict[str, rule_switches.Switch],
    now: datetime,
) -> list[dict[str, Any]]:
    armed = await timers.armed_revisions(conn)
    pauses = (await holds.in_force(conn, now)).pauses
    tallies = await rule_reports.tallies(conn, [rule.id for rule in shown], now - DAY)
    places = rules.places()
    return [
        rule_fields(
            rule, places.get(rule.id), switches.get(rule.id), armed.get(rule.id), tallies.get(rule.id, Tally()), pauses,
            now,
        )
        for rule in shown
    ]  # fmt: skip


def _find(rules: RuleSource, name: str) -> Rule:
    known = {rule.id: rule for rule in rules.rules()}
    if name not in known:
        raise NotFound(f'there is no rule "{name}"{did_you_mean(name, known)}')
    return known[name]


def _is_on(rule: Rule, switches: dict[str, rule_switches.Switch]) -> bool:
    switch = switches.get(rule.id)
    return switch.enabled if switch else rule.enabled
