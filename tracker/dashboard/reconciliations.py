"""Reconciliation: what webhooks missed and asking found, the rounds of questions, and asking now."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect

from tracker.dashboard.query import Query, address, with_done
from tracker.dashboard.rendering import Visit
from tracker.dashboard.session import Clock
from tracker.errors import BadParameter
from tracker.facts import commands
from tracker.parameters import parse_choice, parse_reconcile_since
from tracker.queries.reconciliations import STATES, list_reconciliations, one_reconciliation
from tracker.store.calls.reconciliations import BY_HAND, SENT_NOTHING
from tracker.store.database import Database
from tracker.store.posts import overdue_posts

ON_A_PAGE = 50
LATELY = timedelta(days=30)
FOUND_SHOWN = 100

Id = Annotated[UUID, PathParameter()]
Providers = NamedDependency[tuple[str, ...]]


@get("/reconciliations")
async def show_reconciliations(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock],
    provider_names: Providers,
) -> Response[Any]:  # fmt: skip
    """The newest round first."""
    return await _page(visit, database, clock, provider_names, {}, None)


@post("/reconciliations")
async def ask_now(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock],
    provider_names: Providers,
) -> Response[Any]:  # fmt: skip
    """One round for each provider, or for the one that was chosen, as soon as a worker is free."""
    by, form, now = visit.must_operate().name, Query(await visit.request.form()), clock()
    wish = {name: form.text(name) for name in ("provider", "since")}
    try:
        names = (
            [parse_choice("provider", wish["provider"], provider_names)] if wish["provider"] else sorted(provider_names)
        )
        since = parse_reconcile_since("since", wish["since"], now) if wish["since"] else None
    except BadParameter as fault:
        return await _page(visit, database, clock, provider_names, wish, fault)
    async with database.transaction() as conn:
        await commands.ask_providers(conn, names, since, by, now)
    return Redirect(with_done("/reconciliations", "asked"), status_code=303)


@get("/reconciliations/{round_id:uuid}")
async def show_round(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock], round_id: Id
) -> Response[Any]:
    """A round as far as it is, with the posts of which it alone has told."""
    async with database.connection() as conn:
        asked = await one_reconciliation(conn, round_id)
        span = (asked.begun_at or clock(), asked.ended_at or clock())
        found = await overdue_posts.found_in(conn, asked.provider, asked.id, span, FOUND_SHOWN)
    return visit.page("round", round=asked, found=found, by_hand=BY_HAND, sent_nothing=SENT_NOTHING, most=FOUND_SHOWN)


async def _page(
    visit: Visit, database: Database, clock: Clock, providers: tuple[str, ...], wish: dict[str, str | None],
    fault: BadParameter | None,
) -> Response[Any]:  # fmt: skip
    """`wish` is what the form was filled in with, `fault` why it cannot be done."""
    asked, now = Query(visit.request.query_params), clock()
    provider, states = asked.text("provider"), asked.words("state", STATES)
    async with database.connection() as conn:
        page = await list_reconciliations(conn, states, provider, asked.cursor, ON_A_PAGE)
        missed = await overdue_posts.missed(conn, now - LATELY, now)
    given: dict[str, object] = {"provider": provider or "", "state": states}
    more = address("/reconciliations", **given, cursor=page.next) if page.next else None
    return visit.page(
        "reconciliations", 400 if fault else 200, rounds=page.items, given=given, states=STATES, providers=providers,
        missed={name: missed.get(name, (0, 0)) for name in sorted({*providers, *missed})}, by_hand=BY_HAND, more=more,
        sent_nothing=SENT_NOTHING,
        first=asked.cursor is None, wish=wish, fault=fault, days=LATELY.days,
    )  # fmt: skip
