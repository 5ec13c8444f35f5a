"""The composition root: settings in, a running service out; the only file that knows everyone."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from tracker import event_loop, projector, reactor
from tracker.actions import build_performers
from tracker.api.application import Parts, application
from tracker.api.front import front_of
from tracker.api.stream import shown
from tracker.broadcast import Broadcast
from tracker.dashboard import handlers
from tracker.dashboard.checkup import Installation
from tracker.dashboard.visitor import Reception
from tracker.domain.allowance import Purpose
from tracker.errors import Unavailable
from tracker.garbage import collected_seldom
from tracker.gate import SharedGate
from tracker.http_server import Server, configured, listening, until_over
from tracker.key_checks import KeyChecks
from tracker.outbound import Outbound, build_outbound
from tracker.projector import Projector
from tracker.providers import build_clients, build_providers, fact_readers
from tracker.reactor import Reactor
from tracker.receiver import Receiver
from tracker.reconciler import Reconciler
from tracker.redelivery import Redeliverer
from tracker.rules_in_force import RulesInForce
from tracker.scheduler import Scheduler, next_time_of
from tracker.store import feed, shares, wakeups
from tracker.store.database import Database
from tracker.store.embedded import EmbeddedPostgres
from tracker.store.server import opened, postgres
from tracker.store.snapshot import beginning
from tracker.subscription import Pace, Subscription
from tracker.worker import Capacity, Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator

    from tracker.api.stream import Told
    from tracker.settings import Settings
    from tracker.store.database import Connection

    Companion = Callable[[Database], Awaitable[None]]

log = structlog.get_logger(__name__)

REVIVE_EVERY = 0.5
LONGEST_PAUSE = 30.0


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
    settings: Settings, roles: Collection[Role], *, migrate: bool = False, companion: Companion | None = None
) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads the rules. Call it from the main thread.

    A `companion` runs beside the service, on its database; where it returns, the service stops. Raises Misconfigured
    when it must not start and Unavailable when the database does not answer.
    """
    with postgres(settings) as (dsn, embedded):
        service = _Service(settings, roles, dsn, embedded, companion)
        with collected_seldom():
            event_loop.run(service.run(migrate=migrate or embedded is not None))


class _Service:
    def __init__(
        self,
        settings: Settings,
        roles: Collection[Role],
        dsn: str,
        embedded: EmbeddedPostgres | None,
        companion: Companion | None,
    ) -> None:
        self._settings, self._roles, self._dsn, self._embedded = settings, roles, dsn, embedded
        self._companion = companion
        self._node = f"{socket.gethostname()}-{uuid4().hex[:8]}"
        self._rules = RulesInForce(settings)
        self._providers = build_providers(settings)
        self._readers = fact_readers(self._providers)
        self._subscriptions: list[Subscription] = []

    async def run(self, *, migrate: bool) -> None:
        settings = self._settings
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(opened(self._dsn, migrate=migrate, size=settings.database.pool))
            listening = await stack.enter_async_context(wakeups.Wakeups(self._dsn).listening())
            outbound = await stack.enter_async_context(build_outbound(settings))
            receiver, broadcast = self._receiver(database), Broadcast(database, shown)
            agents = [*self._agents(database, listening, outbound)]
            if receiver:
                agents.append(("receiver", receiver.run))
            if Role.API in self._roles:
                agents.append(("stream", partial(broadcast.run, listening)))
            tasks = [asyncio.create_task(_supervised(name, agent), name=name) for name, agent in agents]
            try:
                await self._serve_http(database, receiver, broadcast)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                with suppress(Unavailable):
                    for subscription in self._subscriptions:
                        await subscription.leave()

    def _agents(
        self, database: Database, listening: wakeups.Wakeups, outbound: Outbound
    ) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Everything that runs beside the HTTP server."""
        if self._embedded:
            yield "postgres", self._revive_postgres
        if Role.SCHEDULER in self._roles:
            yield "scheduler", Scheduler(database, self._readers, self._settings, clock).run
        reacting = Reactor(self._rules.index, clock)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload, listening)
        works = Role.WORKER in self._roles
        changed = partial(_armed, reacting) if works else _nothing_to_arm
        yield "rules", partial(self._rules.follow, database, listening, changed, self._settings.engine.poll)
        if works:
            yield from self._workers(database, listening, outbound, reacting)

    def _workers(
        self, database: Database, listening: wakeups.Wakeups, outbound: Outbound, reacting: Reactor
    ) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        engine = self._settings.engine
        pace = Pace(engine.batch, engine.lease, engine.poll)
        for name, source, channel, handler in (
            (projector.NAME, feed.EVENTS, wakeups.EVENTS, Projector(self._readers)),
            (reactor.NAME, feed.CHANGES, wakeups.CHANGES, reacting),
        ):
            subscription = Subscription(name, source, channel, handler, database, self._node, clock, pace)
            self._subscriptions.append(subscription)
            yield name, _Reading(database, subscription, self._rules, reacting, listening).run
        clients = build_clients(self._settings, outbound, SharedGate(database, self._settings))
        asked = {name: client.on_behalf_of(Purpose.RECONCILIATION) for name, client in clients.items()}
        asking = Reconciler(database, asked, self._readers, self._settings.jobs.reconciling, clock)
        yield "reconciler", lambda: asking.run(listening)
        yield "redelivery", partial(Redeliverer(database, clock, engine.poll).run, listening)
        performers = build_performers(self._settings, clients, outbound)
        capacity = Capacity(actions=engine.actions, lease=engine.lease, poll=engine.poll)
        worker = Worker(database, performers, self._node, clock, capacity)
        yield "worker", lambda: worker.run(listening)

    def _receiver(self, database: Database) -> Receiver | None:
        if Role.RECEIVER not in self._roles:
            return None
        return Receiver(
            database,
            self._providers,
            clock,
            max_pending=self._settings.server.max_pending,
            kept_unauthentic=self._settings.retention.forged,
        )

    async def _serve_http(self, database: Database, receiver: Receiver | None, broadcast: Broadcast[Told]) -> None:
        settings = self._settings.server
        rest, readers = Role.API in self._roles, [projector.NAME, reactor.NAME]
        installation = Installation(self._settings, self._providers, next_time_of)
        faults, open_here = self._rules.faults, settings.open_dashboard
        checks = KeyChecks(database, settings.wrong_keys)
        pages = handlers(
            database, clock, readers, faults, installation=installation, checks=checks, open_here=open_here
        )
        parts = Parts(
            database=database,
            clock=clock,
            receiver=receiver,
            rest=rest,
            providers=tuple(self._settings.providers),
            doors=self._providers,
            readers=self._readers,
            rules=self._rules,
            broadcast=broadcast,
            subscriptions=readers,
            silence=self._settings.engine.silence,
            max_body=settings.max_body,
            folder=self._settings.database.data_dir if self._embedded else None,
            visitor=Reception(checks, clock, open_here).key_of,
            checks=checks,
            more=pages if rest else (),
        )
        front = front_of(self._settings, receiver)
        config = configured(application(parts), front, shutdown=settings.shutdown.total_seconds())
        server = Server(config, broadcast.close)
        door = listening(settings.host, settings.port, shared=settings.share_port)
        loop = asyncio.get_running_loop()
        for how in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(how, server.stop)
        log.info("service.started", host=settings.host, port=settings.port, node=self._node, roles=sorted(self._roles))
        async with asyncio.TaskGroup() as running:
            running.create_task(server.serve([door]))
            if self._companion:
                running.create_task(until_over(self._companion(database), server))
        log.info("service.stopped", node=self._node)

    def _reload(self, listening: wakeups.Wakeups) -> None:
        self._rules.read_again()
        listening.wake(wakeups.RULES)

    async def _revive_postgres(self) -> None:
        """A server that died is started again, from this thread, with which it ends."""
        while True:
            await asyncio.sleep(REVIVE_EVERY)
            if self._embedded and self._embedded.revive():
                log.warning("postgres.revived")


class _Reading:
    """A subscription from its very first run; nothing is read before the rules are the right ones."""

    def __init__(
        self,
        database: Database,
        subscription: Subscription,
        rules: RulesInForce,
        reacting: Reactor,
        listening: wakeups.Wakeups,
    ) -> None:
        self._database, self._subscription = database, subscription
        self._rules, self._reacting, self._listening = rules, reacting, listening

    async def run(self) -> None:
        async with self._database.transaction() as conn:
            await shares.create(conn, self._subscription.name, beginning(1))
            await self._rules.take_switches(conn)
            await _armed(self._reacting, conn)
        await self._subscription.run(self._listening)


async def _armed(reacting: Reactor, conn: Connection) -> None:
    """Say of every rule that is new, or means something new, what has become of its timers."""
    for rule, (cancelled, armed) in (await reacting.arm_standing(conn)).items():
        log.info("rules.armed", rule=rule, timers=armed, cancelled=cancelled)


async def _nothing_to_arm(_: Connection) -> None:
    """This process does not react."""


async def _supervised(name: str, agent: Callable[[], Awaitable[None]]) -> None:
    """Run an agent for ever: one that fails is begun again, after a pause that grows."""
    pause = 0.5
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await agent()
        except Unavailable as error:
            log.warning("agent.waiting", agent=name, error=str(error))
        except Exception as error:
            log.error("agent.failed", agent=name, error=str(error), exc_info=error)
        if asyncio.get_running_loop().time() - began > LONGEST_PAUSE:
            pause = 0.5
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
