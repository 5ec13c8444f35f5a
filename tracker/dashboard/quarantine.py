"""The quarantine: what could not be taken into the log, what would become of it by now, and what is done about it."""

import re
from collections import Counter
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect

from tracker.dashboard.query import Query, address, with_done
from tracker.dashboard.session import ON_A_PAGE, Db, Here, ProviderNames
from tracker.errors import BadParameter
from tracker.queries.quarantine import HELD, QuarantineQuery, list_quarantine, oldest_held
from tracker.receive.quarantine_replay import Replay, Verdict
from tracker.store.database import Database
from tracker.store.log import quarantine
from tracker.store.log.quarantine import STATES

AT_ONCE = 200
"""So many are tried in one go."""

BODY_SHOWN = 8192
LARGEST = 2**63 - 1
REASONS = (
    "not_json", "no_event", "bad_event", "no_post", "bad_post", "too_many_posts", "unstorable", "signature_missing",
    "signature_malformed", "signature_wrong", "signature_stale", "unknown_provider",
)  # fmt: skip
SIGNATURES = {"right": True, "wrong": False}
ASKED = ("provider", "reason")

Replaying = NamedDependency[Replay]
ItemId = Annotated[int, PathParameter(ge=1, le=LARGEST)]


@get("/quarantine")
async def show_quarantine(visit: Here, database: Db, provider_names: ProviderNames) -> Response[Any]:
    """The newest first; without a filter, what is held."""
    asked = Query(visit.request.query_params)
    states, signature = asked.words("state", STATES), asked.words("signature", SIGNATURES)
    given = {name: asked.text(name) or "" for name in ASKED}
    authentic = SIGNATURES[signature[0]] if len(signature) == 1 else None
    query = QuarantineQuery(states or (HELD,), given["provider"] or None, given["reason"] or None, authentic)
    async with database.connection() as conn:
        page = await list_quarantine(conn, query, asked.cursor, ON_A_PAGE)
    filled: dict[str, object] = {**given, "state": states, "signature": signature}
    return visit.list_page(
        "quarantine", "/quarantine", page.next, filled, items=page.items, given=filled, states=STATES, reasons=REASONS,
        providers=provider_names, signatures=tuple(SIGNATURES), held_only=query.states == (HELD,) and not signature,
    )  # fmt: skip


@get("/quarantine/{item:int}")
async def show_held(visit: Here, database: Db, replaying: Replaying, item: ItemId) -> Response[Any]:
    """One delivery, and what would become of it now."""
    async with database.connection() as conn:
        kept = await quarantine.get(conn, item)
    verdict = await replaying.replay(item, dry_run=True) if kept.state == HELD else None
    body = kept.body[:BODY_SHOWN] if visit.is_admin else None
    return visit.page("held", item=kept, size=kept.size, body=body, verdict=verdict)


@post("/quarantine/{item:int}/replay")
async def replay_held(visit: Here, replaying: Replaying, item: ItemId) -> Response[Any]:
    """Try to take it into the log."""
    visit.must_operate()
    verdict = await replaying.decide(item)
    return Redirect(with_done(f"/quarantine/{item}", f"replay_{verdict.outcome}"), status_code=303)


@post("/quarantine/{item:int}/discard")
async def discard_held(visit: Here, replaying: Replaying, item: ItemId) -> Response[Any]:
    """Give it up."""
    visit.must_operate()
    await replaying.discard(item)
    return Redirect(with_done(f"/quarantine/{item}", "held_discarded"), status_code=303)


@get("/quarantine/replay")
async def show_replay(visit: Here, database: Db, replaying: Replaying) -> Response[Any]:
    """What would become of all that are held and match, the oldest first."""
    asked = Query(visit.request.query_params)
    given = {name: asked.text(name) or "" for name in ASKED}
    verdicts, more = await _tried(database, replaying, given, LARGEST, dry_run=True)
    return visit.page(
        "replay", given=given, number=len(verdicts), more=more, through=verdicts[-1].item if verdicts else 0,
        outcomes=Counter((verdict.outcome, verdict.reason) for verdict in verdicts).most_common(),
        taken=sum(verdict.outcome != HELD for verdict in verdicts),
    )  # fmt: skip


@post("/quarantine/replay")
async def replay_all(visit: Here, database: Db, replaying: Replaying) -> Response[Any]:
    """Try those that were shown before."""
    visit.must_operate()
    form = Query(await visit.request.form())
    given = {name: form.text(name) or "" for name in ASKED}
    through = form.text("through") or ""
    if not re.fullmatch("[0-9]{1,18}", through):
        raise BadParameter("through", f'"{through}" is not the number of a delivery')
    await _tried(database, replaying, given, int(through), dry_run=False)
    return Redirect(with_done(address("/quarantine", **given), "replay_all"), status_code=303)


async def _tried(
    database: Database, replaying: Replay, given: dict[str, str], through: int, *, dry_run: bool
) -> tuple[list[Verdict], bool]:
    """The verdict on each that is held and fits, up to that item, and whether there are more than are tried at once."""
    async with database.connection() as conn:
        query = QuarantineQuery((HELD,), given["provider"] or None, given["reason"] or None)
        page = await oldest_held(conn, query, None, AT_ONCE)
    items = [item.id for item in page.items if item.id <= through]
    return [await replaying.replay(item, dry_run=dry_run) for item in items], page.next is not None
