"""The installation's health: what needs somebody, and how the database, the readers, providers and jobs are."""

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.health_data import HealthData
from tracker.dashboard.overview_data import MOST_PARKED
from tracker.dashboard.rendering import Visit


@get("/health")
async def show_health(visit: NamedDependency[Visit], checkup: NamedDependency[HealthData]) -> Response[Any]:
    """What `tracker doctor` knows, for people."""
    return visit.page("health", found=await checkup.health(), most_parked=MOST_PARKED)
