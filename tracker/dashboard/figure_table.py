"""Figures: how posts ended, side by side, in a day, a week or a month and in the one before; to look at or to print."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.overview import OverviewData
from tracker.dashboard.query import Query, address
from tracker.dashboard.session import Db, Here, Now
from tracker.parameters import parse_optional_time
from tracker.queries.figures import GROUPS, FiguresOut, FiguresQuery, SlotOut, figures

SPANS, USUAL = ("24h", "7d", "30d"), "7d"
FILTERS = ("provider", "platform", "account")
HEIGHT, STEPS = 100, (1, 2, 5)
"""Of the chart; and the numbers, times a power of ten, at which its axis ends."""


@dataclass(frozen=True, slots=True)
class Column:
    """A part of the span, and how high its parts stand in a chart that is HEIGHT high, the good ones at the bottom."""

    slot: SlotOut
    published: float
    partly: float
    failed: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is the number at the upper end of the axis."""

    top: int
    columns: list[Column]


@get("/figures")
async def show_figures(visit: Here, database: Db, now: Now, lookout: NamedDependency[OverviewData]) -> Response[Any]:
    """The hour under way is counted too."""
    asked = Query(visit.request.query_params)
    query, until = figures_query(asked, now)
    given = {name: getattr(query, name) or "" for name in FILTERS}
    span, by = asked.text("span") or USUAL, query.by
    async with database.snapshot() as conn:
        found = await figures(conn, query, until)
    return visit.page(
        "figures", found=found, chart=chart_of(found), span=span, by=by, groups=GROUPS, given=given,
        targets=query.of_targets, choices=await lookout.choices(),
        spans_of={name: address("/figures", **given, by=by, span=name) for name in SPANS},
    )  # fmt: skip


def figures_query(asked: Query, now: datetime) -> tuple[FiguresQuery, datetime]:
    """Which figures are asked for, and until when. Raises BadParameter."""
    given = {name: asked.text(name) for name in FILTERS}
    query = FiguresQuery.parse(now, span=asked.text("span") or USUAL, by=asked.text("by") or "account", **given)
    return query, parse_optional_time("until", asked.text("until"), now) or now


def chart_of(found: FiguresOut) -> Chart:
    """The parts of the span as columns."""
    top = axis_of(max((slot.published + slot.partly + slot.failed for slot in found.pace), default=0))
    scale = HEIGHT / top
    return Chart(
        top,
        [
            Column(slot, *(round(number * scale, 2) for number in (slot.published, slot.partly, slot.failed)))
            for slot in found.pace
        ],
    )


def axis_of(most: int) -> int:
    """A round, even number that is not below `most`."""
    tens: int = 10 ** max(0, math.floor(math.log10(max(most, 1))))
    ends = (step * tens for step in (*STEPS, 10))
    return max(2, next(end for end in ends if end >= most))
