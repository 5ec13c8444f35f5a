"""The composition root: settings in, a running service out; the only file that knows everyone."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING
from uuid import uuid4

from tracker.act.performers.channel_checks import usable
from tracker.act.performers.channels import build_performers
from tracker.act.plans import PlanRunner
from tracker.act.worker import Capacity, Worker
from tracker.api.application import Parts, application
from tracker.api.events import shown
from tracker.api.webhooks import front_of
from tracker.dashboard import handlers
from tracker.dashboard.installation import Installation
from tracker.dashboard.session import Reception
from tracker.domain.calls.call_budget import Purpose
from tracker.embedded.embedded import EmbeddedPostgres, kept_running
from tracker.embedded.server import opened, postgres
from tracker.errors import Unavailable
from tracker.facts.codec import fact_readers
from tracker.outbound.client import Outbound
from tracker.outbound.configured import build_outbound, unreachable
from tracker.process import processor
from tracker.process.active_rules import ActiveRules
from tracker.process.processor import Pace, Processor
from tracker.process.reactor import armed
from tracker.process.refolding import Refolding, rebuilt_apart
from tracker.providers import build_clients, build_providers
from tracker.providers.rate_limiter import SLACK, SharedRateLimiter
from tracker.providers.watched import watchings
from tracker.queries.key_checks import KeyChecks
from tracker.receive.receiver import Receiver
from tracker.reconcile.reconciler import Reconciler
from tracker.runtime import tuning
from tracker.runtime.http_server import Server, claimed, configured, listening, until_over
from tracker.runtime.logger import Logger
from tracker.runtime.supervision import Supervision
from tracker.runtime.tracing import Tracing
from tracker.runtime.tuning import collected_seldom
from tracker.scheduler import Scheduler
from tracker.store import wakeups
from tracker.store.checkpoints.presence import NOT_SEEN, Presence
from tracker.store.database import Database
from tracker.stream.broadcast import Broadcast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator

    from tracker.api.events import Told
    from tracker.settings import Settings
    from tracker.store.database import Connection

    Companion = Callable[[Database], Awaitable[None]]

log = Logger(__name__)

PRESENCE, ARRIVAL = "presence", 5.0


class Role(StrEnum):
    """What one process may do; every process answers /healthz, /readyz and /metrics."""

    RECEIVER = "receiver"
    API = "api"
    WORKER = "worker"
    SCHEDULER = "scheduler"


def clock() -> datetime:
    """The time, for everybody who is given a clock."""
    return datetime.now(UTC)


def serve(
    settings: Settings,
    roles: Collection[Role],
    *,
    migrate: bool = False,
    companion: Companion | None = None,
    door: socket.socket | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads the rules. Call it from the main thread.

    A `companion` runs beside the service, on its database; where it returns, the service stops. `door` is the socket
    of [server], where it is claimed already. Raises Misconfigured when it must not start and Unavailable when the
    database does not answer.
    """
    address = settings.server.host, settings.server.port
    claim = partial(claimed, *address, settings.fault, shared=settings.server.share_port)
    with door or claim() as own_door, postgres(settings) as (dsn, embedded):
        service = _Service(settings, roles, dsn, embedded, companion, own_door)
        with collected_seldom():
            tuning.run(service.run(migrate=migrate or embedded is not None))


class _Service:
    def __init__(
        self,
        settings: Settings,
        roles: Collection[Role],
        dsn: str,
        embedded: EmbeddedPostgres | None,
        companion: Companion | None,
        door: socket.socket,
    ) -> None:
        settings = usable(settings)
        for fault in chain.from_iterable(settings.left_out.values()):
            log.error("settings.left_out", fault=str(fault))
        self._settings, self._roles, self._dsn, self._embedded = settings, roles, dsn, embedded
        self._companion, self._door = companion, door
        self._node = f"{socket.gethostname()}-{uuid4().hex[:8]}"
        self._rules = ActiveRules(settings)
        self._providers = build_providers(settings)
        self._readers = fact_readers(self._providers)
        self._processor: Processor | None = None
        self._agents = Supervision(clock)
        traces = settings.telemetry
        self._tracing = Tracing(traces.traces, traces.traces_ratio, self._node) if traces.traces else None
        self._presence: Presence

    async def run(self, *, migrate: bool) -> None:
        settings = self._settings
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(opened(self._dsn, migrate=migrate, size=settings.database.pool))
            listening = await stack.enter_async_context(wakeups.Wakeups(self._dsn, database.waker).listening())
            outbound = await stack.enter_async_context(build_outbound(settings))
            for fault in unreachable(settings):
                log.warning("outbound.unreachable", fault=str(fault))
            receiver, broadcast = self._receiver(database), Broadcast(database, self._readers, shown)
            try:
                await self._arrive(database)
                for name, agent in self._others(database, listening, outbound):
                    self._agents.start(name, agent)
                if receiver:
                    self._agents.start("receiver", receiver.run)
                if Role.API in self._roles:
                    self._agents.start("stream", partial(broadcast.run, listening))
                await self._serve_http(database, receiver, broadcast, outbound)
            finally:
                await self._leave()
                if self._tracing:
                    await asyncio.to_thread(self._tracing.close)

    async def _arrive(self, database: Database) -> None:
        """Show that this process lives, before it works."""
        works, longest_call = Role.WORKER in self._roles, self._settings.outbound.timeout + SLACK
        self._presence = Presence(
            database, self._node, sorted(self._roles), self._agents.failing, longest_call, buries=works
        )
        self._agents.start(PRESENCE, self._presence.run)
        if self._embedded:
            self._agents.start("postgres", partial(kept_running, self._embedded))
        await self._presence.arrived(ARRIVAL)

    async def _leave(self) -> None:
        """End the work, hand back what is held, and only then be seen to be gone."""
        await self._agents.stop(but=PRESENCE)
        with suppress(Unavailable):
            if self._processor:
                await self._processor.leave()
            await self._presence.leave()
        await self._agents.stop()

    def _others(
        self, database: Database, listening: wakeups.Wakeups, outbound: Outbound
    ) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Everything else that runs beside the HTTP server."""
        if Role.SCHEDULER in self._roles:
            watched = watchings(self._settings, self._providers)
            yield "scheduler", Scheduler(database, self._readers, self._settings, clock, watched).run
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload, listening)
        works, engine = Role.WORKER in self._roles, self._settings.engine
        if works:
            pace, shown_by = Pace(engine.batch, engine.lease, engine.poll), self._presence.require
            self._processor = Processor(
                database, self._node, clock, self._readers, self._rules.index, pace, shown_by, self._tracing
            )
        changed = partial(armed, self._processor.reactor) if self._processor else _nothing_to_arm
        yield "rules", partial(self._rules.follow, database, listening, changed, engine.poll)
        if self._processor:
            yield from self._workers(database, listening, outbound, self._processor)

    def _workers(
        self, database: Database, listening: wakeups.Wakeups, outbound: Outbound, processing: Processor
    ) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        engine = self._settings.engine
        yield processor.NAME, partial(processing.run_by, self._rules, listening)
        anew = partial(rebuilt_apart, self._dsn, self._readers)
        yield "refolding", Refolding(database, processing.reactor.arm_anew, anew).run
        clients = build_clients(self._settings, outbound, SharedRateLimiter(database, self._settings))
        asked = {name: client.on_behalf_of(Purpose.RECONCILIATION) for name, client in clients.items()}
        jobs = self._settings.jobs.reconciling
        asking = Reconciler(database, asked, self._readers, jobs, clock, node=self._node)
        yield "reconciler", lambda: asking.run(listening)
        yield "plans", partial(PlanRunner(database, clock, engine.poll).run, listening)
        performers = build_performers(self._settings, clients, outbound, database)
        capacity = Capacity(actions=engine.actions, lease=engine.lease, poll=engine.poll)
        worker = Worker(database, performers, self._node, clock, capacity, self._presence.require, self._tracing)
        processing.hands = worker
        self._presence.on_death = partial(self._take_over, worker, listening)
        yield "worker", lambda: worker.run(listening)
        yield "leases", worker.tend

    def _take_over(self, worker: Worker, listening: wakeups.Wakeups) -> None:
        """Look at once for what a process held that has died."""
        worker.rescue_now()
        if self._processor:
            self._processor.tend_now()
        for channel in (wakeups.ACTIONS, wakeups.RECONCILIATIONS):
            listening.wake(channel)

    def _receiver(self, database: Database) -> Receiver | None:
        if Role.RECEIVER not in self._roles:
            return None
        return Receiver(
            database,
            self._providers,
            clock,
            max_pending=self._settings.server.max_pending,
            kept_unauthentic=self._settings.retention.forged,
            tracing=self._tracing,
        )

    async def _serve_http(
        self, database: Database, receiver: Receiver | None, broadcast: Broadcast[Told], outbound: Outbound
    ) -> None:
        settings = self._settings.server
        rest, readers = Role.API in self._roles, [processor.NAME]
        installation = Installation(self._settings, self._providers)
        checks = KeyChecks(database, settings.wrong_keys)
        pages = handlers(
            database, clock, readers, self._rules.faults, footing=self._rules.footing, installation=installation,
            checks=checks, open_here=settings.open_dashboard,
        )  # fmt: skip
        parts = Parts(
            database=database,
            clock=clock,
            receiver=receiver,
            rest=rest,
            providers=tuple(self._settings.providers),
            channels=tuple(self._settings.channels),
            doors=self._providers,
            readers=self._readers,
            rules=self._rules,
            broadcast=broadcast,
            subscriptions=readers,
            silence=self._settings.engine.silence,
            max_body=settings.max_body,
            folder=self._settings.database.data_dir if self._embedded else None,
            faults=self._faults,
            left_out=self._settings.left_out,
            visitor=Reception(checks, clock, settings.open_dashboard).key_of,
            checks=checks,
            outbound=outbound,
            link_secret=settings.link_secret,
            cors=settings.cors,
            more=pages if rest else (),
            traced_by=self._tracing.provider if self._tracing else None,
        )
        front = front_of(self._settings, receiver)
        config = configured(application(parts), front, shutdown=settings.shutdown.total_seconds())
        server = Server(config, broadcast.close)
        door = listening(self._door, self._settings.fault)
        loop = asyncio.get_running_loop()
        for how in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(how, server.stop)
        log.info("service.started", host=settings.host, port=settings.port, node=self._node, roles=sorted(self._roles))
        async with asyncio.TaskGroup() as running:
            running.create_task(server.serve([door]))
            if self._companion:
                running.create_task(until_over(self._companion(database), server))
        log.info("service.stopped", node=self._node)

    def _faults(self) -> dict[str, str]:
        """Which agents of this process fail, and whether its processor has not begun to read."""
        found = {}
        if self._processor and not self._processor.has_read:
            found[processor.NAME] = "has not read yet since this process has started"
        if not self._presence.holds:
            found[PRESENCE] = NOT_SEEN
        return found | {name: str(how) for name, how in self._agents.failing().items()}

    def _reload(self, listening: wakeups.Wakeups) -> None:
        self._rules.read_again()
        listening.wake(wakeups.RULES)


async def _nothing_to_arm(_: Connection) -> None:
    """This process does not react."""
