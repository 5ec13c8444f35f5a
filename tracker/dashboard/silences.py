"""Silences: those in force first, with what each hid; one is begun with a form, and ended early with a button."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from litestar import Response, get, post
from litestar.response import Redirect

from tracker.dashboard.query import Query, with_done
from tracker.dashboard.session import Db, Here, Id, Now, ProviderNames, Rules, Visit
from tracker.domain.runs.engine_state import MATCHED
from tracker.errors import BadParameter
from tracker.facts import commands
from tracker.facts.commands import SEVERITIES, silence
from tracker.queries.paging import Page
from tracker.queries.silences import MOST_COUNTED, SilenceOut, list_silences
from tracker.rulebook.source import RuleSource
from tracker.store.database import Database

NONE: Page[SilenceOut] = Page([], None)
ENDED_ON_A_PAGE = 25
MOST_IN_FORCE = 100
SPANS = ("1h", "4h", "1d", "7d")
FIELDS = (*MATCHED, "for", "until", "reason")


@get("/silences")
async def show_silences(
    visit: Here, database: Db, now: Now, rules: Rules, provider_names: ProviderNames
) -> Response[Any]:
    """Those that are over come in pages."""
    return await _page(visit, database, now, _known(rules, provider_names), {}, None)


@post("/silences")
async def begin_silence(
    visit: Here, database: Db, now: Now, rules: Rules, provider_names: ProviderNames
) -> Response[Any]:
    """From now on; with a fault, the form comes back as it was filled in, and says which field it is."""
    by, form, known = visit.must_operate().name, Query(await visit.request.form()), _known(rules, provider_names)
    wish = {name: form.text(name) for name in FIELDS}
    match = {name: text for name in MATCHED if (text := wish[name])}
    try:
        begun = silence(uuid4(), match, (wish["until"], wish["for"]), wish["reason"] or "", by, now, known)
    except BadParameter as fault:
        return await _page(visit, database, now, known, {name: wish[name] or "" for name in FIELDS}, fault)
    async with database.transaction() as conn:
        await commands.begin_silence(conn, begun)
    return Redirect(with_done("/silences", "silence_begun"), status_code=303)


@post("/silences/{silence_id:uuid}/end")
async def end_silence(visit: Here, database: Db, now: Now, silence_id: Id) -> Response[Any]:
    """Now; one that is over stays as it ended."""
    return await visit.does("silence_ended", database, lambda conn, by: commands.end_silence(conn, silence_id, by, now))


async def _page(
    visit: Visit, database: Database, now: datetime, known: dict[str, tuple[str, ...]], wish: dict[str, str],
    fault: BadParameter | None,
) -> Response[Any]:  # fmt: skip
    """`wish` is what the form was filled in with, `fault` why it cannot be done."""
    cursor = Query(visit.request.query_params).cursor
    async with database.connection() as conn:
        active = await list_silences(conn, ["active"], now, None, MOST_IN_FORCE) if cursor is None else NONE
        ended = await list_silences(conn, ["ended"], now, cursor, ENDED_ON_A_PAGE)
    return visit.list_page(
        "silences", "/silences", ended.next, {}, 400 if fault else 200, active=active.items, ended=ended.items,
        matched=MATCHED, known={**known, "severity": SEVERITIES}, spans=SPANS, wish=wish, fault=fault,
        faulty=fault.parameter.removeprefix("match.") if fault else "", most=MOST_COUNTED,
    )  # fmt: skip


def _known(rules: RuleSource, providers: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What a rule and a provider can be called."""
    return {"rule": tuple(rule.id for rule in rules.rules()), "provider": providers}
