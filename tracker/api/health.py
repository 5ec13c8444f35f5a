"""Is it alive, can it do its work, and the figures: the three addresses that answer without a key."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from shutil import disk_usage
from typing import Annotated, Literal, TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta, Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tracker.errors import TrackerError, Unavailable
from tracker.queries import health
from tracker.receive.receiver import Receiver
from tracker.runtime.metrics import lag_seconds
from tracker.store import migrations
from tracker.store.database import Database

FRESH = 1.0
PATIENCE = 5.0
Found: TypeAlias = Mapping[str, str]
NO_ROOM = 64 * 2**20
"""With less than some segments of its own log, Postgres cannot go on."""


class ReadinessOut(Struct, frozen=True):
    """Whether this installation does its work."""

    status: Annotated[
        Literal["ok", "degraded", "failing"],
        Meta(description="`degraded`: it does its work, and something is wrong all the same; that is still a 200."),
    ]
    faults: Annotated[dict[str, str], Meta(description="What is wrong, by what was looked at.")]


FAILING = ResponseSpec(ReadinessOut, description="Something is wrong; it is named.", generate_examples=False)


class Readiness:
    """Whether this installation does its work; asked often, it looks once a second.

    `folder` is where an embedded Postgres keeps its data; `here` tells what is wrong in this process, and `notices`
    what is wrong without keeping it from its work.
    """

    def __init__(
        self,
        database: Database,
        subscriptions: Sequence[str],
        silence: timedelta,
        receiver: Receiver | None = None,
        folder: Path | None = None,
        here: Callable[[], Found] = dict,
        notices: Callable[[], Found] = dict,
    ) -> None:
        self._database, self._subscriptions, self._silence = database, subscriptions, silence
        self._receiver, self._folder = receiver, folder
        self._here, self._notices = here, notices
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._faults: dict[str, str] = {}
        self._risk = ""

    def notices(self) -> dict[str, str]:
        """What is wrong without keeping it from its work, as of the last look."""
        return {**self._notices(), **({"replication": self._risk} if self._risk else {})}

    async def faults(self) -> dict[str, str]:
        """What is wrong, by what was looked at; empty when all is well."""
        async with self._looking:
            if time.monotonic() - self._looked_at > FRESH:
                unkept = self._receiver.fault if self._receiver else ""
                self._faults = await self._look() | ({"log": unkept} if unkept else {}) | dict(self._here())
                # A full disk is worth a word where something else is wrong already.
                if self._faults and self._folder and (free := disk_usage(self._folder).free) <= NO_ROOM:
                    self._faults["disk"] = f"{free // 2**20} MB are free for {self._folder}: make room there"
                self._looked_at = time.monotonic()
            return self._faults

    async def _look(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(PATIENCE):
                await migrations.require_current(self._database.dsn)
                return await self._silent()
        except (Unavailable, TimeoutError) as error:
            return {"database": str(error) or "does not answer"}
        except TrackerError as error:
            return {"migrations": str(error)}

    async def _silent(self) -> dict[str, str]:
        async with self._database.connection() as conn:
            readers = await health.readers(conn, self._subscriptions, self._silence)
            self._risk = await health.may_lose(conn)
        for reader in readers:
            if reader.lag is not None:
                lag_seconds.labels(reader.name).set(reader.lag)
        return {reader.name: reader.fault for reader in readers if reader.fault}


@get("/healthz", summary="Alive")
async def healthz() -> dict[str, str]:
    """Answers while the process can answer at all."""
    return {"status": "ok"}


@get("/readyz", responses={503: FAILING}, summary="Able to work")
async def readyz(readiness: NamedDependency[Readiness]) -> Response[ReadinessOut]:
    """503 with what is wrong: the database, a subscription that nobody serves, an agent that keeps failing.

    Rule files that are refused, and channels that are set up wrongly, are named with 200: the rest works.
    """
    faults, notices = await readiness.faults(), readiness.notices()
    status: Literal["ok", "degraded", "failing"] = "failing" if faults else "degraded" if notices else "ok"
    return Response(ReadinessOut(status, {**notices, **faults}), status_code=503 if faults else 200)


class Figures:
    """The page for Prometheus; asked often, it is written once a second: writing it keeps the event loop for long."""

    def __init__(self) -> None:
        self._written_at = float("-inf")
        self._page = b""

    def page(self, now: float) -> bytes:
        """All metrics of this process in Prometheus's text format, at `now` seconds of the monotonic clock."""
        if now - self._written_at > FRESH:
            self._page, self._written_at = generate_latest(), now
        return self._page


_figures = Figures()  # one for the process, as prometheus_client's registry is


@get("/metrics", summary="Figures for Prometheus", media_type=CONTENT_TYPE_LATEST)
async def metrics(readiness: NamedDependency[Readiness]) -> Response[bytes]:
    """Also while the database is away. Figures are at most a second old."""
    await readiness.faults()
    return Response(_figures.page(time.monotonic()), headers={"Content-Type": CONTENT_TYPE_LATEST})
