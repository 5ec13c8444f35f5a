"""Rules: the list with what each came to, the page of one, their switches, what troubles them, and trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect

from tracker.dashboard.installation import Installation
from tracker.dashboard.query import Query, address, post_address, rule_address
from tracker.dashboard.session import ON_A_PAGE, Db, Here, Now, Rules, Visit
from tracker.domain.duration import parse_duration
from tracker.domain.runs.engine_state import Outcome
from tracker.errors import BadParameter, Misconfigured
from tracker.facts import commands
from tracker.process.backtest import Found, Span
from tracker.process.backtest_service import BacktestService, Busy, NothingToTry, TooLong, Unreadable
from tracker.queries import rule_status
from tracker.queries.posts import find_post
from tracker.queries.rule_plan import RulePlan
from tracker.queries.rule_status import MOST_COUNTED, latest_firings
from tracker.queries.runs import RunQuery, list_runs
from tracker.rulebook.source import Footing, RuleSource, rule_called
from tracker.store.database import Database


@dataclass(frozen=True, slots=True)
class RuleTrouble:
    """Why files are refused and what is in force instead, and the faults of channels and endpoints."""

    faults: Sequence[str] = ()
    footing: Footing = field(default_factory=Footing)
    left_out: Sequence[str] = ()

    @property
    def number(self) -> int:
        """How many things somebody must mend."""
        return len(self.faults) + len(self.left_out)

    @property
    def word(self) -> str:
        """What is said of files that are refused."""
        return "refused_none" if self.footing.source == "none" else "refused"


Troubled = Callable[[], RuleTrouble]


def rule_trouble(
    faults: Sequence[object], footing: Footing, left_out: Mapping[str, Sequence[object]] | None = None
) -> RuleTrouble:
    """What somebody must mend in the rule files and the configuration, in words."""
    faulty = [str(fault) for some in (left_out or {}).values() for fault in some]
    return RuleTrouble([str(fault) for fault in faults], footing, faulty)


STATES = ("on", "off")
OPEN = ("active", "queued")
FIRINGS, RUNS = 10, 5

RuleId = Annotated[str, PathParameter()]


def only_enabled(asked: Query) -> bool | None:
    """Whether rules that are on, or off, are asked for alone."""
    states = asked.words("state", STATES)
    return "on" in states if len(set(states)) == 1 else None


@get("/rules")
async def show_rules(visit: Here, database: Db, now: Now, rules: Rules) -> Response[Any]:
    """By their ids, whatever file they stand in."""
    asked = Query(visit.request.query_params)
    states, enabled = asked.words("state", STATES), only_enabled(asked)
    async with database.connection() as conn:
        page = await rule_status.list_rules(conn, rules, now, asked.cursor, ON_A_PAGE, enabled)
    return visit.list_page(
        "rules", "/rules", page.next, {"state": states}, rules=page.items, chosen=states, states=STATES,
        most=MOST_COUNTED, trouble=rule_trouble(rules.faults(), rules.footing()),
    )  # fmt: skip


@get("/rules/{rule:str}")
async def show_rule(
    visit: Here, database: Db, now: Now, rules: Rules, installation: NamedDependency[Installation], rule: RuleId
) -> Response[Any]:
    """What it says, how it does, and what it came to last."""
    known = rule_called(rules, rule)
    cursor = Query(visit.request.query_params).cursor
    async with database.connection() as conn:
        found = await rule_status.status_of(conn, known, rules, now)
        firings = await latest_firings(conn, rule, cursor, FIRINGS)
        runs = await list_runs(conn, RunQuery(OPEN, rule), None, RUNS)
    return visit.list_page(
        "rule", rule_address(rule), firings.next, {}, found=found, rule=known, firings=firings.items, runs=runs.items,
        more_runs=runs.next, open_states=OPEN, outcomes=list(Outcome), most=MOST_COUNTED,
        trouble=rule_trouble(rules.faults(), rules.footing()), source=rules.texts().get(rule, ""), spans=SPANS,
        since=FIRST_SPAN, may_edit=installation.edits_rules and visit.is_admin,
    )  # fmt: skip


@post("/rules/{rule:str}/enable")
async def enable(visit: Here, database: Db, now: Now, rules: Rules, rule: RuleId) -> Response[Any]:
    """Switch it on, whatever its file says."""
    return await _switch(visit, database, now, rules, rule, on=True)


@post("/rules/{rule:str}/disable")
async def disable(visit: Here, database: Db, now: Now, rules: Rules, rule: RuleId) -> Response[Any]:
    """Switch it off, whatever its file says."""
    return await _switch(visit, database, now, rules, rule, on=False)


@post("/rules/{rule:str}/resume")
async def resume(visit: Here, database: Db, now: Now, rule: RuleId) -> Response[Any]:
    """End what pauses it, also where no file has it any more."""
    return await visit.does("rule_resumed", database, lambda conn, by: commands.resume_rule(conn, rule, by, now))


@get("/rules/{rule:str}/why")
async def why_not(visit: Here, database: Db, rules: Rules, rule: RuleId) -> Response[Any]:
    """To the page of a post, at what this rule made of it."""
    rule_called(rules, rule)
    post_id = Query(visit.request.query_params).text("post") or ""
    async with database.connection() as conn:
        try:
            found = (await find_post(conn, post_id, None)).post
        except BadParameter:  # several providers have one: the list shows them all
            return Redirect(address("/posts", q=post_id), status_code=303)
    return Redirect(f"{post_address(found.provider, found.id, rule=rule)}#rules", status_code=303)


async def _switch(
    visit: Visit, database: Database, now: datetime, rules: RuleSource, rule: str, *, on: bool
) -> Response[Any]:
    visit.must_operate()
    known = rule_called(rules, rule)
    return await visit.does(
        "enabled" if on else "disabled", database,
        lambda conn, by: commands.switch_rule(conn, known, on=on, by=by, now=now),
    )  # fmt: skip


SPANS = ("24h", "7d", "30d")
FIRST_SPAN = "30d"
SHOWN = 10
"""Firings of each side."""

MOST_SENT = 256 * 1024
"""What the form may say, in bytes."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial came to: what it found and plans, or the faults of the text, or in a word why there was none."""

    found: Found | None = None
    plans: Sequence[RulePlan] = ()
    faults: Sequence[Misconfigured] = ()
    refused: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status of the page: 200, 422, or 503 while another trial runs."""
        return 503 if self.refused == "busy" else 200 if self.found else 422


@get("/rules/{rule:str}/trial")
async def show_trial(visit: Here, rules: Rules, rule: RuleId) -> Response[Any]:
    """The form alone."""
    rule_called(rules, rule)
    return _page(visit, rule, rules.texts().get(rule, ""), FIRST_SPAN, None)


@post("/rules/{rule:str}/trial", status_code=200, request_max_body_size=MOST_SENT)
async def run_trial(visit: Here, now: Now, trial: NamedDependency[BacktestService], rule: RuleId) -> Response[Any]:
    """The form as it was sent, with what its text would have done."""
    sent = await visit.request.form()
    (since,) = Query(sent).words("since", SPANS) or (FIRST_SPAN,)
    text = str(sent.get("text") or "").replace("\r\n", "\n")
    return _page(visit, rule, text, since, await tried_on(trial, text, Span(now - parse_duration(since), now)))


async def tried_on(trial: BacktestService, text: str, span: Span) -> Tried:
    """What a trial of the text comes to."""
    try:
        return Tried(*await trial.run(text, span, span.until))
    except Unreadable as error:
        return Tried(faults=error.faults)
    except NothingToTry:
        return Tried(refused="nothing")
    except TooLong:
        return Tried(refused="too_long")
    except Busy:
        return Tried(refused="busy")


def _page(visit: Visit, rule: str, text: str, since: str, tried: Tried | None) -> Response[Any]:
    return visit.page(
        "trial", tried.status if tried else 200, rule_id=rule, source=text, lines=text.split("\n"), since=since,
        spans=SPANS, tried=tried, shown=SHOWN, changed_only=False,
    )  # fmt: skip
