"""The page behind the link of an alert: whoever has the link acknowledges the alert, once, without a key.

Programs open links too, to preview them or to look for harm. So to open it changes nothing; its button does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.dashboard.session import Db, Here, Now
from tracker.domain.runs.acknowledgement import Links
from tracker.errors import NotFound, Rejected
from tracker.facts import commands
from tracker.queries.actions import OneActionOut, one_action
from tracker.queries.runs import find_run

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection

Token = Annotated[str, PathParameter()]
Signed = NamedDependency[Links]


@get("/acknowledge/{token:str}")
async def show_alert(guest: Here, database: Db, now: Now, links: Signed, token: Token) -> Response[Any]:
    """What the alert told, and the button, as long as somebody waits for it."""
    async with database.connection() as conn:
        alert = await _alert(conn, links, token, now)
        run = await find_run(conn, alert.run) if alert.run else None
    return guest.page("acknowledge", alert=alert, state="open" if run and run.is_unacknowledged else "over")


@post("/acknowledge/{token:str}")
async def acknowledge(guest: Here, database: Db, now: Now, links: Signed, token: Token) -> Response[Any]:
    """Acknowledge it, in the name of the channel to which the link was sent."""
    state = "done"
    async with database.transaction() as conn:
        alert = await _alert(conn, links, token, now)
        try:
            if alert.run:
                await commands.acknowledge(conn, alert.run, f"the link sent to {alert.target}", now, alert.id)
        except Rejected:
            state = "over"
    return guest.page("acknowledge", alert=alert, state=state)


async def _alert(conn: Connection, links: Links, token: str, now: datetime) -> OneActionOut:
    """Raises NotFound, which does not tell a link that has ended from one that never was."""
    action = links.action_of(token, now)
    if action is None:
        raise NotFound("this link is none of ours, or it is older than a week")
    return await one_action(conn, action)
