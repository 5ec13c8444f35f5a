"""Plans to do ended actions once more, and what people want of them: done at once, and a fact of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tracker.errors import Rejected
from tracker.facts.own_facts import own_fact
from tracker.store.actions import redeliveries
from tracker.store.actions.redeliveries import MOST, Plan
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    from tracker.domain.rate import Rate
    from tracker.store.database import Connection

MOVES = {"paused": ("running",), "running": ("paused",), "cancelled": ("running", "paused")}
"""From which states a person brings a plan into which."""

SAID = {"paused": "redelivery.paused", "running": "redelivery.resumed", "cancelled": "redelivery.cancelled"}


async def plan_redelivery(
    conn: Connection,
    chosen: tuple[str, Sequence[object]],
    told: Mapping[str, object],
    how: tuple[bool, Rate, str],
    by: str,
    now: datetime,
) -> UUID:
    """Plan to do once more what is `chosen` now: the text of a statement (created_at, id) and its values.

    `told` are the filters as they are shown, `how` is whether under fresh ids, how fast, and a note. Raises Rejected
    when nothing is chosen, or too much.
    """
    fresh, rate, note = how
    made = Plan(uuid4(), told, fresh, str(rate), note, by)
    total = await redeliveries.make(conn, made, *chosen, now)
    if total == 0:
        raise Rejected("nothing_chosen", "no ended action fits these filters")
    if total > MOST:
        raise Rejected("too_many", f"more than {MOST:,} actions fit these filters: narrow them, and make several plans")
    said = {"filters": told, "fresh": fresh, "rate": str(rate), "note": note, "total": total}
    await _say(conn, made.id, "redelivery.planned", by, now, **said)
    return made.id


async def bring_redelivery(conn: Connection, plan_id: UUID, state: str, by: str, now: datetime) -> None:
    """Pause, resume (`running`) or cancel; raises NotFound, or Rejected where the plan is in no state for that."""
    found = await redeliveries.lock(conn, plan_id)
    if found.state not in MOVES[state]:
        verb, few = SAID[state].rpartition(".")[2], " or ".join(MOVES[state])
        raise Rejected(
            "wrong_state", f"redelivery {plan_id} is {found.state}: only one that is {few} can be {verb}"
        )  # fmt: skip
    await redeliveries.move(conn, plan_id, state, now)
    await _say(conn, plan_id, SAID[state], by, now, left=found.left)


async def _say(conn: Connection, plan_id: UUID, event: str, by: str, now: datetime, **said: Any) -> None:
    detail = {**said, "redelivery": str(plan_id), "by": by}
    delivery = f"{plan_id}:{event}:{now.isoformat()}"
    await event_log.append(conn, [own_fact("manual", delivery, event, "", None, now, now, detail=detail)])
