"""Lists as files, CSV or NDJSON: what a page shows, with the same filters, to the end or to a bound, as it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import get
from litestar.response import Stream

from tracker.dashboard.figure_table import figures_query
from tracker.dashboard.quarantine import SIGNATURES
from tracker.dashboard.query import Query, post_query
from tracker.dashboard.rules import only_enabled
from tracker.dashboard.session import HEADERS, Db, Here, Now, Rules
from tracker.queries.actions import ActionOut, ActionQuery, list_actions
from tracker.queries.figures import FigureOut, figures
from tracker.queries.paging import MAX_LIMIT, Page
from tracker.queries.post_views import PostOut
from tracker.queries.posts import NEWEST_FIRST, list_posts
from tracker.queries.quarantine import QuarantinedOut, QuarantineQuery, list_quarantine
from tracker.queries.rule_status import list_rules
from tracker.queries.rule_views import RuleOut, rule_fields
from tracker.queries.runs import RunOut, RunQuery, list_runs
from tracker.queries.tabular import CSV, NDJSON, csv_of, ndjson_of
from tracker.rulebook.source import RuleSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from litestar.handlers import HTTPRouteHandler
    from msgspec import Struct

    from tracker.store.database import Connection, Database

PAGES = 20
"""So many pages of MAX_LIMIT are one file."""

MARK = "\ufeff"
"""Without it some spreadsheets take UTF-8 for something else."""

Next = Callable[["Connection", str | None], Awaitable["Page[Any]"]]


@dataclass(frozen=True, slots=True)
class Download:
    """A list that can be had as a file; `asking` makes of an address what asks for the page behind a cursor."""

    name: str
    kind: type[Struct]
    asking: Callable[[Query, datetime, RuleSource], Next]

    def handler(self) -> HTTPRouteHandler:
        """What answers for it."""

        async def send(visit: Here, database: Db, now: Now, rules: Rules) -> Stream:
            ask = self.asking(Query(visit.request.query_params), now, rules)
            async with database.connection() as conn:
                first = await ask(conn, None)  # a slip in a filter is said before anything is sent
            form = NDJSON if visit.request.url.path.endswith(".ndjson") else CSV
            file = visit.request.url.path.rpartition("/")[2]
            headers = HEADERS | {"Content-Disposition": f'attachment; filename="{file}"'}
            return Stream(self._lines(database, ask, first, form), media_type=form, headers=headers)

        return get([f"/{self.name}.csv", f"/{self.name}.ndjson"], name=self.name)(send)

    async def _lines(self, database: Database, ask: Next, page: Page[Any], form: str) -> AsyncIterator[str | bytes]:
        yield ndjson_of(page.items) if form == NDJSON else MARK + csv_of(self.kind, page.items)
        for _ in range(PAGES - 1):
            if page.next is None:
                return
            async with database.connection() as conn:
                page = await ask(conn, page.next)
            yield ndjson_of(page.items) if form == NDJSON else csv_of(self.kind, page.items, heading=False)


def _posts(asked: Query, now: datetime, _: RuleSource) -> Next:
    query = post_query(asked, now)
    return lambda conn, cursor: list_posts(conn, query, NEWEST_FIRST, cursor, MAX_LIMIT)


def _actions(asked: Query, now: datetime, _: RuleSource) -> Next:
    query = ActionQuery.parse(now, state=_states(asked))
    return lambda conn, cursor: list_actions(conn, query, cursor, MAX_LIMIT)


def _runs(asked: Query, now: datetime, _: RuleSource) -> Next:
    query = RunQuery.parse(now, state=_states(asked), rule=asked.text("rule"))
    return lambda conn, cursor: list_runs(conn, query, cursor, MAX_LIMIT)


def _quarantine(asked: Query, now: datetime, _: RuleSource) -> Next:
    signature = asked.words("signature", SIGNATURES)
    query = QuarantineQuery.parse(
        now, state=_states(asked), provider=asked.text("provider"), reason=asked.text("reason"),
        authentic=SIGNATURES[signature[0]] if len(signature) == 1 else None,
    )  # fmt: skip
    return lambda conn, cursor: list_quarantine(conn, query, cursor, MAX_LIMIT)


def _rules(asked: Query, now: datetime, rules: RuleSource) -> Next:
    async def ask(conn: Connection, cursor: str | None) -> Page[RuleOut]:
        page = await list_rules(conn, rules, now, cursor, MAX_LIMIT, only_enabled(asked))
        return Page([RuleOut(**rule_fields(status)) for status in page.items], page.next)

    return ask


def _figures(asked: Query, now: datetime, _: RuleSource) -> Next:
    query, until = figures_query(asked, now)

    async def ask(conn: Connection, _: str | None) -> Page[FigureOut]:
        return Page((await figures(conn, query, until)).items, None)

    return ask


def _states(asked: Query) -> Sequence[str]:
    states: list[str] = asked.query.getall("state", [])
    return states


DOWNLOADS = [
    Download("posts", PostOut, _posts).handler(),
    Download("actions", ActionOut, _actions).handler(),
    Download("runs", RunOut, _runs).handler(),
    Download("quarantine", QuarantinedOut, _quarantine).handler(),
    Download("rules", RuleOut, _rules).handler(),
    Download("figures", FigureOut, _figures).handler(),
]
