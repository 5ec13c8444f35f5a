"""The page of the installation's health: the same checks as `tracker doctor`, and what they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.installation import Installation
from tracker.dashboard.overview import Cached
from tracker.dashboard.query import address
from tracker.dashboard.session import Here
from tracker.errors import TrackerError
from tracker.queries import checkup, health
from tracker.queries.checks import Severity, problem
from tracker.store import migrations

if TYPE_CHECKING:
    from tracker.dashboard.rules import RuleTrouble, Troubled
    from tracker.dashboard.session import Clock
    from tracker.queries.checks import Check
    from tracker.queries.checkup import Checkup
    from tracker.queries.health import Lease, Sizes
    from tracker.store.database import Connection, Database

PAUSE = 5.0

LINKS = {
    "overview.dead": address("/actions", state="dead"),
    "overview.unknown": address("/actions", state="unknown"),
    "overview.disabled": address("/rules", state="off"),
    "overview.held": "/quarantine",
    "health.forged": address("/quarantine", signature="wrong"),
}
"""Where somebody can see to what a check says, by its word."""


@dataclass(frozen=True, slots=True)
class Health:
    """What one look found; `schema` is why the database does not fit this version, `rules` what is wrong with files."""

    checkup: Checkup
    schema: str
    leases: list[Lease]
    sizes: Sizes
    rules: RuleTrouble

    @property
    def needs(self) -> list[Check]:
        """What needs somebody, problems first; files that this process refuses are told of in full, as `rules`."""
        checks = [*self.checkup.checks]
        if self.schema:
            checks.append(problem("database", self.schema, "update it", "health.schema_wrong", self.schema))
        told = {"rules"} if self.rules.faults else set()
        needs = [check for check in checks if check.verdict is not Severity.OK and check.name not in told]
        return sorted(needs, key=lambda check: check.verdict is not Severity.PROBLEM)


class HealthData:
    """Looks for everybody who has the page open."""

    def __init__(
        self, database: Database, clock: Clock, subscriptions: Sequence[str], troubled: Troubled, known: Installation
    ) -> None:
        self._dsn, self._clock, self._subscriptions = database.dsn, clock, subscriptions
        self._troubled, self._known = troubled, known
        self._glance = Cached(database, self._look, PAUSE)

    async def health(self) -> Health:
        """How it is, not longer than a few seconds ago."""
        return await self._glance.found()

    async def _look(self, conn: Connection) -> Health:
        settings, doors = self._known.settings, self._known.doors
        return Health(
            await checkup.look(conn, settings, self._clock, self._subscriptions, doors),
            await self._schema(),
            await health.leases(conn, self._subscriptions),
            await health.sizes(conn),
            self._troubled(),
        )

    async def _schema(self) -> str:
        try:
            await migrations.require_current(self._dsn)
        except TrackerError as error:
            return str(error)
        return ""


@get("/health")
async def show_health(visit: Here, checkup: NamedDependency[HealthData]) -> Response[Any]:
    """What `tracker doctor` knows, for people."""
    return visit.page("health", found=await checkup.health(), links=LINKS)
