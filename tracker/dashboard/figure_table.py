"""Figures: how posts ended, side by side, in a day, a week or a month and in the one before; to look at or to print."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.overview import OverviewData
from tracker.dashboard.query import Query, address
from tracker.dashboard.session import Db, Here, Now
from tracker.queries.figures import GROUPS, FiguresOut, FiguresQuery, SlotOut, figures

SPANS = ("24h", "7d", "30d")
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
    given = {name: asked.text(name) or "" for name in ("provider", "platform", "account")}
    span, by = asked.text("span") or "7d", asked.text("by") or "account"
    query = FiguresQuery.parse(now, span=span, by=by, **given)
    async with database.snapshot() as conn:
        found = await figures(conn, query, now)
    return visit.page(
        "figures", found=found, chart=chart_of(found), span=span, by=by, spans=SPANS, groups=GROUPS, given=given,
        targets=query.of_targets, choices=await lookout.choices(), height=HEIGHT,
        filters=lambda one: {name: getattr(one, name) for name in ("provider", "platform", "account", "error")}
        | {"attribute": one.attribute},
        spans_of={name: address("/figures", **given, by=by, span=name) for name in SPANS},
    )  # fmt: skip


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
