"""The HTTP application: which addresses there are, who may use them, and how errors and the OpenAPI text look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from tracker.api import (
    actions,
    backtests,
    events,
    health,
    post_actions,
    posts,
    quarantine,
    reconciliations,
    redeliveries,
    rules,
    runs,
    signals,
    silences,
    stats,
    stream,
    why,
)
from tracker.api.guards import refuse_unknown_parameters, requires
from tracker.api.problems import HANDLERS
from tracker.api.stream import Told, shown
from tracker.api.webhooks import door
from tracker.api.words import NO_RULES
from tracker.broadcast import Broadcast
from tracker.past import Past
from tracker.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from litestar.types import ControllerRouterHandler

    from tracker.api.words import RuleSource
    from tracker.providers.base import FactReader, Provider
    from tracker.receiver import Receiver
    from tracker.store.database import Database

REST = (
    posts.list_posts, posts.one_post, posts.post_history, why.post_why,
    post_actions.retry_post, post_actions.reconcile_post, stats.stats,
    events.list_events, stream.stream_events, events.one_event,
    actions.list_actions, actions.one_action, actions.retry_action, actions.discard_action,
    redeliveries.plan_redelivery, redeliveries.list_redeliveries, redeliveries.one_redelivery,
    redeliveries.pause_redelivery, redeliveries.resume_redelivery, redeliveries.cancel_redelivery,
    rules.list_rules, rules.one_rule, rules.enable_rule, rules.disable_rule, backtests.backtest,
    runs.list_runs, runs.one_run, runs.cancel_run,
    silences.list_silences, silences.one_silence, silences.create_silence, silences.end_silence,
    signals.signal,
    reconciliations.list_reconciliations, reconciliations.one_reconciliation, reconciliations.create_reconciliation,
    quarantine.list_quarantine, quarantine.one_of_quarantine, quarantine.replay_held, quarantine.discard_held,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of.

    No `receiver`: no door. `subscriptions` must all show life within `silence` for the service to be ready;
    `max_body` is in bytes.
    """

    database: Database
    clock: Callable[[], datetime]
    receiver: Receiver | None
    rest: bool = True
    providers: Sequence[str] = ()
    doors: Mapping[str, Provider] = field(default_factory=dict)
    readers: Mapping[str, FactReader] = field(default_factory=dict)
    rules: RuleSource = NO_RULES
    broadcast: Broadcast[Told] | None = None
    subscriptions: Sequence[str] = ()
    silence: timedelta = timedelta(seconds=60)
    max_body: int = 2**20
    more: Sequence[ControllerRouterHandler] = ()


def application(parts: Parts) -> Litestar:
    """The ASGI application; it opens and closes nothing of its own."""
    handlers: list[ControllerRouterHandler] = [health.healthz, health.readyz, health.metrics, *parts.more]
    if parts.receiver:
        handlers.append(door(parts.receiver, parts.max_body))
    if parts.rest:
        handlers.append(Router("/api/v1", route_handlers=REST, guards=[requires("read"), refuse_unknown_parameters]))
    readiness = health.Readiness(parts.database, parts.subscriptions, parts.silence)
    return Litestar(
        route_handlers=handlers,
        dependencies={
            "database": _given(parts.database),
            "clock": _given(parts.clock),
            "readiness": _given(readiness),
            "provider_names": _given(tuple(parts.providers)),
            "rules": _given(parts.rules),
            "broadcast": _given(parts.broadcast or _silent(parts.database)),
            "replaying": _given(Replay(parts.database, parts.doors, parts.clock)),
            "past": _given(Past(parts.readers)),
            "backtesting": _given(asyncio.Lock()),
        },
        state=State({"database": parts.database}),
        exception_handlers=HANDLERS,
        openapi_config=_openapi() if parts.rest else None,
        logging_config=None,
        debug=False,
    )


def _silent(database: Database) -> Broadcast[Told]:
    """Where nobody reads, nobody may listen."""
    broadcast = Broadcast(database, shown)
    broadcast.close()
    return broadcast


def _given(value: Any) -> Provide:
    def give() -> Any:
        return value

    return Provide(give, sync_to_thread=False)


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="tracker",
        version=version("tracker"),
        description="What became of every social post.",
        components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"key": []}],
        openapi_router=Router("/schema", route_handlers=[], guards=[requires("read")]),
        render_plugins=[JsonRenderPlugin()],
    )
