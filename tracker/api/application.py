"""The HTTP application: which addresses there are, who may use them, and how errors and the OpenAPI text look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from pydantic import SecretStr

from tracker.api import (
    actions,
    calendar,
    endpoints,
    events,
    figures,
    health,
    plans,
    posts,
    providers,
    quarantine,
    rules,
    runs,
    signals,
    silences,
    stats,
)
from tracker.api.auth import Visitor, caller, may_look_in, refuse_unknown_parameters, requires
from tracker.api.cors import CrossOrigin
from tracker.api.description import operation_id
from tracker.api.events import Told, shown
from tracker.api.handlers import Listed
from tracker.api.problems import HANDLERS
from tracker.api.reference import HEADERS, JsonDescription, ReferencePage
from tracker.api.webhooks import door
from tracker.outbound.client import Outbound
from tracker.process.backtest_service import BacktestService
from tracker.queries.as_of import Past
from tracker.queries.key_checks import KeyChecks
from tracker.receive.quarantine_replay import Replay
from tracker.rulebook.source import NO_RULES, notices
from tracker.stream.broadcast import Broadcast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from litestar.plugins import InitPlugin
    from litestar.types import ASGIApp, ControllerRouterHandler, Receive, Scope, Send
    from opentelemetry.trace import TracerProvider

    from tracker.errors import Misconfigured
    from tracker.providers.base import FactReader, Provider
    from tracker.receive.receiver import Receiver
    from tracker.rulebook.source import RuleSource
    from tracker.store.database import Database

REST = (
    posts.list_posts, posts.one_post, *posts.CALLED_LIKE_ORDERS, posts.post_history, posts.post_why,
    posts.retry_post, posts.reconcile_post, providers.list_accounts, stats.stats, stats.causes,
    calendar.calendar, calendar.calendar_feed, figures.figures, providers.one_account,
    events.list_events, events.stream_events, events.one_event, events.list_news,
    actions.list_actions, actions.one_action, actions.retry_action, actions.discard_action,
    plans.retry_posts, plans.reconcile_posts, plans.silence_posts,
    plans.retry_actions, plans.discard_actions, plans.redeliver_actions,
    plans.list_plans, plans.one_plan, plans.pause_plan, plans.resume_plan, plans.cancel_plan,
    rules.list_rules, rules.one_rule, rules.enable_rule, rules.disable_rule, rules.resume_rule, rules.backtest,
    runs.list_runs, runs.one_run, runs.cancel_run, runs.acknowledge_run,
    silences.list_silences, silences.one_silence, silences.create_silence, silences.end_silence,
    signals.signal,
    endpoints.list_endpoints, endpoints.one_endpoint, endpoints.create_endpoint, endpoints.delete_endpoint,
    endpoints.try_endpoint,
    providers.list_drifts,
    providers.list_reconciliations, providers.one_reconciliation, providers.create_reconciliation,
    quarantine.list_quarantine, quarantine.one_of_quarantine, quarantine.replay_held, quarantine.discard_held,
)  # fmt: skip


UNTRACED = ["^/healthz", "^/readyz", "^/metrics", "^/static/", "^/webhooks/"]

INTRODUCTION = """
What became of every social post.

Send a key: `Authorization: Bearer <key>`; `tracker keys create` makes one, with the scope `read`, `operate` or `admin`,
each of which includes those before it. Times are RFC 3339, in UTC. Lists are `{"items": [...], "next": "<cursor>"}`:
give `next` as `cursor` for the next page; it is null on the last one. A list that is read while things happen neither
repeats nor skips what was there when it began. With `Accept: text/csv` or `Accept: application/x-ndjson` a page of a
list is a table or a line of JSON for each item, and the address of the next one stands in `Link`. In CSV, a text that a
spreadsheet would take for a formula begins with an apostrophe.

Whatever is refused says why, as `application/problem+json` (RFC 9457): `detail` for people, `type` for programs, and
`parameter` where one is wrong. A parameter that an address does not know is refused too. 503 passes: come again after
`Retry-After`.

What a person decides (a retry, a silence, a plan) is itself a fact of the log, with the name of the key.
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of.

    No `receiver`: no door. `subscriptions` must all show life within `silence` for the service to be ready;
    `max_body` is in bytes; `folder` is where an embedded Postgres keeps its data; `left_out` are channels and
    endpoints that are set up wrongly; `visitor` knows who is signed in at the dashboard, and may read the reference
    page; `checks` are those of the dashboard, where there is one; `outbound` judges where endpoints made at run time
    may be, and their secrets are made of `link_secret`; pages of the origins in `cors` may read answers. `faults`
    keep this process from being ready, `notices` do not. `traced_by` gets a span of each
    request.
    """

    database: Database
    clock: Callable[[], datetime]
    receiver: Receiver | None
    rest: bool = True
    providers: Sequence[str] = ()
    channels: Sequence[str] = ()
    doors: Mapping[str, Provider] = field(default_factory=dict)
    readers: Mapping[str, FactReader] = field(default_factory=dict)
    rules: RuleSource = NO_RULES
    broadcast: Broadcast[Told] | None = None
    subscriptions: Sequence[str] = ()
    silence: timedelta = timedelta(seconds=60)
    max_body: int = 2**20
    visitor: Visitor | None = None
    checks: KeyChecks | None = None
    outbound: Outbound = field(default_factory=Outbound)
    cors: Collection[str] = ()
    link_secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    folder: Path | None = None
    faults: Callable[[], Mapping[str, str]] = dict
    notices: Callable[[], Mapping[str, str]] = dict
    left_out: Mapping[str, Sequence[Misconfigured]] = field(default_factory=dict)
    more: Sequence[ControllerRouterHandler] = ()
    traced_by: TracerProvider | None = None

    def alert_values(self) -> dict[str, Sequence[str]]:
        """What can be the rule of an alert, and its provider and its channel where any are configured."""
        rules = {"rule": [rule.id for rule in self.rules.rules()]}
        configured = {"provider": self.providers, "channel": self.channels}
        return rules | {name: values for name, values in configured.items() if values}


def application(parts: Parts) -> Litestar:
    """The ASGI application; it opens and closes nothing of its own."""
    handlers: list[ControllerRouterHandler] = [health.healthz, health.readyz, health.metrics, *parts.more]
    if parts.receiver:
        handlers.append(door(parts.receiver, parts.max_body))
    if parts.rest:
        handlers.append(
            Router(
                "/api/v1", route_handlers=REST, guards=[requires("read"), refuse_unknown_parameters],
                response_class=Listed,
            )
        )  # fmt: skip
    readiness = health.Readiness(
        parts.database, parts.subscriptions, parts.silence, parts.receiver, parts.folder, parts.faults,
        lambda: {**notices(parts.rules, parts.left_out), **parts.notices()},
    )  # fmt: skip
    app = Application(
        route_handlers=handlers,
        middleware=[whole],
        dependencies={
            "database": _given(parts.database),
            "clock": _given(parts.clock),
            "now": Provide(parts.clock, sync_to_thread=False),
            "by": Provide(_name_of_caller, sync_to_thread=False),
            "readiness": _given(readiness),
            "provider_names": _given(tuple(parts.providers)),
            "alert_values": Provide(parts.alert_values, sync_to_thread=False),
            "rules": _given(parts.rules),
            "outbound": _given(parts.outbound),
            "link_secret": _given(parts.link_secret),
            "broadcast": _given(parts.broadcast or _silent(parts.database)),
            "replaying": Provide(lambda: Replay(parts.database, parts.doors, parts.clock), sync_to_thread=False),
            "past": _given(Past(parts.readers)),
            "trial": _given(BacktestService(parts.database, parts.readers, parts.rules)),
        },
        state=State({"checks": parts.checks or KeyChecks(parts.database), "visitor": parts.visitor}),
        exception_handlers=HANDLERS,
        plugins=[_spans(parts.traced_by)] if parts.traced_by else [],
        openapi_config=_openapi() if parts.rest else None,
        logging_config=None,
        debug=False,
    )
    app.cors = CrossOrigin(parts.cors)
    return app


def _spans(provider: TracerProvider) -> InitPlugin:
    """A span for each request, but for those of the machinery around the service."""
    from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin  # noqa: PLC0415  (an extra)

    return OpenTelemetryPlugin(OpenTelemetryConfig(tracer_provider=provider, exclude=UNTRACED))


def _silent(database: Database) -> Broadcast[Told]:
    """Where nobody reads, nobody may listen."""
    broadcast = Broadcast(database, {}, shown)
    broadcast.close()
    return broadcast


def _name_of_caller(request: Request[Any, Any, Any]) -> str:
    return caller(request).name


def _given(value: Any) -> Provide:
    def give() -> Any:
        return value

    return Provide(give, sync_to_thread=False)


def _openapi() -> OpenAPIConfig:
    router = Router(
        "/schema",
        route_handlers=[],
        guards=[may_look_in],
        response_headers=HEADERS,
        include_in_schema=False,
    )
    return OpenAPIConfig(
        title="tracker",
        version=version("tracker"),
        description=INTRODUCTION,
        components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"key": []}],
        openapi_router=router,
        render_plugins=[JsonDescription(), ReferencePage()],
        use_handler_docstrings=True,
        operation_id_creator=operation_id,
    )


# What follows keeps ids in addresses whole: a slash that was escaped is part of an id, and not one of the path. Before
# an address is matched, what stands between its slashes is decoded with the slashes inside it still escaped (and so is
# what escapes them); the parameters that have been found are whole again before anybody reads them.
_APART = "tracker.apart"
"""Whether the path of a scope has slashes that are escaped."""


class Application(Litestar):
    """The framework's application, which leaves an escaped slash where it is, and knows who else may read answers."""

    cors = CrossOrigin()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http" and b"%2f" in scope["raw_path"].lower():
            scope[_APART] = True
            scope["path"] = _apart(scope["raw_path"])
        if self.cors.concerns(scope):
            if headers := self.cors.preflight(scope):
                await send({"type": "http.response.start", "status": 204, "headers": headers})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            send = self.cors.marking(scope, send)
        await super().__call__(scope, receive, send)


def whole(app: ASGIApp) -> ASGIApp:
    """A middleware that hands path and parameters on as they were meant."""

    async def handing_on(scope: Scope, receive: Receive, send: Send) -> None:
        given: Any = scope
        if given.pop(_APART, False):
            # The parameters of an address are kept by the framework, and are not to be changed in place.
            given["path_params"] = {name: _joined(value) for name, value in given["path_params"].items()}
            given["path"] = _joined(given["path"])
        await app(scope, receive, send)

    return handing_on


def _apart(raw_path: bytes) -> str:
    """The path, decoded but for the slashes within its parts."""
    parts = raw_path.decode("latin-1").partition("?")[0].split("/")
    return "/".join(unquote(part).replace("%", "%25").replace("/", "%2F") for part in parts)


def _joined(value: Any) -> Any:
    return value.replace("%2F", "/").replace("%25", "%") if isinstance(value, str) else value
