"""What stands while it is hurt: a service, its Postgres, the network between them, the far ends, and who sends."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import psutil

from tests.acceptance.chaos import plan
from tests.acceptance.chaos.configured import DESCRIPTORS, HurtService, a_service
from tests.acceptance.chaos.disk import a_small_disk
from tests.acceptance.chaos.door import Door
from tests.acceptance.chaos.loads import SECRET, Book, Sender
from tests.acceptance.chaos.proxy import Proxy
from tests.acceptance.chaos.shifted import AUTUMN, ShiftedClock
from tests.acceptance.chaos.standby import Pair
from tests.acceptance.sink import Sink, a_sink
from tests.waiting import until
from tracker.embedded.cluster import SOCKET, ordinary
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.simulator import Odds, Simulator, run_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ROOM = {"max_connections": "300", "fsync": "off", "full_page_writes": "off"}
"""No plug is pulled; and connections that nobody hears any more stay open on this side."""
SENDERS, RATE, SIMULATED = 3, 4.0, 0.7
DISK = 300
LATELY = 30.0
LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a connection says that is cut off; the last, where that comes in the midst of its setting up."""
OWN_POSTGRES = {plan.EMBEDDED, plan.DISK}
"""Where the service starts it."""


@dataclass
class Scene:
    """Everything that a fault may touch, and an invariant may ask."""

    kind: str
    folder: Path
    service: HurtService
    sink: Sink
    simulator: Simulator
    book: Book = field(default_factory=Book)
    server: EmbeddedPostgres | None = None
    proxy: Proxy | None = None
    clock: ShiftedClock | None = None
    pair: Pair | None = None
    senders: list[Sender] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    """What the far end heard, and was found on record."""
    events: int = 0
    actions: int = 0
    mended: int = 0
    _connection: asyncpg.Connection | None = None
    _door: Door | None = None

    @property
    def embedded(self) -> EmbeddedPostgres:
        """The service's own Postgres, which is nobody's to start here."""
        return EmbeddedPostgres(self.service.data / "postgres")

    @property
    def dsn(self) -> str:
        """How we ask, whatever stands between the service and its Postgres."""
        if self.pair:
            return self.pair.primary.dsn
        return (self.server or self.embedded).dsn

    def door(self) -> Door:
        """The door of the service as it is at the moment."""
        if self._door is None or self._door.port != self.service.port:
            self._door = Door(self.service.port)
        return self._door

    def now(self) -> datetime:
        """The time as a provider has it: the true one, but for a night that is played."""
        return datetime.now(UTC) + (self.clock.offset if self.clock and self.kind == plan.NIGHT else timedelta(0))

    def shift(self, offset: timedelta) -> None:
        """Put the clock wrong, or right again: what has just begun will be waited for by another clock."""
        assert self.clock is not None
        self.clock.shift(offset)
        self.book.excuse(LATELY)

    async def ask(self, query: str, *values: object, seconds: float = 60) -> list[Any]:
        """Rows, as soon as Postgres answers."""
        end = time.monotonic() + seconds
        while True:
            try:
                async with asyncio.timeout(seconds):
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await asyncpg.connect(self.dsn, timeout=5)
                    rows: list[Any] = await self._connection.fetch(query, *values)
                    return rows
            except LOST as error:
                self.hang_up()
                if time.monotonic() > end:
                    raise AssertionError(f"Postgres does not answer us: {error}") from error
                await asyncio.sleep(0.05)

    def hang_up(self) -> None:
        """Ask on another connection from now on."""
        if self._connection is not None:
            with suppress(OSError, asyncpg.InterfaceError):
                self._connection.terminate()
            self._connection = None

    def begin(self, seed: int) -> None:
        """Send from now on."""
        for n in range(SENDERS):
            sender = Sender(f"{self.kind}-s{n}", self.door, self.book, seed + n, self.now)
            self.senders.append(sender)
            self.tasks.append(asyncio.create_task(sender.run(RATE)))
        if self.clock is None:  # the provider's clock is that of this process
            self.simulator.start_stream(rate=SIMULATED)

    async def end(self, seconds: float) -> None:
        """Begin nothing more, and tell what was begun to its end."""
        self.simulator.stop_stream()
        for sender in self.senders:
            sender.stop()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*self.tasks)
        except TimeoutError:
            raise AssertionError(f"what was begun could not be told to its end in {seconds:g} s") from None

    async def mend(self) -> None:
        """By force: what a person would do, so that the other faults can be tried."""
        self.mended += 1
        self.service.kill()
        if self.proxy:
            self.proxy.cut()
        if not self.server and not self.pair:
            self._end_postgres()
        self.service.start()
        await self.ready()

    async def ready(self, seconds: float = 60) -> None:
        """Until the service says so; by another clock than that of its Postgres it cannot, and is alive at least."""
        if self.kind == plan.NIGHT:

            async def is_alive() -> bool:
                return await self.door().get("/healthz", 5) == 200

            await until(is_alive, self.service.log_end, seconds)
        else:
            await self.service.ready(seconds)

    def _end_postgres(self) -> None:
        """Also where it is stopped, and hears nothing else."""
        place = str(self.embedded.folder / "data")
        for process in psutil.process_iter(["cwd"]):
            if process.info["cwd"] == place:
                with suppress(psutil.Error):
                    process.kill()


@asynccontextmanager
async def a_scene(kind: str, folder: Path, seed: int) -> AsyncIterator[Scene]:
    """A scene of that kind, where the service is ready and nothing is sent yet."""
    folder.mkdir(parents=True)  # noqa: ASYNC240  (nothing else goes on yet)
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(a_sink(fails=9))
        ladder = [timedelta(seconds=10)] * 1000
        simulator = await stack.enter_async_context(
            run_simulator(seed=seed, speed=20, odds=Odds(fails=0.25, slow=0.0), ladder=ladder)
        )
        scene = Scene(kind, folder, HurtService.nowhere(folder), sink, simulator)
        data = stack.enter_context(a_small_disk(folder / "disk", DISK)) if kind == plan.DISK else folder / "data"
        dsn = await _postgres(scene, stack, data) if kind not in OWN_POSTGRES else ""
        if kind in {plan.CLOCK, plan.NIGHT}:
            scene.clock = ShiftedClock(folder / "clock")
            if kind == plan.NIGHT:
                scene.clock.show(AUTUMN)
        jobs = NIGHTLY if kind == plan.NIGHT else ""
        scene.service = a_service(folder / "service", dsn, data, simulator.url, sink.url, jobs)
        scene.service.clock = scene.clock
        scene.service.descriptors = DESCRIPTORS
        simulator.register(f"{scene.service.url}/webhooks/sosyalkopru", secret=SECRET)
        stack.callback(scene.service.kill)
        stack.callback(scene.hang_up)
        scene.service.start()
        await scene.ready(120)
        try:
            yield scene
        finally:
            for task in scene.tasks:
                task.cancel()
            await asyncio.gather(*scene.tasks, return_exceptions=True)
            scene.door().close()


async def _postgres(scene: Scene, stack: AsyncExitStack, data: Path) -> str:
    """One that is ours, behind a network that is ours; answers the service's DSN."""
    if scene.kind == plan.STANDBY:
        scene.pair = await stack.enter_async_context(Pair(data).running())
        return scene.pair.service_dsn
    scene.server = server = EmbeddedPostgres(data / "postgres", ROOM)
    await asyncio.to_thread(make, server)
    stack.callback(server.stop)
    credentials = server.start().partition("//")[2].partition("@")[0]
    scene.proxy = await stack.enter_async_context(Proxy(lambda: f"{socket_folder(server)}/{SOCKET}"))
    return f"postgresql://{credentials}@127.0.0.1:{scene.proxy.port}/postgres"


def make(server: EmbeddedPostgres) -> None:
    """Its files, which takes seconds in which others must go on."""
    server._prepare_folder()
    server._cluster.make_ready(ordinary())


def socket_folder(server: EmbeddedPostgres) -> str:
    """Where the server listens, running or not."""
    return str(server._sockets)


NIGHTLY = """
[jobs.reconcile]
cron = "30 2 * * *"
timezone = "Europe/Berlin"

[jobs.twice]
kind = "reconcile"
cron = "0 2 * * *"
timezone = "Europe/Berlin"
"""
