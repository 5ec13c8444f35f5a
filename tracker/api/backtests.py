"""Backtests: what rules would have done on the real log."""

from datetime import datetime, timedelta
from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tracker.api.parameters import Clock
from tracker.api.problems import MAX_BODY, OF_BODIES, BadParameter, problem
from tracker.api.responses import TRYING
from tracker.parameters import parse_time
from tracker.process.backtest import Span
from tracker.process.backtest_service import BacktestService, NothingToTry, TooLong, Unreadable
from tracker.process.backtest_views import BacktestOut, NewBacktest, backtest_out
from tracker.queries.rule_views import fault_out

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
async def backtest(
    clock: NamedDependency[Clock], trial: NamedDependency[BacktestService], data: JSONBody[NewBacktest]
) -> BacktestOut:
    """Together with the other rules in force; nothing is done and nothing kept. One at a time."""
    span = _span(data, clock())
    try:
        found = await trial.run(data.text, span)
    except NothingToTry as error:
        raise BadParameter("text", str(error)) from error
    except TooLong as error:
        raise BadParameter("since", str(error)) from error
    return backtest_out(found, found.rules)


def _span(asked: NewBacktest, now: datetime) -> Span:
    since = parse_time("since", asked.since, now)
    until = parse_time("until", asked.until, now) if asked.until else now
    if since >= until:
        raise BadParameter("since", "must be before `until`")
    if until - since > LONGEST:
        raise BadParameter("since", f"the span is longer than {LONGEST.days}d: ask for less of the log")
    return Span(since, min(until, now))
