"""Trials: the text of a rule, edited as one likes, played on the real log; nothing is done, and nothing kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.dashboard.query import Query
from tracker.dashboard.rendering import Visit
from tracker.dashboard.session import Clock
from tracker.domain.duration import parse_duration
from tracker.errors import Misconfigured
from tracker.process.backtest import Found, Span
from tracker.process.backtest_service import BacktestService, Busy, NothingToTry, TooLong, Unreadable
from tracker.rulebook.source import RuleSource, rule_called

SPANS = ("24h", "7d", "30d")
FIRST_SPAN = "30d"
SHOWN = 10
"""Firings of each side."""

MOST_SENT = 256 * 1024
"""What the form may say, in bytes."""

RuleId = Annotated[str, PathParameter()]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial came to: what it found, or the faults of the text, or in a word why there was none."""

    found: Found | None = None
    faults: Sequence[Misconfigured] = ()
    refused: str | None = None

    @property
    def status(self) -> int:
        """That of the answer."""
        return 503 if self.refused == "busy" else 200 if self.found else 422


@get("/rules/{rule:str}/trial")
async def show_trial(visit: NamedDependency[Visit], rules: NamedDependency[RuleSource], rule: RuleId) -> Response[Any]:
    """The form alone."""
    rule_called(rules, rule)
    return _page(visit, rule, rules.texts().get(rule, ""), FIRST_SPAN, None)


@post("/rules/{rule:str}/trial", status_code=200, request_max_body_size=MOST_SENT)
async def run_trial(
    visit: NamedDependency[Visit],
    clock: NamedDependency[Clock],
    trial: NamedDependency[BacktestService],
    rule: RuleId,
) -> Response[Any]:
    """The form as it was sent, with what its text would have done."""
    sent = await visit.request.form()
    (since,) = Query(sent).words("since", SPANS) or (FIRST_SPAN,)
    text, now = str(sent.get("text") or "").replace("\r\n", "\n"), clock()
    return _page(visit, rule, text, since, await _tried(trial, text, Span(now - parse_duration(since), now)))


async def _tried(trial: BacktestService, text: str, span: Span) -> Tried:
    try:
        return Tried(await trial.run(text, span))
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
        spans=SPANS, tried=tried, shown=SHOWN,
    )  # fmt: skip
