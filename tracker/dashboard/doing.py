"""What every button of a page goes through: who may press it, and where the visitor stands afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.response import Redirect

from tracker.dashboard.asked import Asked, own, with_done
from tracker.errors import NotAllowed

if TYPE_CHECKING:
    from litestar import Response

    from tracker.dashboard.rendering import Visit

NO_KEY = "dashboard"


def operator(visit: Visit) -> str:
    """The name of the key that may do something here, or "dashboard" where none was needed; raises NotAllowed."""
    if visit.key is None or not visit.may_operate:
        raise NotAllowed('this needs a key with the scope "operate"')
    return visit.key.name or NO_KEY


async def form_of(visit: Visit) -> Asked:
    """What was sent with the button."""
    return Asked(await visit.request.form())


async def back(visit: Visit, done: str) -> Response[Any]:
    """To the page that the button was on, which says what was done."""
    return Redirect(with_done(own((await form_of(visit)).text("then")), done), status_code=303)
