"""Silences: those in force first, with what each hid; one is begun with a form, and ended early with a button."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from glob import escape
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from litestar import Response, get, post
from litestar.response import Redirect

from tracker.dashboard.query import Query, with_done
from tracker.dashboard.session import AlertValues, Db, Here, Id, Now, Visit
from tracker.domain.runs.engine_state import MATCHED
from tracker.errors import BadParameter
from tracker.facts import commands
from tracker.facts.commands import SEVERITIES, end_of_silence, silence
from tracker.parameters import parse_zone_of
from tracker.queries.paging import Page
from tracker.queries.silences import MOST_COUNTED, SilenceOut, list_silences
from tracker.store.database import Database

NONE: Page[SilenceOut] = Page([], None)
ENDED_ON_A_PAGE = 25
MOST_IN_FORCE = 100
SPANS = ("1h", "4h", "1d", "7d")
BY_HAND = "by_hand"
"""The reason, as a word of ours, where a button was pressed and none was given."""
FIELDS = (*MATCHED, "for", "until", "reason")


@get("/silences")
async def show_silences(visit: Here, database: Db, now: Now, alert_values: AlertValues) -> Response[Any]:
    """Those that are over come in pages."""
    return await _page(visit, database, now, alert_values, {}, None)


@post("/silences")
async def begin_silence(visit: Here, database: Db, now: Now, alert_values: AlertValues) -> Response[Any]:
    """From now on; with a fault, the form comes back as it was filled in, and says which field it is.

    A button on another page says with `about`, as a query, what it is about, and leads back there.
    """
    by, form = visit.must_operate().name, Query(await visit.request.form())
    about = form.text("about")
    wish = {name: form.text(name) for name in FIELDS} | _literal(about or "")
    match = {name: text for name in MATCHED if (text := wish[name])}
    try:
        until = end_of_silence(wish["until"], wish["for"], now, parse_zone_of("until", form.text("zone")))
        begun = silence(uuid4(), match, until, wish["reason"] or (BY_HAND if about else ""), by, now, alert_values)
    except BadParameter as fault:
        return await _page(visit, database, now, alert_values, {name: wish[name] or "" for name in FIELDS}, fault)
    async with database.transaction() as conn:
        await commands.begin_silence(conn, begun)
    if about:
        return await visit.back("silence_begun")
    return Redirect(with_done("/silences", "silence_begun"), status_code=303)


def _literal(about: str) -> dict[str, str | None]:
    """The values of a query, none of them a glob."""
    return {name: escape(text) for name, text in parse_qsl(about) if name in MATCHED}


@post("/silences/{silence_id:uuid}/end")
async def end_silence(visit: Here, database: Db, now: Now, silence_id: Id) -> Response[Any]:
    """Now; one that is over stays as it ended."""
    return await visit.does("silence_ended", database, lambda conn, by: commands.end_silence(conn, silence_id, by, now))


async def _page(
    visit: Visit, database: Database, now: datetime, known: Mapping[str, Sequence[str]], wish: dict[str, str],
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
