"""Backtests: what rules would have done on the real log."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tracker.api import parameters
from tracker.api.backtest_schemas import BacktestOut, NewBacktest, backtest_out
from tracker.api.problems import MAX_BODY, OF_BODIES, BadParameter, problem
from tracker.api.refusals import TRYING
from tracker.api.rule_schemas import fault_out
from tracker.api.words import Clock, RuleSource
from tracker.backtest import Backtest, Found, Span
from tracker.domain.dispatch import RuleIndex
from tracker.errors import Misconfigured, Rejected, Unavailable
from tracker.rulebook import Rulebook
from tracker.store.database import Database

LONGEST = timedelta(days=90)
PATIENCE = 120.0
MOST_FAULTS = 100


class Unreadable(Rejected):
    """A rule text that cannot be put in force."""

    def __init__(self, faults: Sequence[Misconfigured]) -> None:
        super().__init__("rules-refused", "; ".join(map(str, faults[:3])))
        self.faults = faults[:MOST_FAULTS]


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
async def backtest(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    backtesting: NamedDependency[asyncio.Lock],
    data: JSONBody[NewBacktest],
) -> BacktestOut:
    """Together with the other rules in force; nothing is done and nothing kept. One at a time."""
    span = _span(data, clock())
    if backtesting.locked():
        raise Unavailable("another backtest is under way", retry_after=10)
    async with backtesting:
        book = await asyncio.to_thread(_read, rules, data.text)
        found = await _played(database, rules, book, span)
    return backtest_out(found, found.rules)


async def _played(database: Database, rules: RuleSource, book: Rulebook, span: Span) -> Found:
    own = {rule.id for rule in book.rules}
    tried = RuleIndex([*(rule for rule in rules.index() if rule.id not in own), *book.rules])
    try:
        async with asyncio.timeout(PATIENCE):
            return await Backtest(database).run(tried, span, own)
    except TimeoutError as error:
        raise BadParameter(
            "since", f"this takes longer than {PATIENCE:.0f} s: try a shorter span, or `tracker rules backtest`"
        ) from error


def _read(rules: RuleSource, text: str) -> Rulebook:
    parameters.storable(text=text)
    book = rules.read(text)
    if book.faults:
        raise Unreadable(book.faults)
    if not book.rules:
        raise BadParameter("text", "there is no rule in it: write [rule.<id>] and what it reacts to")
    return book


def _span(asked: NewBacktest, now: datetime) -> Span:
    is_time = ":" in asked.since or "-" in asked.since
    since = parameters.moment("since", asked.since) if is_time else parameters.ago("since", asked.since, now)
    until = parameters.moment("until", asked.until) or now
    if since is None or since >= until:
        raise BadParameter("since", "must be before `until`")
    if until - since > LONGEST:
        raise BadParameter("since", f"the span is longer than {LONGEST.days}d: ask for less of the log")
    return Span(since, min(until, now))
