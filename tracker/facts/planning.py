"""Plans are made, rest, go on and end as people say; each of these is a fact of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tracker.domain.plans import MOVES
from tracker.errors import Rejected
from tracker.facts.own_facts import own_fact
from tracker.store.actions import plans
from tracker.store.actions.plans import MOST, MOST_SILENCED
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    from tracker.domain.plans import Order
    from tracker.store.actions.plans import Plan
    from tracker.store.database import Connection

TOLD = {"paused": "plan.paused", "running": "plan.resumed", "cancelled": "plan.cancelled"}


async def make_plan(
    conn: Connection, order: Order, chosen: tuple[str, Sequence[object]], by: str, now: datetime
) -> Plan:
    """Have the order given for each that is `chosen` now: a statement's text, and its values.

    Raises Rejected when nothing is chosen, or too much.
    """
    made = await plans.make(conn, uuid4(), order, chosen, by, now)
    if made.total == 0:
        raise Rejected("nothing_chosen", f"no {order.subject} fit these filters")
    most = MOST_SILENCED if order.verb == "silence" else MOST
    if made.total > most:
        raise Rejected("too_many", f"more than {most:,} {order.subject} fit these filters: narrow them")
    await _tell(conn, made, "plan.made", by, now, filters=order.filters, total=made.total, note=order.note)
    return made


async def bring_plan(conn: Connection, plan: UUID, state: str, by: str, now: datetime) -> Plan:
    """Pause, resume (`running`) or cancel; raises NotFound, or Rejected where the plan is in no state for that."""
    known = await plans.get(conn, plan, lock=True)
    event, needed = TOLD[state], MOVES[state]
    if known.state not in needed:
        verb, few = event.partition(".")[2], " or ".join(needed)
        raise Rejected("wrong_state", f"plan {plan} is {known.state}: only one that is {few} can be {verb}")
    await _tell(conn, known, event, by, now, left=known.left)
    return await plans.move(conn, plan, state, now)


async def _tell(conn: Connection, plan: Plan, event: str, by: str, now: datetime, **said: Any) -> None:
    said |= {"plan": str(plan.id), "order": f"{plan.subject}.{plan.verb}", "by": by}
    delivery = f"{plan.id}:{event}:{now.isoformat()}"
    await event_log.append(conn, [own_fact("manual", delivery, event, "", None, now, now, detail=said)])
