"""The overview: how the posts are, and what needs somebody."""

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.overview_data import LATELY_FOR, MOST_PARKED, STUCK_FOR, WENT_WRONG, OverviewData
from tracker.dashboard.rendering import Visit


@get("/")
async def show_overview(visit: NamedDependency[Visit], lookout: NamedDependency[OverviewData]) -> Response[Any]:
    """The first page."""
    return visit.page(
        "overview", found=await lookout.overview(), stuck_for=STUCK_FOR, lately_for=LATELY_FOR, went_wrong=WENT_WRONG,
        most_parked=MOST_PARKED,
    )  # fmt: skip
