"""Endpoints at run time: made, tried, disabled and deleted, each of which is a fact of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import SendPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.errors import NotFound, Rejected
from tracker.facts.own_facts import detail, own_fact
from tracker.outbound.addresses import origin_of
from tracker.store.actions import actions
from tracker.store.log import event_log
from tracker.store.reactions import rule_book, webhook_endpoints
from tracker.store.reactions.rule_book import Switch

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    from tracker.domain.actions import Claimed
    from tracker.store.database import Connection
    from tracker.store.reactions.webhook_endpoints import WebhookEndpoint

PREFIX = "endpoint-"
MOST = 200
MOST_FAILURES = 5
"""Messages in a row that may fail for good, each after all its attempts, before nothing more is sent there."""

TRIAL = "webhook.test"


async def create_endpoint(conn: Connection, made: WebhookEndpoint) -> None:
    """From now on what fits is sent there; raises Rejected where there are too many."""
    if await webhook_endpoints.count(conn) >= MOST:
        raise Rejected("too_many", f"there are {MOST} endpoints, which is all that there may be: delete one first")
    await webhook_endpoints.add(conn, made)
    said = {"url": origin_of(made.url), "events": list(made.events), "filter": dict(made.filter)}
    await _say(conn, made.id, "endpoint.created", made.by, made.created_at, **said)


async def delete_endpoint(conn: Connection, endpoint: str, by: str, now: datetime) -> None:
    """From now on nothing is sent there; raises NotFound."""
    if not await webhook_endpoints.remove(conn, endpoint):
        raise _unknown(endpoint)
    await rule_book.clear_switch(conn, endpoint)
    await _say(conn, endpoint, "endpoint.deleted", by, now)


async def try_endpoint(conn: Connection, endpoint: str, by: str, now: datetime) -> UUID:
    """Send it a message that says so; the action that does it. Raises NotFound."""
    if await webhook_endpoints.find(conn, endpoint) is None:
        raise _unknown(endpoint)
    payload = SendPayload(event=TRIAL, data={"endpoint": endpoint, "by": by})
    spec = ActionSpec("send", endpoint, payload, f"manual:{uuid4()}", now)
    await actions.intend(conn, [ActionRequest(spec, "", "", None, "", None)], now)
    said = {**detail(spec.id, None, None, "send", "requested", "by_hand"), "target": endpoint, "by": by}
    await event_log.append(
        conn, [own_fact("manual", f"{spec.id}:requested", "action.requested", "", None, now, now, detail=said)]
    )
    return spec.id


async def note_sent(conn: Connection, claimed: Claimed, state: str, reason: str, now: datetime) -> None:
    """A message to an endpoint has ended: after MOST_FAILURES dead ones in a row its rule is put out of force."""
    if state != "dead":
        await webhook_endpoints.count_taken(conn, [claimed.target])
        return
    failures = await webhook_endpoints.count_failure(conn, claimed.target)
    if failures < MOST_FAILURES:
        return
    known = (await rule_book.switches_by_rule(conn)).get(claimed.target)
    if known is None or known.enabled:
        await rule_book.put_switch(conn, Switch(claimed.target, False, "tracker", now))
        said = {"failures": failures, "reason": reason, "action": str(claimed.id)}
        await _say(conn, claimed.target, "endpoint.disabled", "tracker", now, **said)


def _unknown(endpoint: str) -> NotFound:
    return NotFound(f'there is no endpoint "{endpoint}" that was made at run time')


async def _say(conn: Connection, endpoint: str, event: str, by: str, now: datetime, **said: Any) -> None:
    delivery, said = f"{endpoint}:{event}:{now.isoformat()}", {"endpoint": endpoint, **said, "by": by}
    await event_log.append(conn, [own_fact("manual", delivery, event, "", None, now, now, detail=said)])
