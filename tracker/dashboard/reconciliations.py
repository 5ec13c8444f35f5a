"""Reconciliation: what webhooks missed and asking found, the rounds of questions, and asking now."""

from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from tracker.dashboard.query import Query, with_done
from tracker.dashboard.session import ON_A_PAGE, Db, Here, Id, Now, ProviderNames, Visit
from tracker.errors import BadParameter
from tracker.facts import commands
from tracker.parameters import parse_choice, parse_reconcile_since
from tracker.queries.reconciliations import STATES, list_reconciliations, one_reconciliation
from tracker.store.calls.reconciliations import BY_HAND, SENT_NOTHING
from tracker.store.database import Database
from tracker.store.posts import overdue_posts

LATELY = timedelta(days=30)
FOUND_SHOWN = 100


@get("/reconciliations")
async def show_reconciliations(visit: Here, database: Db, now: Now, provider_names: ProviderNames) -> Response[Any]:
    """The newest round first."""
    return await _page(visit, database, now, provider_names, {}, None)


@post("/reconciliations")
async def ask_now(visit: Here, database: Db, now: Now, provider_names: ProviderNames) -> Response[Any]:
    """One round for each provider, or for the one that was chosen, as soon as a worker is free."""
    by, form = visit.must_operate().name, Query(await visit.request.form())
    wish = {name: form.text(name) for name in ("provider", "since")}
    try:
        chosen = parse_choice("provider", wish["provider"], provider_names) if wish["provider"] else None
        since = parse_reconcile_since("since", wish["since"], now) if wish["since"] else None
    except BadParameter as fault:
        return await _page(visit, database, now, provider_names, wish, fault)
    async with database.transaction() as conn:
        await commands.ask_providers(conn, [chosen] if chosen else sorted(provider_names), since, by, now)
    return Redirect(with_done("/reconciliations", "asked"), status_code=303)


@get("/reconciliations/{round_id:uuid}")
async def show_round(visit: Here, database: Db, now: Now, round_id: Id) -> Response[Any]:
    """A round as far as it is, with the posts of which it alone has told."""
    async with database.connection() as conn:
        asked = await one_reconciliation(conn, round_id)
        span = (asked.begun_at or now, asked.ended_at or now)
        found = await overdue_posts.found_in(conn, asked.provider, asked.id, span, FOUND_SHOWN)
    return visit.page("round", round=asked, found=found, by_hand=BY_HAND, sent_nothing=SENT_NOTHING, most=FOUND_SHOWN)


async def _page(
    visit: Visit, database: Database, now: datetime, providers: tuple[str, ...], wish: dict[str, str | None],
    fault: BadParameter | None,
) -> Response[Any]:  # fmt: skip
    """`wish` is what the form was filled in with, `fault` why it cannot be done."""
    asked = Query(visit.request.query_params)
    provider, states = asked.text("provider"), asked.words("state", STATES)
    async with database.connection() as conn:
        page = await list_reconciliations(conn, states, provider, asked.cursor, ON_A_PAGE)
        missed = await overdue_posts.missed(conn, now - LATELY, now)
    given: dict[str, object] = {"provider": provider or "", "state": states}
    return visit.list_page(
        "reconciliations", "/reconciliations", page.next, given, 400 if fault else 200, rounds=page.items, given=given,
        states=STATES, providers=providers, by_hand=BY_HAND, sent_nothing=SENT_NOTHING, wish=wish, fault=fault,
        missed={name: missed.get(name, (0, 0)) for name in sorted({*providers, *missed})}, days=LATELY.days,
    )  # fmt: skip
