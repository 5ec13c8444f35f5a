"""One account: whether it is connected, how what was posted to it ended, why some failed, and what comes next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.figure_table import SPANS, USUAL, chart_of
from tracker.dashboard.overview import SHOWN, OverviewData
from tracker.dashboard.query import Query, account_address
from tracker.dashboard.session import Db, Here, Now, raw_path
from tracker.queries.accounts import names_in, one_account
from tracker.queries.causes import list_causes
from tracker.queries.figures import FiguresQuery, figures
from tracker.queries.post_filters import PostQuery
from tracker.queries.posts import NEWEST_FIRST, PLANNED, page_of_posts


@get("/accounts/{account:path}")
async def show_account(visit: Here, database: Db, now: Now, lookout: NamedDependency[OverviewData]) -> Response[Any]:
    """Its figures are those of the span, beside the span before it."""
    asked = Query(visit.request.query_params)
    span = asked.text("span") or USUAL
    named = asked.text("id") or unquote(raw_path(visit.request).partition("/accounts/")[2])
    async with database.snapshot() as conn:
        account = await one_account(conn, named, asked.text("provider"))
        only = {"provider": account.provider, "account": account.account}
        query = FiguresQuery.parse(now, span=span, by="platform", **only)
        found = await figures(conn, query, now)
        of_it = PostQuery(provider=account.provider, account=account.account)
        causes = await list_causes(conn, replace(of_it, since=found.since), now, ("error", "platform"))
        to_come = replace(of_it, states=PLANNED, scheduled_from=now)
        planned, _ = await page_of_posts(conn, to_come, "scheduled_at", None, SHOWN)
        posts, _ = await page_of_posts(conn, of_it, NEWEST_FIRST, None, SHOWN)
        called = await names_in(conn, [*planned, *posts])
    return visit.page(
        "account", account=account, found=found, chart=chart_of(found), causes=causes, planned=planned, posts=posts,
        called=called, only=only, span=span, choices=await lookout.choices(),
        spans_of={name: account_address(**only, span=name) for name in SPANS},
    )  # fmt: skip
