"""The weekly report, to look at or to print: how posts ended beside the week before, why, and what comes next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.calendar import A_WEEK, day_asked, zone_asked
from tracker.dashboard.figure_table import chart_of
from tracker.dashboard.installation import Installation
from tracker.dashboard.overview import OverviewData
from tracker.dashboard.query import Query
from tracker.dashboard.session import Db, Here, Now
from tracker.parameters import parse_choice
from tracker.queries.calendar import COUNTED, days_of, list_days
from tracker.queries.causes import list_causes
from tracker.queries.figures import GROUPS, FiguresQuery, figures
from tracker.queries.post_filters import PostQuery
from tracker.queries.posts import PLANNED

CAUSES_SHOWN, SHOWN_OF_A_DAY = 10, 12


@get("/report")
async def show_report(
    visit: Here, database: Db, now: Now, lookout: NamedDependency[OverviewData],
    installation: NamedDependency[Installation],
) -> Response[Any]:  # fmt: skip
    """Of the week, from Monday on, of `day`, in a `zone`; without one, the last that is over."""
    asked = Query(visit.request.query_params)
    by = parse_choice("by", asked.text("by") or "account", GROUPS)
    zone = zone_asked(asked, installation)
    chosen = day_asked(asked.text("day")) or now.astimezone(zone).date() - A_WEEK
    days = days_of(chosen - timedelta(days=chosen.weekday()), 14, zone)
    since, until = days[0].begins, days[7].begins
    async with database.snapshot() as conn:
        found = await figures(conn, FiguresQuery(until - since, by), until)
        causes = await list_causes(conn, PostQuery(since=since, until=until), now)
        planned = await list_days(conn, PostQuery(PLANNED), days[7:], SHOWN_OF_A_DAY)
    return visit.page(
        "report", found=found, chart=chart_of(found), causes=causes, planned=planned, days=days, zone=zone, by=by,
        groups=GROUPS, around={"by": by, "zone": asked.text("zone")}, week=A_WEEK, counted=COUNTED,
        targets=by in ("account", "platform"), causes_shown=CAUSES_SHOWN, choices=await lookout.choices(),
    )  # fmt: skip
